"""What a decision rests on, and how long it is good."""

from datetime import timedelta

import pytest

from proxy.errors import Expired, Refusal
from proxy.names import Tag
from proxy.policy.decisions import RoleEvidence
from proxy.policy.evaluation import evidence, resolve_tag
from proxy.policy.signers import AnyOf, Released, SignedBy, SignerKey
from proxy.tuf.collection import Collection
from tests.support.collections import LATER, NOW, entry, of, says, signer, signers, unusable
from tests.unit.policy.clauses import ALICE, QA, RELEASED_NEW, TAG

SOON = NOW + timedelta(minutes=5)


# --- how long a decision is good ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("signed_by", "collection"),
    [
        pytest.param(Released(), of(says("targets", {"1.4": "x"}), root=SOON), id="root"),
        pytest.param(Released(), of(says("targets", {"1.4": "x"}), timestamp=SOON), id="timestamp"),
        pytest.param(Released(), of(says("targets", {"1.4": "x"}), snapshot=SOON), id="snapshot"),
        pytest.param(Released(), of(says("targets", {"1.4": "x"}, expires=SOON)), id="targets"),
        pytest.param(Released(), of(says("targets/releases", {"1.4": "x"}, expires=SOON)), id="releases"),
        pytest.param(AnyOf(signers("a")), of(says("targets/a", {"1.4": "x"}, expires=SOON)), id="voter"),
        pytest.param(
            AnyOf(signers("a")),
            of(says("targets/a", {"1.4": "x"}), says("targets/releases", {"1.4": "x"}, expires=SOON)),
            id="release that votes agree with",
        ),
        pytest.param(
            AnyOf(signers("a/b")),
            of(says("targets/a", expires=SOON), says("targets/a/b", {"1.4": "x"})),
            id="role above a voter",
        ),
        pytest.param(
            AnyOf((signer("a", SignerKey("a", SOON)),)),
            of(says("targets/a", {"1.4": "x"})),
            id="until of a voter's key",
        ),
    ],
)
def test_a_decision_is_good_until_the_first_thing_runs_out_that_it_rests_on(
    signed_by: SignedBy, collection: Collection
) -> None:
    """Never beyond the expiry of a role, nor beyond the time of a key."""
    assert resolve_tag(entry(signed_by), TAG, collection, NOW).valid_until == SOON
    with pytest.raises(Refusal):
        resolve_tag(entry(signed_by), TAG, collection, SOON + timedelta(microseconds=1))


@pytest.mark.parametrize("top", ["root", "timestamp", "snapshot"])
def test_a_collection_whose_top_ran_out_decides_nothing(top: str) -> None:
    """Evidence in memory is no exception from expiry, and the refusal names the role."""
    ran_out = of(says("targets", {"1.4": "x"}), **{top: NOW - timedelta(seconds=1)})
    with pytest.raises(Expired) as caught:
        resolve_tag(entry(), TAG, ran_out, NOW)
    assert caught.value.role == top


def test_what_a_decision_does_not_rest_on_may_run_out() -> None:
    """Another signer's role is no concern of a decision without it."""
    collection = of(ALICE, says("targets/bob", {"1.4": "new"}, expires=NOW), says("targets/releases", expires=NOW))
    allowed = resolve_tag(entry(AnyOf(signers("alice")), released_required=False), TAG, collection, NOW)
    assert allowed.valid_until == LATER


# --- evidence -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signed_by", "tag", "names"),
    [
        pytest.param(Released(), TAG, {"targets", "targets/releases"}, id="released"),
        pytest.param(AnyOf(signers("alice")), TAG, {"targets", "targets/releases", "targets/alice"}, id="signers"),
        pytest.param(
            AnyOf(signers("alice")), None, {"targets", "targets/releases", "targets/alice", "targets/qa"}, id="no tag"
        ),
    ],
)
def test_evidence_is_the_roles_that_a_decision_may_rest_on(
    signed_by: SignedBy, tag: Tag | None, names: set[str]
) -> None:
    """The top roles always, and usable roles that the rule names; all of them where there is no tag."""
    collection = of(ALICE, QA, RELEASED_NEW, unusable("targets/bob", Expired("targets/bob", NOW)), timestamp=SOON)
    found = evidence(entry(signed_by), tag, collection)
    assert found.keys() == names | {"root", "timestamp", "snapshot"}
    assert found["timestamp"] == RoleEvidence(1, SOON)
