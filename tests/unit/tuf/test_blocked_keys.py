"""A blocked key's signatures are as good as none, in every role (design: Which digest a tag has, 3)."""

from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Blocked, MetadataCorrupt, Refusal, RootRotationBroken, ThresholdNotMet, TrustError
from proxy.names import TARGETS, Gun, RoleName, Tag
from proxy.tuf.collection import Role, Unusable
from proxy.tuf.keys import make_key
from proxy.tuf.metadata import Envelope, Signature
from proxy.tuf.pins import Pins, RootPin
from proxy.tuf.roots import RootRules
from proxy.tuf.signatures import signers_of
from tests.support.certificates import certificate, root_key, x509_key
from tests.support.collections import target
from tests.support.keys import Key, ecdsa_key, ed25519_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import Reader, read, remembered
from tests.support.signed_roles import NOW
from tests.support.swizzler.rotations import rotate

GUN: Final = Gun("example.com/shop/api")
ALICE: Final = RoleName("targets/alice")
PAYLOAD: Final = b'{"_type":"Targets"}'
HONEST, STOLEN, OTHER = ecdsa_key("honest"), ecdsa_key("stolen"), ed25519_key("other")
STOLEN_CERTIFIED: Final = x509_key(STOLEN, certificate(GUN, STOLEN))
SIGNATURES: Final = {
    key.key_id: Signature(key.key_id, key.method, key.sign(PAYLOAD))
    for key in (HONEST, STOLEN, OTHER, STOLEN_CERTIFIED)
}


def blocking(*keys: Key) -> dict[str, str]:
    """These keys, blocked."""
    return {key.public_key_id: "laptop stolen" for key in keys}


def _count(keys: Sequence[Key], threshold: int, blocked: dict[str, str]) -> frozenset[str]:
    listed = {key.key_id: make_key(key.keytype, key.public) for key in (HONEST, STOLEN, OTHER, STOLEN_CERTIFIED)}
    envelope = Envelope({}, PAYLOAD, tuple(SIGNATURES[key.key_id] for key in keys))
    return signers_of(TARGETS, envelope, listed, threshold, blocked)


# --- counting -----------------------------------------------------------------------------------


def test_a_blocked_key_is_not_among_those_who_signed() -> None:
    """The others are enough, and only they are named."""
    assert _count([STOLEN, HONEST], 1, blocking(STOLEN)) == {HONEST.public_key_id}


@pytest.mark.parametrize(
    ("keys", "threshold", "error"),
    [
        pytest.param([STOLEN], 1, Blocked, id="it alone signed"),
        pytest.param([STOLEN_CERTIFIED], 1, Blocked, id="in a certificate"),
        pytest.param([STOLEN, HONEST], 2, Blocked, id="it would be the second of two"),
        pytest.param([STOLEN, HONEST], 3, ThresholdNotMet, id="too few even with it"),
        pytest.param([STOLEN, STOLEN_CERTIFIED, HONEST], 3, ThresholdNotMet, id="too few even with it, twice"),
        pytest.param([], 1, ThresholdNotMet, id="it did not sign"),
    ],
)
def test_a_threshold_that_only_a_blocked_key_would_meet_is_blocked(
    keys: list[Key], threshold: int, error: type[Refusal]
) -> None:
    """Only then: what has too few signatures anyway is told as that."""
    with pytest.raises(error):
        _count(keys, threshold, blocking(STOLEN))


def test_the_refusal_names_the_key_and_the_operators_reason() -> None:
    """Enough of the key id to find it in the configuration."""
    with pytest.raises(Blocked) as caught:
        _count([STOLEN], 1, blocking(STOLEN))
    assert caught.value.subject == f"key {STOLEN.public_key_id[:12]}.."
    assert caught.value.reason == "laptop stolen"


def test_a_blocked_key_under_a_false_id_spoils_nothing() -> None:
    """Its signature is as good as none, so it cannot make a good file a corrupt one either."""
    listed = {"f" * 64: make_key(STOLEN.keytype, STOLEN.public), HONEST.key_id: make_key("ecdsa", HONEST.public)}
    signatures = (Signature("f" * 64, STOLEN.method, STOLEN.sign(PAYLOAD)), SIGNATURES[HONEST.key_id])
    envelope = Envelope({}, PAYLOAD, signatures)
    assert signers_of(TARGETS, envelope, listed, 1, blocking(STOLEN)) == {HONEST.public_key_id}
    with pytest.raises(MetadataCorrupt):
        signers_of(TARGETS, envelope, listed, 1, {})


KEYS = st.sampled_from([HONEST, STOLEN, OTHER, STOLEN_CERTIFIED])


@given(st.lists(KEYS, max_size=5), st.sets(st.sampled_from([HONEST, STOLEN, OTHER])), st.integers(1, 3))
def test_a_blocked_signature_counts_as_if_it_were_absent(signed: list[Key], bad: set[Key], threshold: int) -> None:
    """The same keys, or a refusal in both cases."""
    blocked = blocking(*bad)
    absent = [key for key in signed if key.public_key_id not in blocked]
    assert _outcome(signed, threshold, blocked) == _outcome(absent, threshold, {})


