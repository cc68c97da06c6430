"""Rows 9 to 23: files whose content is wrong although every hash that names them is right."""

from datetime import UTC, datetime
from typing import Final

import pytest

from proxy.errors import (
    Expired,
    MetadataCorrupt,
    Refusal,
    Rollback,
    RootNotTrusted,
    RootRotationBroken,
    ThresholdNotMet,
)
from tests.dialect.fixture import DELEGATIONS, TOP, defect, is_complete, situation
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import EXPIRED, Delegation
from tests.support.swizzler.edits import (
    declaration,
    declared,
    on_signature,
    rewritten,
    sealed,
    signed,
    with_field,
)
from tests.support.swizzler.swizzle import FRESH, NEWER, SAME, Apply
from tests.support.wire import base64_text

_CUT: Final = rewritten(lambda data: data[5:])
_NO_LIST: Final = sealed(lambda envelope: setattr(envelope, "signatures", "none"))
_LIST_TYPE: Final = with_field("_type", ["Root"])
_TEXT_VERSION: Final = with_field("version", "5")
_JUNK_EXPIRES: Final = with_field("expires", "cannot parse")
_OTHER_TYPE: Final = with_field("_type", "not_real")
_BAD_BYTES: Final = on_signature(lambda signature: signature.update(sig=base64_text(b"invalid signature")))
_EXPIRED: Final = with_field("expires", EXPIRED)


def _stranger(sim: NotarySimulator, role: str) -> None:
    """Signed by a key that nobody declared."""
    sim[role].signers = [sim.key("stranger")]


def _lower(sim: NotarySimulator, role: str) -> None:
    sim[role].version -= 3


def _no_version(sim: NotarySimulator, role: str) -> None:
    sim[role].version = -2


def _two_needed(sim: NotarySimulator, role: str) -> None:
    declaration(sim, role).threshold = 2


_ROWS: Final[dict[str, tuple[Apply, type[Refusal]]]] = {
    "9: invalid JSON": (_CUT, MetadataCorrupt),
    "10: signatures are no list": (_NO_LIST, MetadataCorrupt),
    "11: type is a list": (_LIST_TYPE, MetadataCorrupt),
    "11: version is a text": (_TEXT_VERSION, MetadataCorrupt),
    "11: expires is junk": (_JUNK_EXPIRES, MetadataCorrupt),
    "12: type is not real": (_OTHER_TYPE, MetadataCorrupt),
    "13: version below 1": (_no_version, MetadataCorrupt),
    "14: signature is text": (_BAD_BYTES, ThresholdNotMet),
    "15: signed by a stranger": (_stranger, ThresholdNotMet),
    "16: threshold raised to 2": (_two_needed, ThresholdNotMet),
    "17: expired": (_EXPIRED, Expired),
}
_ROTATION: Final = ("14", "15", "16")


@pytest.mark.parametrize("column", [FRESH, NEWER])
@pytest.mark.parametrize("role", TOP)
@pytest.mark.parametrize(
    ("row", "change", "refusal"),
    [pytest.param(row, change, refusal, id=f"row {row}") for row, (change, refusal) in _ROWS.items()],
)
def test_a_defect_at_the_top_refuses_everything(
    row: str, change: Apply, refusal: type[Refusal], role: str, column: str
) -> None:
    """A defect of root, timestamp, snapshot or targets leaves nothing to decide on, and says what it is."""
    if (role, column) == ("root", NEWER) and row.startswith(_ROTATION) and change is not _two_needed:
        refusal = RootRotationBroken  # a root that its predecessor did not sign
    assert situation(column, change, role).refusal() is refusal


@pytest.mark.parametrize("column", [FRESH, NEWER])
@pytest.mark.parametrize("role", DELEGATIONS)
@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        pytest.param(change, refusal, id=f"row {row}{'' if row.startswith(('14', '15', '16', '17')) else ' (L2)'}")
        for row, (change, refusal) in _ROWS.items()
    ],
)
def test_a_defect_of_a_delegation_costs_itself_only(
    change: Apply, refusal: type[Refusal], role: str, column: str
) -> None:
    """A delegation with a defect is kept as unusable with its reason; its children are absent, all others go on."""
    collection = situation(column, change, role).read()
    assert is_complete(collection, without=role)
    assert defect(collection, role) is refusal


@pytest.mark.parametrize("role", TOP)
def test_row_13_a_version_below_the_remembered_one_is_a_rollback(role: str) -> None:
    """A version that is lower by three is refused by a reader that remembers."""
    assert situation(NEWER, _lower, role).refusal() is Rollback


