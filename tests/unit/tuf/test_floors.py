"""What was accepted once may not go back, nor change under its number (S5)."""

import json

import pytest

from proxy.errors import MetadataCorrupt, Rollback
from proxy.names import SNAPSHOT, TARGETS, TIMESTAMP
from proxy.tuf.floors import Floors


def _file(version: object, note: str = "") -> bytes:
    return json.dumps({"signed": {"version": version, "note": note}, "signatures": []}).encode()


@pytest.mark.parametrize(
    ("remembered", "version", "data"),
    [
        pytest.param(None, 1, _file(1), id="never seen before"),
        pytest.param(_file(5), 5, _file(5), id="the very same file"),
        pytest.param(_file(5), 6, _file(6), id="one further"),
        pytest.param(_file(5), 900, _file(900), id="far ahead"),
    ],
)
def test_what_does_not_go_back_is_accepted(remembered: bytes | None, version: int, data: bytes) -> None:
    """Versions may jump; the same bytes are the same."""
    Floors({TARGETS: remembered} if remembered else {}).check(TARGETS, version, data)


@pytest.mark.parametrize(
    ("version", "data", "why"),
    [
        pytest.param(4, _file(4), "from version 5 to 4", id="lower"),
        pytest.param(1, _file(1), "from version 5 to 1", id="first"),
        pytest.param(5, _file(5, "other"), "version 5 changed under its number", id="same number, other bytes"),
    ],
)
def test_what_goes_back_or_changes_is_a_rollback(version: int, data: bytes, why: str) -> None:
    """The refusal says from where to where."""
    with pytest.raises(Rollback) as caught:
        Floors({TARGETS: _file(5)}).check(TARGETS, version, data)
    assert (caught.value.role, caught.value.why) == ("targets", why)


@pytest.mark.parametrize(
    "remembered",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not JSON", id="not JSON"),
        pytest.param(b"{}", id="nothing signed"),
        pytest.param(_file("5"), id="version is text"),
        pytest.param(_file(None), id="version is null"),
        pytest.param(_file(0), id="version is zero"),
    ],
)
def test_damaged_memory_lets_nothing_through(remembered: bytes) -> None:
    """A floor that cannot be read is not a floor of zero."""
    with pytest.raises(MetadataCorrupt):
        Floors({TARGETS: remembered}).check(TARGETS, 9, _file(9))


def test_some_floors_can_fall_while_the_others_stay() -> None:
    """When a newer root changes the keys of timestamp and snapshot, their floors fall (S9)."""
    floors = Floors({TIMESTAMP: _file(9), SNAPSHOT: _file(9), TARGETS: _file(9)}).without(TIMESTAMP, SNAPSHOT)
    floors.check(TIMESTAMP, 1, _file(1))
    floors.check(SNAPSHOT, 1, _file(1))
    with pytest.raises(Rollback):
        floors.check(TARGETS, 1, _file(1))
