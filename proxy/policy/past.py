"""What roles said of tags before: recorded when a newer collection is committed, applied when somebody asks.

No rule is looked at here. A record holds the statements as they were and the keys that signed them; whether
they still count is decided with the keys and rules of the day (design: Which digests are admitted, 3).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

from proxy.errors import ReferenceInvalid
from proxy.limits import PAST_OF_A_TAG, PAST_STATEMENTS
from proxy.names import Digest, RoleName, Tag
from proxy.tuf.canonical import encode, read
from proxy.tuf.collection import Collection, Role, Target

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Statement:
    """What a role said of a tag, and the public key ids (dialect 2.5, canonical) that had signed the role."""

    role: RoleName
    target: Target
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Earlier:
    """All that was said of a tag until an instant, by role name; nothing where it was revoked until then."""

    tag: Tag
    ended: datetime
    said: tuple[Statement, ...]

    @property
    def weight(self) -> int:
        """How much memory it takes: one for itself, each statement and each key behind it."""
        return 1 + sum(1 + len(statement.keys) for statement in self.said)


@dataclass(frozen=True, eq=False)
class Past:
    """Everything remembered of one collection's tags, the oldest first. Immutable."""

    records: tuple[Earlier, ...] = ()

    @cached_property
    def _by_tag(self) -> Mapping[Tag, tuple[Earlier, ...]]:
        found: dict[Tag, list[Earlier]] = {}
        for record in self.records:
            found.setdefault(record.tag, []).append(record)
        return {tag: tuple(records) for tag, records in found.items()}

    @cached_property
    def _by_digest(self) -> Mapping[Digest, frozenset[Tag]]:
        found: dict[Digest, set[Tag]] = {}
        for record in self.records:
            for statement in record.said:
                found.setdefault(statement.target.digest, set()).add(record.tag)
        return {digest: frozenset(tags) for digest, tags in found.items()}

    def of(self, tag: Tag) -> tuple[Earlier, ...]:
        """What was said of a tag, the oldest first."""
        return self._by_tag.get(tag, ())

    def naming(self, digest: Digest) -> frozenset[Tag]:
        """The tags of which any role ever said this digest."""
        return frozenset(self.each_naming(digest))

    def each_naming(self, digest: Digest) -> Iterator[Tag]:
        """The same tags one after the other; none is read before it is asked for."""
        yield from self._by_digest.get(digest, ())

    def encode(self) -> bytes:
        """As bytes, to be remembered; empty for none."""
        return self._written

    @cached_property
    def _written(self) -> bytes:
        if not self.records:
            return b""
        voices: dict[tuple[RoleName, frozenset[str]], int] = {}
        records = [
            [
                record.tag,
                (record.ended - _EPOCH) // _TICK,
                [
                    [
                        voices.setdefault((statement.role, statement.keys), len(voices)),
                        statement.target.digest.hex,
                        statement.target.length,
                    ]
                    for statement in record.said
                ],
            ]
            for record in self.records
        ]
        return encode({"records": records, "voices": [[role, sorted(keys)] for role, keys in voices]})

    @classmethod
    def decode(cls, data: bytes) -> "Past":
        """Read what `encode` wrote. Raises `ValueError` for anything that it never writes."""
        if not data:
            return NO_PAST
        try:
            past = cls(tuple(_records(read(data))))
        except (TypeError, KeyError, IndexError, ReferenceInvalid) as error:
            raise ValueError("is no record of earlier statements") from error
        if past.encode() != data or not _is_in_order(past):
            raise ValueError("is no record of earlier statements as this program writes it")
        return past


NO_PAST: Final = Past()


def record(past: Past, before: Collection | None, after: Collection, now: datetime, keep_for: timedelta) -> Past:
    """The past with what `before` said of every tag of which `after` says something else, ended `now`.

    What ended more than twice `keep_for` ago is forgotten: a digest may be served for `keep_for` while its
    tag is signed again, and for `keep_for` after that. Where nobody knows any more what came before, nothing
    is remembered, because a tag may have been revoked meanwhile. The same object where nothing changed.
    """
    if before is None:
        return NO_PAST
    ended = max([now, *(last.ended for last in past.records[-1:])])  # in order, whatever the clock does
    changed = [Earlier(tag, ended, _said(before, tag)) for tag in _changed(before, after)]
    added = [earlier for earlier in changed if earlier.said or past.of(earlier.tag)]
    kept = [earlier for earlier in past.records if abs(now - earlier.ended) <= 2 * keep_for]
    if not added and len(kept) == len(past.records):
        return past
    return Past(_newest(kept + added))


def _changed(before: Collection, after: Collection) -> list[Tag]:
    """The tags of which some role says something else now; a role that cannot be used says nothing."""
    ones, others = _speakers(before), _speakers(after)
    changed: set[Tag] = set()
    for name in ones.keys() | others.keys():
        one, other = ones.get(name), others.get(name)
        if one is other or (one and other and one.paths == other.paths and one.targets == other.targets):
            continue
        tags = {tag for role in (one, other) if role for tag in role.targets}
        changed |= {tag for tag in tags if (one and one.target(tag)) != (other and other.target(tag))}
    return sorted(changed)


def _speakers(collection: Collection) -> dict[RoleName, Role]:
    return {role.name: role for role in collection.usable()}


def _said(collection: Collection, tag: Tag) -> tuple[Statement, ...]:
    said = (
        Statement(role.name, target, role.signed_by)
        for role in collection.usable()
        if (target := role.target(tag)) is not None
    )
    return tuple(sorted(said, key=lambda statement: statement.role))


def _newest(records: list[Earlier]) -> tuple[Earlier, ...]:
    """As many of the newest as there is room for; whoever is dropped is refused sooner, never served longer."""
    records = _newest_of_each(records)
    room = PAST_STATEMENTS
    for first in range(len(records) - 1, -1, -1):
        room -= records[first].weight
        if room < 0:
            return tuple(records[first + 1 :])
    return tuple(records)


def _newest_of_each(records: list[Earlier]) -> list[Earlier]:
    """Each tag's newest records: going through them costs whoever asks for the tag."""
    places: dict[Tag, list[int]] = {}
    for place, earlier in enumerate(records):
        places.setdefault(earlier.tag, []).append(place)
    kept = {place for of_tag in places.values() for place in of_tag[-PAST_OF_A_TAG:]}
    return [earlier for place, earlier in enumerate(records) if place in kept]


def _records(written: Mapping[str, Any]) -> Iterable[Earlier]:
    voices = [(RoleName(role), frozenset(_text(key) for key in keys)) for role, keys in written["voices"]]
    for tag, ended, statements in written["records"]:
        said = (
            Statement(voices[voice][0], Target(Digest(f"sha256:{digest}"), _whole(length)), voices[voice][1])
            for voice, digest, length in statements
        )
        yield Earlier(Tag(tag), _EPOCH + ended * _TICK, tuple(said))


def _is_in_order(past: Past) -> bool:
    """Whether records stand by time, and the statements of each by role, once each."""
    times = [earlier.ended for earlier in past.records]
    roles = [[statement.role for statement in earlier.said] for earlier in past.records]
    return times == sorted(times) and all(names == sorted(set(names)) for names in roles)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError
    return value
