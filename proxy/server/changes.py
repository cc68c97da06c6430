"""What changed from one configuration to the next, by key, for people who read the log."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from proxy.config.document import show
from proxy.config.settings import Doors, Settings
from proxy.limits import CHANGES_TOLD


def changes(before: Settings, after: Settings) -> list[str]:
    """The keys whose values, or the contents of whose files, are other ones; not more than one event holds.

    What they rest on is named as well: keys of `defaults`, `signers`, `roots`, `owners` and `notaries` that have
    another text, and the files beside the configuration. Where that is nothing, it is the sections that have one.
    """
    rewritten = _others(before.written, after.written)
    rested_on = (key for key in rewritten if not key.isidentifier())  # it is no whole section
    changed = sorted({*rested_on, *_others(dict(_values(before)), dict(_values(after)))} or rewritten)
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
