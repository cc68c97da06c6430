"""Rows 24 to 30: what is remembered is damaged, while the server is healthy.

The real client replaces a damaged cache from the server. Here memory is the trust store, which only ever holds what
was verified, and its files are the floors of their versions: where a floor can no longer be known, or the root is
gone, nothing is decided in trust's favour (promise 4).
"""

from collections.abc import Callable, Mapping
from typing import Final

import pytest

from proxy.errors import MetadataCorrupt, Rollback, RootRotationBroken, ThresholdNotMet, TrustError
from proxy.names import RoleName
from proxy.tuf.collection import Stored
from tests.dialect.fixture import GUN, WRITTEN, fixture, is_complete, memory, situation, unchanged
from tests.support.certificates import root_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read
from tests.support.signed_roles import EXPIRED
from tests.support.swizzler.edits import on_signature, with_field
from tests.support.swizzler.rotations import rotate
from tests.support.swizzler.swizzle import NEWER, SAME, Apply
from tests.support.wire import base64_text

Damage = Callable[[Mapping[RoleName, bytes], str], Mapping[RoleName, bytes]]

_NOT_ROOT: Final = ("timestamp", "snapshot", *WRITTEN)
_BAD_BYTES: Final = on_signature(lambda signature: signature.update(sig=base64_text(b"invalid signature")))


def _garbled(files: Mapping[RoleName, bytes], role: str) -> Mapping[RoleName, bytes]:
    return {**files, RoleName(role): b"garbled" + files[RoleName(role)]}


def _lost(files: Mapping[RoleName, bytes], role: str) -> Mapping[RoleName, bytes]:
    return {name: data for name, data in files.items() if name != role}


def _forged(change: Apply) -> Damage:
    """The remembered file is another one of the same version."""

    def damage(files: Mapping[RoleName, bytes], role: str) -> Mapping[RoleName, bytes]:
        sim = fixture().clone()
        change(sim, role)
        sim.publish(role)
        return {**files, RoleName(role): sim.current[role]}

    return damage


def _stranger(sim: NotarySimulator, role: str) -> None:
    sim[role].signers = [root_key(GUN, "stranger") if role == "root" else sim.key("stranger")]


_bad_signature: Final = _forged(_BAD_BYTES)
_wrong_key: Final = _forged(_stranger)
_expired: Final = _forged(with_field("expires", EXPIRED))


def _remembering(damage: Damage, role: str) -> Stored:
    return Stored(damage(memory().files, role))


@pytest.mark.parametrize("role", _NOT_ROOT)
@pytest.mark.parametrize(
    ("damage", "column"),
    [
        pytest.param(_lost, SAME, id="row 24: missing, same"),
        pytest.param(_lost, NEWER, id="row 24: missing, newer"),
        pytest.param(_bad_signature, NEWER, id="row 24: bad signature, newer"),
        pytest.param(_wrong_key, NEWER, id="row 24: wrong key, newer"),
        pytest.param(_expired, NEWER, id="row 24: expired, newer"),
    ],
)
def test_a_file_of_which_the_version_is_known_is_replaced(damage: Damage, column: str, role: str) -> None:
    """A remembered file that would not verify is only a floor: a newer one from the server takes its place."""
    collection = read(situation(column, unchanged, role).sim, _remembering(damage, role))
    assert is_complete(collection)
    assert collection.stored().files[RoleName(role)] != damage(memory().files, role).get(RoleName(role))


@pytest.mark.parametrize(
    "role", [pytest.param(role, id=f"row 24: garbled {role}") for role in ("timestamp", "snapshot", "targets")]
)
def test_a_floor_that_cannot_be_read_refuses(role: str) -> None:
    """Where the version of a remembered file cannot be known, a rollback could not be seen: refused."""
    with pytest.raises(MetadataCorrupt):
        read(situation(NEWER, unchanged, role).sim, _remembering(_garbled, role))


