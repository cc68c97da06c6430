"""Votes: one for each signer, and one public key behind each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import Expired, MetadataCorrupt, ThresholdNotMet, TrustError
from proxy.names import RoleName, Tag
from proxy.policy.signers import Signer, SignerKey
from proxy.policy.votes import Ballot, Vote, cast, defect_of, standing
from proxy.tuf.collection import Collection
from tests.support.collections import LATER, NOW, of, says, signer, signers, target, unpublished, unusable

TAG = Tag("1.4")
DEFECT = ThresholdNotMet("targets/alice", 0, 1)


def _votes(ballot: Ballot) -> dict[str, str]:
    return {vote.signer.name: vote.target.digest for vote in ballot.votes}


def test_each_signer_votes_for_what_its_own_role_says() -> None:
    """Two signers may say different things; each is heard once."""
    collection = of(says("targets/alice", {"1.4": "new"}), says("targets/ci", {"1.4": "old"}))
    ballot = cast(signers("alice", "ci"), TAG, collection, NOW)
    assert _votes(ballot) == {"alice": target("new").digest, "ci": target("old").digest}
    assert ballot.defects == {}


def test_a_signer_that_is_named_twice_votes_once() -> None:
    """A list cannot multiply anybody, even one whose role carries two signatures."""
    collection = of(says("targets/alice", {"1.4": "new"}, keys=["one", "two"]))
    ballot = cast([*signers("alice"), *signers("alice")], TAG, collection, NOW)
    assert len(standing(ballot.votes)) == 1


@pytest.mark.parametrize(
    "collection",
    [
        pytest.param(of(), id="role is not declared"),
        pytest.param(of(unpublished("targets/alice")), id="role was never published"),
        pytest.param(of(says("targets/alice", {"1.5": "new"})), id="role does not have the tag"),
        pytest.param(of(says("targets/alice", {"1.4": "new"}, paths=("v",))), id="role may not speak of the tag"),
        pytest.param(of(says("targets/alice", {"1.4": "new"}, paths=())), id="role may speak of no tag"),
        pytest.param(of(says("targets/alice/deep", {"1.4": "new"})), id="only a role below it has the tag"),
        pytest.param(of(says("targets", {"1.4": "new"})), id="only targets has the tag"),
    ],
)
def test_who_said_nothing_has_no_vote(collection: Collection) -> None:
    """No vote, and no defect either."""
    ballot = cast(signers("alice"), TAG, collection, NOW)
    assert ballot == Ballot((), {})


@pytest.mark.parametrize(
    ("chosen", "keys"),
    [
        pytest.param(signer("alice"), {"one", "two"}, id="delegated keys all count"),
        pytest.param(signer("alice", "one"), {"one"}, id="a listed key that signed"),
        pytest.param(signer("alice", "one", "three"), {"one"}, id="one of the listed keys signed"),
        pytest.param(signer("alice", SignerKey("one", NOW + timedelta(seconds=1))), {"one"}, id="until is not reached"),
        pytest.param(signer("alice", SignerKey("one", NOW), "two"), {"two"}, id="until is reached for one of two"),
    ],
)
def test_a_vote_stands_on_keys_that_signed_and_count(chosen: Signer, keys: set[str]) -> None:
    """Keys are counted that signed the role's file, are delegated now, and are listed where policy lists keys."""
    collection = of(says("targets/alice", {"1.4": "new"}, keys=["one", "two"]))
    (vote,) = cast([chosen], TAG, collection, NOW).votes
    assert vote.keys == keys


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(signer("alice", "three"), id="listed, but did not sign"),
        pytest.param(signer("alice", SignerKey("one", NOW)), id="until is reached"),
        pytest.param(signer("alice", SignerKey("one", NOW - timedelta(days=1))), id="until is past"),
    ],
)
def test_without_a_key_that_counts_there_is_no_vote(chosen: Signer) -> None:
    """A role that is signed by other keys than policy wants does not speak for its signer."""
    collection = of(says("targets/alice", {"1.4": "new"}, keys=["one", "two"]))
    assert cast([chosen], TAG, collection, NOW) == Ballot((), {})


def test_a_signer_whose_key_files_are_empty_has_no_vote() -> None:
    """No key is not the same as any key."""
    collection = of(says("targets/alice", {"1.4": "new"}))
    assert cast([Signer("alice", ())], TAG, collection, NOW) == Ballot((), {})


def test_a_defect_keeps_a_signer_from_voting_and_is_remembered() -> None:
    """Why a signer has no vote decides which refusal is answered."""
    collection = of(unusable("targets/alice", DEFECT), says("targets/ci", {"1.4": "new"}))
    ballot = cast(signers("alice", "ci"), TAG, collection, NOW)
    assert ballot.defects == {"alice": DEFECT}
    assert _votes(ballot).keys() == {"ci"}