@pytest.mark.parametrize("role", DELEGATIONS)
def test_row_13_a_delegation_whose_version_falls_is_unusable(role: str) -> None:
    """A rolled back delegation is unusable; what others signed stands (L2)."""
    collection = situation(NEWER, _lower, role).read()
    assert is_complete(collection, without=role)
    assert defect(collection, role) is Rollback


@pytest.mark.parametrize("role", ["root", "snapshot", "targets", *DELEGATIONS])
@pytest.mark.parametrize("change", [pytest.param(change, id=f"row {row}") for row, (change, _) in _ROWS.items()])
def test_what_did_not_change_by_hash_is_not_fetched(change: Apply, role: str) -> None:
    """In the column `same` the remembered file is used: what the server would serve instead is never seen."""
    if change is not _two_needed:
        assert is_complete(situation(SAME, change, role).read())


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        pytest.param(change, refusal, id=f"row {row}")
        for row, (change, refusal) in _ROWS.items()
        if not row.startswith("16")
    ],
)
def test_a_corrupted_timestamp_fails_in_every_column(change: Apply, refusal: type[Refusal]) -> None:
    """The timestamp is always fetched, so its defects are always seen."""
    assert situation(SAME, change, "timestamp").refusal() is refusal


@pytest.mark.parametrize("column", [FRESH, NEWER])
@pytest.mark.parametrize(
    ("role", "refusal"),
    [
        pytest.param("root", RootNotTrusted, id="row 18: root"),
        *(pytest.param(role, ThresholdNotMet, id=f"row 18: {role}") for role in TOP[1:]),
    ],
)
def test_a_role_without_keys_cannot_be_signed(role: str, refusal: type[Refusal], column: str) -> None:
    """A root that lists no keys for a role makes that role unsignable."""
    assert situation(column, declared(lambda entry: entry.update(keyids=[])), role).refusal() is refusal


@pytest.mark.parametrize("column", [FRESH, NEWER])
@pytest.mark.parametrize("role", [pytest.param(role, id=f"row 19: {role}") for role in TOP])
def test_a_root_must_declare_all_four_roles(role: str, column: str) -> None:
    """A root that lacks one of the four roles is no root."""
    lacking = signed(lambda fields: fields["roles"].pop(role))
    assert situation(column, lacking, "root").refusal() is MetadataCorrupt


@pytest.mark.parametrize("column", [FRESH, NEWER])
@pytest.mark.parametrize(
    ("describer", "role"),
    [
        pytest.param("snapshot", "root", id="row 20: root"),
        pytest.param("snapshot", "targets", id="row 20: targets"),
        pytest.param("timestamp", "snapshot", id="row 21"),
    ],
)
def test_what_must_be_described_is(describer: str, role: str, column: str) -> None:
    """A snapshot without root or targets, and a timestamp without snapshot, describe nothing."""
    lacking = signed(lambda fields: fields["meta"].pop(role))
    assert situation(column, lacking, describer).refusal() is MetadataCorrupt


@pytest.mark.parametrize("column", [pytest.param(column, id=f"row 22: {column}") for column in (FRESH, NEWER)])
def test_a_delegation_that_is_dropped_is_gone(column: str) -> None:
    """A delegation that targets no longer declares is absent with its subtree; that is no defect."""

    def drop(sim: NotarySimulator, _role: str) -> None:
        sim.targets.delegations = [each for each in sim.targets.delegations if each.name != "targets/a"]

    collection = situation(column, drop, "targets").read()
    assert is_complete(collection, without="targets/a")
    assert "targets/a" not in collection.roles


@pytest.mark.parametrize("column", [pytest.param(column, id=f"row 23: {column}") for column in (FRESH, NEWER)])
def test_a_delegation_may_not_be_called_root(column: str) -> None:
    """A delegation named `root`, with the root's own keys, makes the whole of targets invalid."""

    def declare(sim: NotarySimulator, _role: str) -> None:
        sim.targets.delegations.append(Delegation("root", sim.root.roles["root"].keys, 1, [""]))

    assert situation(column, declare, "targets").refusal() is MetadataCorrupt


def test_row_17_equal_to_now_is_not_expired() -> None:
    """A role expires when its instant is past, not at it (dialect 2.1)."""
    at_noon = with_field("expires", "2026-11-21T12:00:00Z")
    a_moment_before = with_field("expires", "2026-11-21T11:59:59.999999Z")
    assert situation(FRESH, at_noon, "timestamp").read().timestamp.expires == datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert situation(FRESH, a_moment_before, "timestamp").refusal() is Expired