@pytest.mark.parametrize(
    "role", [pytest.param(role, id=f"row 24: forged {role} (S5)") for role in ("snapshot", "targets")]
)
def test_a_floor_of_the_same_version_with_other_bytes_refuses(role: str) -> None:
    """A remembered file that differs from the server's under one version says that one of them is wrong."""
    with pytest.raises(Rollback):
        read(fixture().clone(), _remembering(_bad_signature, role))


def test_row_25_a_lost_root_is_not_a_first_contact() -> None:
    """Memory without its root refuses: whoever can make the root vanish must not choose the next one."""
    with pytest.raises(MetadataCorrupt):
        read(fixture().clone(), _remembering(_lost, "root"))


def test_row_26_an_expired_root_hands_over() -> None:
    """A remembered root past its expiry is followed by a newer one from the server."""
    found = situation(NEWER, unchanged, "root")
    assert is_complete(read(found.sim, _remembering(_expired, "root")))


@pytest.mark.parametrize(
    ("damage", "refusal"),
    [
        pytest.param(_garbled, MetadataCorrupt, id="row 27: garbled"),
        pytest.param(_bad_signature, ThresholdNotMet, id="row 27: bad signature"),
        pytest.param(_wrong_key, ThresholdNotMet, id="row 27: wrong key"),
    ],
)
def test_a_damaged_root_refuses_before_anything_is_asked(damage: Damage, refusal: type[TrustError]) -> None:
    """A remembered root that does not verify stops everything, and no request is made."""
    sim = fixture().clone()
    with pytest.raises(refusal):
        read(sim, _remembering(damage, "root"))
    assert sim.requests == []


def _recreated() -> NotarySimulator:
    """The repository with an unrelated root key, as after a deletion."""
    sim = fixture().clone()
    rotate(sim, [root_key(GUN, "unrelated")], [root_key(GUN, "unrelated")])
    sim.bump()
    sim.publish()
    return sim


@pytest.mark.parametrize(
    ("damage", "refusal"),
    [
        pytest.param(lambda files, _: files, RootRotationBroken, id="row 28: intact"),
        pytest.param(_expired, RootRotationBroken, id="row 28: expired"),
        pytest.param(_lost, MetadataCorrupt, id="row 28: lost"),
        pytest.param(_garbled, MetadataCorrupt, id="row 28: garbled"),
        pytest.param(_wrong_key, ThresholdNotMet, id="row 28: wrong key"),
    ],
)
def test_an_unrelated_root_is_never_taken(damage: Damage, refusal: type[TrustError]) -> None:
    """Whatever state the remembered root is in, a root that it did not sign does not replace it."""
    with pytest.raises(refusal):
        read(_recreated(), _remembering(damage, "root"))


def test_row_29_reading_writes_nothing() -> None:
    """The verifier has no cache to write: memory goes in and comes out as values, and what went in is unchanged."""
    before = dict(memory().files)
    collection = read(situation(NEWER, unchanged, "root").sim, memory())
    assert is_complete(collection)
    assert dict(memory().files) == before
    assert collection.stored().files != before


@pytest.mark.parametrize(
    ("damage", "refusal"),
    [
        pytest.param(_garbled, MetadataCorrupt, id="row 30: garbled"),
        pytest.param(_wrong_key, ThresholdNotMet, id="row 30: wrong key"),
    ],
)
def test_the_local_defect_is_told_before_the_remote_one(damage: Damage, refusal: type[TrustError]) -> None:
    """With a damaged root here and a broken one there, the reader speaks of its own."""
    found = situation(NEWER, lambda sim, _: rotate(sim, [root_key(GUN, "x")], [root_key(GUN, "x")]), "root")
    with pytest.raises(refusal):
        read(found.sim, _remembering(damage, "root"))


def test_row_30_after_an_expired_root_the_remote_defect_is_told() -> None:
    """A remembered root that merely expired is followed, so the defect that counts is the new one's."""
    with pytest.raises(RootRotationBroken):
        read(_recreated(), _remembering(_expired, "root"))