@pytest.mark.parametrize(
    ("name", "collection", "defect"),
    [
        pytest.param("targets/alice", of(says("targets/alice")), None, id="usable"),
        pytest.param("targets/alice", of(), None, id="not declared"),
        pytest.param("targets/alice", of(unpublished("targets/alice")), None, id="never published"),
        pytest.param("targets", of(), None, id="targets itself"),
        pytest.param("targets/alice", of(unusable("targets/alice", DEFECT)), DEFECT, id="its own"),
        pytest.param("targets/alice/a/b", of(unusable("targets/alice", DEFECT)), DEFECT, id="of a role above"),
        pytest.param(
            "targets/alice/a",
            of(unusable("targets/alice", MetadataCorrupt("x", "x")), unusable("targets/alice/a", DEFECT)),
            DEFECT,
            id="the nearest counts",
        ),
    ],
)
def test_a_role_shares_the_defects_of_those_above_it(
    name: str, collection: Collection, defect: TrustError | None
) -> None:
    """Below an unusable role nothing can be used."""
    assert defect_of(RoleName(name), collection, NOW) == defect


@pytest.mark.parametrize("name", ["targets/alice", "targets/alice/deep"])
def test_a_role_that_ran_out_since_it_was_verified_has_a_defect(name: str) -> None:
    """Evidence is used for a while, but never beyond the expiry of the role, or of one above it."""
    collection = of(says("targets/alice", expires=NOW), says("targets/alice/deep", expires=LATER))
    assert defect_of(RoleName(name), collection, NOW) is None
    defect = defect_of(RoleName(name), collection, NOW + timedelta(microseconds=1))
    assert isinstance(defect, Expired)
    assert (defect.role, defect.expires) == ("targets/alice", NOW)


def test_votes_are_grouped_by_digest_and_length() -> None:
    """The same digest with another length is another statement (S12)."""
    new, longer = target("new"), target("new", 528)
    said = {"alice": new, "bob": longer, "ci": new}
    collection = of(*(says(f"targets/{name}", {"1.4": each}) for name, each in said.items()))
    ballot = cast(signers(*said), TAG, collection, NOW)
    groups = {each: [vote.signer.name for vote in votes] for each, votes in ballot.by_target().items()}
    assert groups == {new: ["alice", "ci"], longer: ["bob"]}
    assert [vote.signer.name for vote in ballot.only(longer).votes] == ["bob"]
    assert ballot.only(None).votes == ()


def _vote(name: str, *keys: str) -> Vote:
    return Vote(signer(name), target("new"), frozenset(keys))


@pytest.mark.parametrize(
    ("votes", "count"),
    [
        pytest.param([], 0, id="none"),
        pytest.param([_vote("alice", "a"), _vote("ci", "c")], 2, id="a key each"),
        pytest.param([_vote("alice", "a"), _vote("ci", "a")], 1, id="one key under two names"),
        pytest.param([_vote("alice", "a", "b"), _vote("ci", "a")], 2, id="the first gives way"),
        pytest.param([_vote("alice", "a"), _vote("ci", "a", "b")], 2, id="the second takes its other key"),
        pytest.param(
            [_vote("alice", "a", "b"), _vote("bob", "a", "c"), _vote("ci", "a"), _vote("dan", "c", "d")],
            4,
            id="three give way in a row",
        ),
        pytest.param(
            [_vote("alice", "a", "b"), _vote("bob", "a", "b"), _vote("ci", "a", "b")],
            2,
            id="two keys, three names",
        ),
    ],
)
def test_as_many_votes_stand_as_have_a_key_of_their_own(votes: list[Vote], count: int) -> None:
    """One key cannot vote twice, and no vote is lost where keys can be shared out (S1)."""
    assert len(standing(votes)) == count


@settings(deadline=None)
@given(st.lists(st.frozensets(st.sampled_from("abcd"), max_size=3), max_size=5))
def test_no_other_sharing_out_of_keys_gives_more_votes(keys: Sequence[frozenset[str]]) -> None:
    """The largest set is found, and every vote in it has a key of its own, as trying all ways shows."""
    votes = [_vote(f"signer-{number}", *each) for number, each in enumerate(keys)]
    found = standing(votes)
    most = max(len({key for key in way if key}) for way in product(*([*each, ""] for each in keys))) if keys else 0
    assert len(found) == most
    assert any(
        all(key in vote.keys for vote, key in zip(found, way, strict=True)) for way in permutations("abcd", len(found))
    )


@pytest.mark.parametrize(
    ("chosen", "signed", "until"),
    [
        pytest.param(signer("alice"), ["one"], None, id="delegated keys have no end"),
        pytest.param(signer("alice", "one"), ["one"], None, id="a key without end"),
        pytest.param(signer("alice", SignerKey("one", LATER)), ["one"], LATER, id="a key with an end"),
        pytest.param(signer("alice", SignerKey("one", LATER), "two"), ["two"], None, id="the other key signed"),
        pytest.param(
            signer("alice", SignerKey("one", LATER), SignerKey("two", NOW + timedelta(hours=1))),
            ["one", "two"],
            NOW + timedelta(hours=1),
            id="the first end counts",
        ),
    ],
)
def test_a_vote_is_good_until_one_of_its_keys_ends(chosen: Signer, signed: list[str], until: datetime | None) -> None:
    """When a key stops counting the vote is to be cast anew."""
    (vote,) = cast([chosen], TAG, of(says("targets/alice", {"1.4": "new"}, keys=signed)), NOW).votes
    assert vote.until == until