def _outcome(keys: Sequence[Key], threshold: int, blocked: dict[str, str]) -> frozenset[str] | None:
    try:
        return _count(keys, threshold, blocked)
    except TrustError:
        return None


# --- root ---------------------------------------------------------------------------------------

OLD, NEW, THIRD = root_key(GUN, "old"), root_key(GUN, "new"), root_key(GUN, "third")


def _root(keys: Sequence[Key], signers: Sequence[Key], version: int = 1, threshold: int = 1) -> bytes:
    sim = NotarySimulator(GUN)
    rotate(sim, keys, signers, threshold)
    sim.root.version = version
    return sim.root.forge({})


@pytest.mark.parametrize(
    "pins",
    [
        pytest.param(Pins.tofu(), id="first use"),
        pytest.param(Pins((RootPin("corp", frozenset({OLD.public_key_id})),)), id="pinned"),
    ],
)
def test_a_root_that_only_a_blocked_key_signed_is_not_trusted(pins: Pins) -> None:
    """Also where it is pinned: `blocked` wins."""
    data = _root([OLD], [OLD])
    assert RootRules(GUN, pins, NOW, {}).trust(data).root.version == 1
    with pytest.raises(Blocked):
        RootRules(GUN, pins, NOW, blocking(OLD)).trust(data)


def test_a_blocked_root_key_cannot_vouch_for_a_successor() -> None:
    """Nor does it stand in the way of one for which another key of the old root vouches."""
    before = _root([OLD, NEW], [OLD, NEW])
    rules = RootRules(GUN, Pins.tofu(), NOW, blocking(OLD))
    with pytest.raises(Blocked):
        rules.succeed(rules.trust(before), _root([THIRD], [OLD, THIRD], 2))
    with pytest.raises(RootRotationBroken):
        rules.succeed(rules.trust(before), _root([THIRD], [THIRD], 2))
    assert rules.succeed(rules.trust(before), _root([THIRD], [OLD, NEW, THIRD], 2)).root.version == 2


# --- a whole update -----------------------------------------------------------------------------


@pytest.fixture
def sim() -> NotarySimulator:
    """A published repository in which `targets/alice` signs."""
    sim = NotarySimulator(GUN)
    sim.delegate(ALICE)
    sim.sign("1.4", b"image", role=ALICE)
    sim.publish()
    return sim


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_a_top_role_that_only_a_blocked_key_signed_stops_the_update(sim: NotarySimulator, role: str) -> None:
    """On first contact and with memory alike."""
    blocked = blocking(*sim.root.roles[role].keys)
    for stored in (None, remembered(sim)):
        with pytest.raises(Blocked):
            read(sim, stored, blocked=blocked)


def test_a_delegation_that_only_a_blocked_key_signed_is_unusable(sim: NotarySimulator) -> None:
    """The rest goes on; what its file says is kept for the explanation alone."""
    alice = read(sim, blocked=blocking(sim.key(ALICE))).roles[ALICE]
    assert isinstance(alice, Unusable)
    assert isinstance(alice.error, Blocked)
    assert alice.claims == {Tag("1.4"): target("image", 5)}


def test_a_role_does_not_name_a_blocked_key_as_its_signer(sim: NotarySimulator) -> None:
    """It stays among those that Notary declares, for whoever inspects it."""
    entry = sim.targets.delegations[0]
    entry.keys = sim[ALICE].signers = [sim.key(ALICE), STOLEN]
    sim.publish()
    alice = read(sim, blocked=blocking(STOLEN)).roles[ALICE]
    assert isinstance(alice, Role)
    assert alice.signed_by == {sim.key(ALICE).public_key_id}
    assert STOLEN.key_id in alice.keys


@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
def test_blocking_an_online_key_makes_room_for_the_root_that_replaced_it(sim: NotarySimulator, role: str) -> None:
    """A file by the old key is as good as unsigned, so the newest root is asked for, as it would be then (S8)."""
    stored = remembered(sim)
    old = sim.root.roles[role].keys
    sim.root.roles[role].keys = sim[role].signers = [HONEST]
    sim.bump()
    sim.publish()
    assert read(sim, stored, blocked=blocking(*old)).root.version == 2
    sim[role].signers = [*old]
    sim.bump()
    sim.publish()
    reader = Reader(sim, blocked=blocking(*old))
    with pytest.raises((ThresholdNotMet, Blocked)):
        reader.read(stored)
    assert "root" in reader.requests


def test_a_blocked_root_key_does_not_keep_the_versions_between_from_being_asked_for(sim: NotarySimulator) -> None:
    """Where the blocked key alone vouches for the newest root, the way over the older ones is still open."""
    rotate(sim, [OLD, NEW], [OLD, NEW])
    sim.publish()
    stored = remembered(sim)
    rotate(sim, [THIRD], [NEW, THIRD])
    sim.bump()
    sim.publish()
    rotate(sim, [THIRD], [OLD, THIRD])
    sim.bump()
    sim.publish()
    reader = Reader(sim, blocked=blocking(OLD))
    assert reader.read(stored).root.version == 3
    assert "2.root" in reader.requests
