"""What a configuration says of one reference, and on which lines (design: Command line, `config check REF`).

Only the configuration is asked: neither what is signed nor whether the image exists.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from proxy.config import Loaded
from proxy.config.document import Document, KeyPath, quoted, show
from proxy.config.effective import Value, effective
from proxy.errors import NoRule
from proxy.names import Digest, Reference, Repository
from proxy.policy.entries import Entry, Mode
from proxy.policy.weaker import in_words, lacks

Rows = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Named:
    """A pattern of the configuration, and where it stands."""

    pattern: str
    place: str

    def __str__(self) -> str:
        return f"{quoted(self.pattern)} ({self.place})"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who must sign: the rule's name as in messages, what it asks for, and where it stands."""

    name: str
    signed_by: str
    place: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """An entry that matches and does not apply; `lacks` says in what the one that does asks for less."""

    pattern: str
    place: str
    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Anchored:
    """Where trust data is, and what anchors it."""

    gun: str
    notary: str
    url: str
    roots: Value


@dataclass(frozen=True, slots=True)
class Rollout:
    """The mode that holds now, and the entry of `rollout` that says so, if one does."""

    mode: Mode
    entry: Named | None = None
    says: Mode | None = None
    until: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of `exceptions` or `blocked` that names the digest; `until` is for exceptions, which end."""

    reason: str
    place: str
    holds: bool = True
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Applying:
    """All of it. `rules` has one rule for a tag, and each that may admit a digest; `nearest` only without entry."""

    reference: str
    entry: Named | None
    nearest: tuple[Named, ...]
    rules: tuple[Rule, ...]
    rollout: Rollout
    trust_data: Anchored | None
    owner: str
    hides: tuple[Hidden, ...]
    exceptions: tuple[Listed, ...]
    blocked: tuple[Listed, ...]

    def as_json(self) -> dict[str, Any]:
        """What JSON can hold; instants are RFC 3339."""
        told: dict[str, Any] = _plain(asdict(self))
        return told

    def has(self, path: str) -> bool:
        """Whether a value with this path, as `effective` shows it, belongs to what applies."""
        named = (("repositories", self.entry), ("rollout", self.rollout.entry))
        tops = [show((section, entry.pattern)) for section, entry in named if entry is not None]
        return any(path == top or path.startswith(f"{top}.") for top in tops)

    def rows(self) -> Rows:
        """The same for people: what it is about, and a line about it."""
        return list(_rows(self))


def applying(loaded: Loaded, reference: Reference, now: datetime) -> Applying:
    """Look up what holds for a reference at an instant (aware)."""
    policy, repository = loaded.settings.policy, reference.repository
    entry = _entry(loaded, repository)
    return Applying(
        reference=str(reference),
        entry=None if entry is None else _named(loaded, "repositories", entry.pattern),
        nearest=_nearest(loaded, repository) if entry is None else (),
        rules=() if entry is None else tuple(_rules(loaded, entry, reference)),
        rollout=_rollout(loaded, repository, now),
        trust_data=None if entry is None else _anchored(loaded, entry, repository),
        owner="" if entry is None or entry.owner is None else _owner(entry.owner.name, entry.contact),
        hides=()
        if entry is None
        else tuple(
            Hidden(other.pattern, _place(loaded, ("repositories", other.pattern)), lacks(entry, other))
            for other in policy.hidden_for(repository)
        ),
        exceptions=tuple(_exceptions(loaded, reference, now)),
        blocked=tuple(_blocked(loaded, reference)),
    )


def _owner(name: str, contact: str) -> str:
    return f"{name}, {contact or 'who has no contact yet'}"


def _entry(loaded: Loaded, repository: Repository) -> Entry | None:
    try:
        return loaded.settings.policy.entry_for(repository)
    except NoRule:
        return None


def _named(loaded: Loaded, section: str, pattern: str) -> Named:
    return Named(pattern, _place(loaded, (section, pattern)))


def _holder(loaded: Loaded, path: KeyPath) -> Document | None:
    """The file in which a path is written: the main one, or one that it includes."""
    files = (loaded.document, *loaded.document.included)
    return next((document for document in files if document.is_written(path)), None)


def _place(loaded: Loaded, path: KeyPath) -> str:
    return (_holder(loaded, path) or loaded.document).place(path)


def _nearest(loaded: Loaded, repository: Repository) -> tuple[Named, ...]:
    """The patterns that look most like the name, which may have been meant."""
    patterns = [str(entry.pattern) for entry in loaded.settings.policy.entries]
    return tuple(_named(loaded, "repositories", each) for each in get_close_matches(repository, patterns, cutoff=0.4))


def _rules(loaded: Loaded, entry: Entry, reference: Reference) -> Iterator[Rule]:
    at: KeyPath = ("repositories", entry.pattern)
    own = (*at, "signed_by") if _holder(loaded, (*at, "signed_by")) else ("defaults", "signed_by")
    general = Rule(str(entry.pattern), in_words(entry.signed_by), _place(loaded, own))
    tagged = {
        f"{entry.pattern}:{tags}": Rule(f"{entry.pattern}:{tags}", in_words(asked), _place(loaded, (*at, "tags", tags)))
        for tags, asked in entry.tags
    }
    if isinstance(reference.target, Digest):
        yield general
        yield from tagged.values()
    else:
        yield tagged.get(entry.rule_for(reference.target)[0], general)


def _rollout(loaded: Loaded, repository: Repository, now: datetime) -> Rollout:
    policy = loaded.settings.policy
    mode, item = policy.mode_for(repository, now), policy.relaxation_for(repository)
    if item is None:
        return Rollout(mode)
    return Rollout(mode, _named(loaded, "rollout", item.pattern), item.mode, item.until, item.reason)


def _anchored(loaded: Loaded, entry: Entry, repository: Repository) -> Anchored:
    path = show(("repositories", entry.pattern, "roots"))
    roots = next(value for value in effective(loaded) if value.path == path)
    url = loaded.settings.notaries[entry.notary].place
    return Anchored(entry.gun(loaded.settings.name, repository), entry.notary, url, roots)


def _exceptions(loaded: Loaded, reference: Reference, now: datetime) -> Iterator[Listed]:
    for position, item in enumerate(loaded.settings.policy.exemptions):
        if (item.repository, item.digest) == (reference.repository, reference.target):
            yield Listed(item.reason, _place(loaded, ("exceptions", position)), now < item.until, item.until)


def _blocked(loaded: Loaded, reference: Reference) -> Iterator[Listed]:
    for position, item in enumerate(loaded.shape.blocked):
        if item.digest is not None and item.digest == reference.target:
            yield Listed(item.reason, _place(loaded, ("blocked", position)))


def _rows(found: Applying) -> Iterator[tuple[str, str]]:
    yield "reference", found.reference
    yield from _entry_rows(found)
    yield "mode", _mode(found.rollout)
    if found.trust_data is not None:
        data = found.trust_data
        yield "collection", data.gun
        yield "Notary", f"{data.notary}, {data.url}"
        yield "roots", f"{data.roots.text} ({data.roots.origin.replace(' (', ', ').removesuffix(')')})"
    if found.owner:
        yield "owner", found.owner
    for hidden in found.hides:
        less = f"; what applies asks for less: {'; '.join(hidden.lacks)}" if hidden.lacks else ""
        yield "hides", f"{Named(hidden.pattern, hidden.place)}{less}"
    for listed in found.exceptions:
        ends = "until" if listed.holds else "it ended"
        yield "exception", f"{ends} {_instant(listed.until)}: {listed.reason} ({listed.place})"
    for listed in found.blocked:
        yield "blocked", f"{listed.reason} ({listed.place}); this counts before everything else"


def _entry_rows(found: Applying) -> Iterator[tuple[str, str]]:
    if found.entry is None:
        yield "entry", "none matches, so enforce refuses it [no_rule]; add one, or correct a pattern"
        for named in found.nearest:
            yield "nearest", str(named)
        return
    yield "entry", str(found.entry)
    if len(found.rules) > 1:
        yield "rules", "each tag that names this digest admits it by its own rule:"
    for rule in found.rules:
        yield "rule", f"{quoted(rule.name)} wants {rule.signed_by} ({rule.place})"


def _mode(rollout: Rollout) -> str:
    if rollout.entry is None:
        return f"{rollout.mode}: nothing in rollout matches"
    ends = f" until {_instant(rollout.until)}: {rollout.reason}" if rollout.until else ""
    if rollout.mode is not rollout.says:
        return f"{rollout.mode}: it was {rollout.says}{ends}, by {rollout.entry}"
    after = "; then enforce" if rollout.until else ""
    return f"{rollout.mode}{ends}{after}, by {rollout.entry}"


def _instant(until: datetime | None) -> str:
    return "" if until is None else until.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _plain(value: Any) -> Any:  # noqa: ANN401  (a tree holds anything)
    match value:
        case dict():
            return {key: _plain(part) for key, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
        case datetime():
            return _instant(value)
        case _:
            return value
