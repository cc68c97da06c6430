"""Fields that every kind of file has: type, version and expiry (dialect 2)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from proxy.errors import MetadataCorrupt
from proxy.names import TARGETS
from proxy.tuf.metadata import read_root, read_snapshot, read_targets, read_timestamp
from tests.unit.tuf.files import ALICE, Json, complaint, root, snapshot, targets, timestamp

READERS: Final[dict[str, tuple[Callable[[Json], Any], Json]]] = {
    "root": (read_root, root()),
    "timestamp": (read_timestamp, timestamp()),
    "snapshot": (read_snapshot, snapshot()),
    "targets": (lambda signed: read_targets(TARGETS, signed), targets()),
    "delegation": (lambda signed: read_targets(ALICE, signed), targets()),
}
EVERY = pytest.mark.parametrize("kind", READERS)


@EVERY
def test_type_version_and_expiry_are_read(kind: str) -> None:
    """Every file has the three."""
    read, signed = READERS[kind]
    found = read(signed)
    assert (found.version, found.expires) == (7, datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC))


@EVERY
def test_unknown_fields_are_allowed(kind: str) -> None:
    """Signatures cover them, and nobody asks for them."""
    read, signed = READERS[kind]
    assert read(signed | {"note": {"any": [1, None]}, "spec_version": "1"}).version == 7


@EVERY
@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param({"_type": "targets"}, "its type is not", id="type in lower case"),
        pytest.param({"_type": "Mirror"}, "its type is not", id="type of no file"),
        pytest.param({"_type": None}, "its type is not", id="type null"),
        pytest.param({"_type": ["Root"]}, "wrong type", id="type a list"),
        pytest.param({"version": 0}, "below 1", id="version zero"),
        pytest.param({"version": -1}, "below 1", id="version negative"),
        pytest.param({"version": None}, "below 1", id="version null"),
        pytest.param({"version": "7"}, "wrong type", id="version text"),
        pytest.param({"version": True}, "wrong type", id="version true"),
        pytest.param({"version": 7.0}, "wrong type", id="version a float"),
        pytest.param({"expires": 7}, "wrong type", id="expires a number"),
        pytest.param({"expires": "soon"}, "no RFC 3339", id="expires junk"),
        pytest.param({"Version": 7}, "another case", id="version in another case beside it"),
    ],
)
def test_common_fields_have_exactly_their_form(kind: str, fields: Json, why: str) -> None:
    """What another reader might take otherwise is refused."""
    read, signed = READERS[kind]
    assert why in complaint(lambda: read(signed | fields))


@EVERY
@pytest.mark.parametrize("field", ["_type", "version"])
def test_type_and_version_must_be_there(kind: str, field: str) -> None:
    """Absent is not the same as fitting."""
    read, signed = READERS[kind]
    with pytest.raises(MetadataCorrupt):
        read({name: value for name, value in signed.items() if name != field})


@EVERY
@pytest.mark.parametrize("kind_of", [kind for kind in READERS if kind != "delegation"])
def test_no_file_passes_for_one_of_another_kind(kind: str, kind_of: str) -> None:
    """Whoever signs one kind cannot have it taken for another."""
    if {kind, kind_of} <= {"targets", "delegation"} or kind == kind_of:
        assert READERS[kind][0](READERS[kind_of][1]).version == 7
    else:
        assert "its type is not" in complaint(lambda: READERS[kind][0](READERS[kind_of][1]))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        pytest.param("2030-01-02T03:04:05Z", datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC), id="UTC"),
        pytest.param("2030-01-02T03:04:05+02:00", datetime(2030, 1, 2, 1, 4, 5, tzinfo=UTC), id="offset"),
        pytest.param("2030-01-02T03:04:05-11:30", datetime(2030, 1, 2, 14, 34, 5, tzinfo=UTC), id="negative offset"),
        pytest.param("2030-01-02T03:04:05.5Z", datetime(2030, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC), id="one digit"),
        pytest.param("2030-01-02T00:00:00.123456789Z", datetime(2030, 1, 2, 0, 0, 0, 123_456, tzinfo=UTC), id="nine"),
        pytest.param("2030-01-02T00:00:00.9999999Z", datetime(2030, 1, 2, microsecond=999_999, tzinfo=UTC), id="cut"),
        pytest.param("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), id="last second"),
        pytest.param("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC), id="first second"),
        pytest.param("", datetime(1, 1, 1, tzinfo=UTC), id="empty means long past"),
        pytest.param(None, datetime(1, 1, 1, tzinfo=UTC), id="null means long past"),
    ],
)  # fmt: skip
def test_an_expiry_is_an_instant(text: str | None, instant: datetime) -> None:
    """RFC 3339 with zone; what is finer than a microsecond is cut off."""
    assert read_timestamp(timestamp(expires=text)).expires == instant


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("2030-01-02T03:04:05", id="no zone"),
        pytest.param("2030-01-02 03:04:05Z", id="blank for T"),
        pytest.param("2030-01-02t03:04:05z", id="lower case"),
        pytest.param("2030-01-02T03:04:05.Z", id="empty fraction"),
        pytest.param("2030-01-02T03:04:05,5Z", id="comma"),
        pytest.param("2030-01-02T03:04:05+0200", id="offset without colon"),
        pytest.param("2030-01-02T03:04:05+24:00", id="offset of a day"),
        pytest.param("2030-02-30T03:04:05Z", id="no such day"),
        pytest.param("2030-01-02T24:00:00Z", id="no such hour"),
        pytest.param("2030-01-02T03:04:60Z", id="leap second"),
        pytest.param("0001-01-01T00:00:00+01:00", id="before the first second"),
        pytest.param("9999-12-31T23:59:59-01:00", id="after the last second"),
        pytest.param("\u0662030-01-02T03:04:05Z", id="other digits"),
        pytest.param("2030-01-02T03:04:05Z\n", id="newline behind"),
    ],
)
def test_anything_else_is_no_instant(text: str) -> None:
    """Nothing is guessed about when trust ends."""
    assert "RFC 3339" in complaint(lambda: read_timestamp(timestamp(expires=text)))
