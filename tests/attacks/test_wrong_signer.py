"""Wrong signer: a valid signature by somebody whom the rule does not name, or not for this."""

from typing import Final

import pytest

from proxy.errors import Refusal, SignerMissing, SignersDisagree, TagNotSigned, ThresholdNotMet
from proxy.names import RoleName, Tag
from proxy.policy.signers import AllOf, AnyOf, AtLeast, Released, SignedBy
from proxy.tuf.collection import Role
from tests.attacks.shop import BY_ALICE, EVIL, GOOD, GUN, RELEASED, TAG, answer, digest_of, memory, shop
from tests.support.collections import signer
from tests.support.keys import Key, ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read

_MALLORY: Final = ecdsa_key("mallory")


def _delegated(role: str, *keys: Key, also: str = "") -> NotarySimulator:
    """The repository after the targets key delegated a role to other keys, which signed the attacker's image.

    `also` is a second role that signs the same.
    """
    sim = shop()
    for name in filter(None, (role, also)):
        entry = next(each for each in sim.targets.delegations if each.name == name)
        entry.keys = list(keys)
        sim[name].signers = list(keys)
        sim.sign(TAG, EVIL, role=name)
    sim.bump()
    sim.publish()
    return sim


def test_one_signers_key_does_not_sign_for_another() -> None:
    """A file of alice's role that ci signed is not alice's."""
    sim = shop()
    sim.sign(TAG, EVIL, role="targets/alice")
    sim["targets/alice"].signers = [sim.key("targets/ci")]
    sim.bump()
    sim.publish()
    assert answer(sim, memory(), BY_ALICE) is ThresholdNotMet


def _fresh() -> NotarySimulator:
    """A repository where nobody has signed anything yet."""
    sim = NotarySimulator(GUN)
    for role in ("targets/alice", "targets/ci", "targets/releases", "targets/mallory"):
        sim.delegate(role)
    return sim


@pytest.mark.parametrize(
    ("signed_by", "roles", "refusal"),
    [
        pytest.param(RELEASED, ("targets/alice",), TagNotSigned, id="signed, never released"),
        pytest.param(RELEASED, ("targets",), TagNotSigned, id="in targets, releases declared (S4)"),
        pytest.param(RELEASED, ("targets/mallory",), TagNotSigned, id="by a delegation that nobody asked for"),
        pytest.param(
            BY_ALICE, ("targets/mallory", "targets/releases"), SignerMissing, id="by mallory instead of alice"
        ),
        pytest.param(BY_ALICE, ("targets", "targets/releases"), SignerMissing, id="by targets instead of alice"),
        pytest.param(BY_ALICE, ("targets/alice",), SignerMissing, id="by alice, never released"),
        pytest.param(
            AllOf((signer("alice"), signer("ci"))),
            ("targets/alice", "targets/releases"),
            SignerMissing,
            id="one of two",
        ),
    ],
)
def test_signatures_that_the_rule_does_not_ask_for(
    signed_by: SignedBy, roles: tuple[str, ...], refusal: type[Refusal]
) -> None:
    """Whoever else signed the tag, without the signers of the rule it is not served."""
    sim = _fresh()
    for role in roles:
        sim.sign(TAG, GOOD, role=role)
    sim.publish()
    assert answer(sim, None, signed_by) is refusal


def test_a_tag_of_another_image_by_the_release_does_not_pull_the_signer_along() -> None:
    """Alice's vote for one image and the release of another are not a release of alice's image."""
    sim = _fresh()
    sim.sign(TAG, GOOD, role="targets/alice")
    sim.sign(TAG, EVIL, role="targets/releases")
    sim.publish()
    assert answer(sim, None, BY_ALICE) is SignerMissing


def test_signers_who_disagree_are_not_outvoted() -> None:
    """Where nothing is released and two signers name two images, neither is served."""
    sim = NotarySimulator(GUN)
    for role in ("targets/alice", "targets/ci"):
        sim.delegate(role)
    sim.sign(TAG, GOOD, role="targets/alice")
    sim.sign(TAG, EVIL, role="targets/ci")
    sim.publish()
    assert answer(sim, None, AnyOf((signer("alice"), signer("ci")))) is SignersDisagree


def test_the_targets_key_cannot_make_itself_a_named_signer() -> None:
    """Where the rule lists alice's key, another key delegated to alice's role speaks for nobody."""
    alice = signer("alice", ecdsa_key("targets/alice").public_key_id)
    sim = _delegated("targets/alice", _MALLORY, also="targets/releases")
    assert answer(sim, memory(), AnyOf((alice,))) is SignerMissing
    assert answer(sim, memory(), BY_ALICE) == digest_of(EVIL)  # `keys: delegated` protects as far as the targets key


def test_one_key_cannot_vote_under_two_names() -> None:
    """A key that is delegated to two signers is one vote, not two."""
    rule = AtLeast(2, (signer("alice"), signer("ci")))
    both = _delegated("targets/alice", _MALLORY, also="targets/ci")
    both.sign(TAG, EVIL, role="targets/releases")
    both.bump()
    both.publish()
    assert answer(both, memory(), rule) is SignerMissing
    assert answer(shop(), memory(), rule) == digest_of(GOOD)


@pytest.mark.parametrize("paths", [pytest.param(["v"], id="other prefix"), pytest.param([], id="none")])
def test_a_signer_outside_its_paths_says_nothing(paths: list[str]) -> None:
    """A delegation limited to other tags has no say about this one."""
    sim = shop()
    next(each for each in sim.targets.delegations if each.name == "targets/alice").paths = paths
    sim.bump()
    sim.publish()
    assert answer(sim, memory(), BY_ALICE) is SignerMissing


def test_an_undeclared_role_is_nobody() -> None:
    """A file that is signed, served and in the snapshot, but declared by nobody, is never read."""
    sim = shop()
    sim.delegate("targets/mallory")
    sim.sign("evil", EVIL, role="targets/mallory")
    sim.targets.delegations.pop()
    sim.bump()
    sim.publish()
    collection = read(sim, memory())
    assert "targets/mallory" not in collection.roles
    assert Tag("evil") not in collection.tags()
    assert not [name for name in sim.requests if "mallory" in name]


def test_a_child_of_releases_releases_nothing() -> None:
    """What a delegation below `targets/releases` signs is not released; only the role's own file counts."""
    sim = _fresh()
    sim.delegate("targets/releases/mallory")
    sim.sign(TAG, EVIL, role="targets/releases/mallory")
    sim.publish()
    assert answer(sim, None, Released()) is TagNotSigned
    assert isinstance(read(sim).roles[RoleName("targets/releases/mallory")], Role)
