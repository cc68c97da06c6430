"""What changed from one configuration to the next, by key, for people who read the log."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from proxy.config.document import show
from proxy.config.settings import Doors, Settings
from proxy.config.written import DEFAULTS
from proxy.limits import CHANGES_TOLD


def changes(before: Settings, after: Settings) -> list[str]:
    """The keys whose values, or the contents of whose files, are other ones; not more than one event holds.

    A key of `defaults` is one of them, beside the entries that follow it. Where no value is another one, it is what
    has another text: sections that nothing follows, and files that say the same in other words.
    """
    rewritten = _others(before.written, after.written)
    defaults = [key for key in rewritten if key.startswith(f"{DEFAULTS}.")]
    changed = sorted([*defaults, *_others(dict(_values(before)), dict(_values(after)))] or rewritten)
    told = changed[:CHANGES_TOLD]
    return told if len(told) == len(changed) else [*told, f"and {len(changed) - len(told)} more"]


def _others(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    return [key for key in {**one, **other} if one.get(key) != other.get(key)]


def _values(settings: Settings) -> Iterator[tuple[str, object]]:
    listen, registry, policy = settings.listen, settings.registry, settings.policy
    yield "name", settings.name
    yield "listen", listen
    yield "candidates", settings.candidates
    for door in ("push", "delete", "blobs"):
        yield f"registry.{door}", getattr(registry.doors, door)
    yield "registry", replace(registry, doors=Doors())
    yield "trust_store", settings.trust_store
    yield "exceptions", tuple(policy.exemptions)
    yield "blocked", (dict(policy.blocked.digests), dict(policy.blocked.keys))
    for name, notary in settings.notaries.items():
        yield show(("notaries", name)), notary
    for entry in policy.entries:
        yield show(("repositories", str(entry.pattern))), entry
    for relaxation in policy.rollout:
        yield show(("rollout", str(relaxation.pattern))), relaxation
