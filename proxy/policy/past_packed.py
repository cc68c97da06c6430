"""What is remembered of earlier tags, kept so that one tag's part can be read without the rest.

There may be a hundred thousand statements, and reading them all takes the better part of a second. Only this program
and its own processes read what is kept here; what the trust store has is `Past.encode`.
"""

import pickle
from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import Final, TypeAlias

from proxy.limits import PAST_PLAIN_BYTES
from proxy.names import Digest, RoleName, Tag
from proxy.policy.past import Earlier, Past, Statement
from proxy.tuf.targets import Target

_Voice: TypeAlias = tuple[RoleName, frozenset[str]]

_HASH: Final = 32
_NUMBER: Final = 4  # bytes: a row is a digest, and the number of a tag of which it was said
_PICKLE: Final = pickle.dumps((), pickle.HIGHEST_PROTOCOL)[:1]  # what `Past.encode` writes never begins so


def keep(past: Past) -> bytes:
    """A past as it is kept in memory, and sent to another process of ours."""
    if isinstance(past, PackedPast):
        return past.as_bytes()
    written = past.encode()
    return written if len(written) <= PAST_PLAIN_BYTES else PackedPast.pack(past).as_bytes()


def kept(data: bytes) -> Past:
    """The past that was kept."""
    return PackedPast(data) if data.startswith(_PICKLE) else Past.decode(data)


class PackedPast(Past):
    """A large past: what was said of a tag, or which tags had a digest, is found by bisection and read alone."""

    _data: bytes
    _written: bytes
    _voices: tuple[_Voice, ...]
    _tags: list[bytes]
    _said: list[bytes]
    _rows: list[bytes]

    def __init__(self, data: bytes) -> None:
        """Read what `pack` wrote."""
        written, voices, tags, said, rows = pickle.loads(data)  # noqa: S301  (our own)
        self.__dict__.update(_data=data, _written=written, _voices=voices, _tags=tags, _said=said, _rows=rows)

    @classmethod
    def pack(cls, past: Past) -> "PackedPast":
        """Pack a past."""
        voices: dict[_Voice, int] = {}
        tags = sorted({record.tag for record in past.records})
        said = [pickle.dumps(tuple(_facts(record, voices) for record in past.of(tag))) for tag in tags]
        rows = {
            _raw(statement.target.digest) + number.to_bytes(_NUMBER)
            for number, tag in enumerate(tags)
            for record in past.of(tag)
            for statement in record.said
        }
        facts = (past.encode(), tuple(voices), [tag.encode("ascii") for tag in tags], said, sorted(rows))
        return cls(pickle.dumps(facts, pickle.HIGHEST_PROTOCOL))

    def as_bytes(self) -> bytes:
        """All of it; reading them gives the same past."""
        return self._data

    @cached_property
    def records(self) -> tuple[Earlier, ...]:
        """Everything, the oldest first."""
        return Past.decode(self._written).records

    def of(self, tag: Tag) -> tuple[Earlier, ...]:
        """What was said of a tag, the oldest first."""
        sought = tag.encode("ascii")
        number = bisect_left(self._tags, sought)
        if number == len(self._tags) or self._tags[number] != sought:
            return ()
        facts = pickle.loads(self._said[number])  # noqa: S301  (our own)
        return tuple(Earlier(tag, ended, tuple(map(self._statement, said))) for ended, said in facts)

    def each_naming(self, digest: Digest) -> Iterator[Tag]:
        """The tags of which any role ever said this digest; none is read before it is asked for."""
        sought = _raw(digest)
        for place in range(bisect_left(self._rows, sought), len(self._rows)):
            row = self._rows[place]
            if not row.startswith(sought):
                return
            yield Tag(self._tags[int.from_bytes(row[_HASH:])].decode())

    def _statement(self, facts: tuple[int, bytes, int]) -> Statement:
        voice, digest, length = facts
        role, keys = self._voices[voice]
        return Statement(role, Target(Digest.from_hash(digest), length), keys)


def _facts(record: Earlier, voices: dict[_Voice, int]) -> tuple[datetime, tuple[tuple[int, bytes, int], ...]]:
    said = (
        (
            voices.setdefault((statement.role, statement.keys), len(voices)),
            _raw(statement.target.digest),
            statement.target.length,
        )
        for statement in record.said
    )
    return record.ended, tuple(said)


def _raw(digest: Digest) -> bytes:
    return bytes.fromhex(digest.hex)
