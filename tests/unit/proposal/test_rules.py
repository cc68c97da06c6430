"""Rules are drawn from what is signed: as strong as today's tags allow, and never stronger."""

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.names import Repository
from proxy.policy.signers import AllOf, AnyOf, AtLeast, Released, SignedBy
from proxy.proposal.rules import draw, needed, strongest, usual_votes
from proxy.proposal.signed import Survey, resolved, survey
from proxy.tuf.collection import Collection
from tests.support.collections import NOW, entry, of, says, signers

Tags = Mapping[str, Iterable[str]]


def _collection(tags: Tags) -> Collection:
    """Tags with these signers, all released; without any signer by the repository's own key."""
    names = sorted({name for by in tags.values() for name in by})
    roles = [says(f"targets/{name}", {tag: tag for tag, by in tags.items() if name in by}) for name in names]
    if names:
        return of(*roles, says("targets/releases", {tag: tag for tag in tags}))
    return of(says("targets", {tag: tag for tag in tags}))


def _survey(name: str, tags: Tags) -> Survey:
    return survey(Repository(name), _collection(tags), entry(), NOW)


def _drawn(repositories: Mapping[str, Tags]) -> dict[str, SignedBy]:
    """Rules by pattern."""
    surveys = [_survey(name, tags) for name, tags in repositories.items()]
    return {each.pattern: each.rule for each in draw(map(Repository, repositories), surveys, {})}


@pytest.mark.parametrize(
    ("tags", "rule"),
    [
        pytest.param({"1": ["alice", "qa"], "2": ["alice", "qa"]}, AllOf(signers("alice", "qa")), id="always-both"),
        pytest.param({"1": ["alice", "qa"], "2": ["alice"]}, AnyOf(signers("alice")), id="always-one-of-them"),
        pytest.param({"1": ["alice"], "2": ["bob"]}, AnyOf(signers("alice", "bob")), id="one-or-the-other"),
        pytest.param(
            {"1": ["alice", "bob"], "2": ["bob", "qa"], "3": ["alice", "qa"]},
            AtLeast(2, signers("alice", "bob", "qa")),
            id="two-of-three",
        ),
        pytest.param({"1": ["alice", "qa"], "2": []}, Released(), id="one-released-by-nobody"),
        pytest.param({"1": []}, Released(), id="repository-key"),
    ],
)
def test_the_strongest_rule_that_every_tag_meets(tags: Tags, rule: SignedBy) -> None:
    """Whatever can be asked of all signed tags is asked."""
    assert strongest([_survey("shop/api", tags)]) == rule


def test_one_key_under_two_names_has_one_vote() -> None:
    """Two signers who share a key cannot both be asked for, so one of them is."""
    shared = [says(f"targets/{name}", {"1": "one"}, keys=["shared"]) for name in ("alice", "bob")]
    found = survey(Repository("shop/api"), of(*shared, says("targets/releases", {"1": "one"})), entry(), NOW)
    assert strongest([found]) == AnyOf(signers("alice"))


def test_signers_who_disagree_are_not_named_together() -> None:
    """Where nothing is declared, a second opinion would refuse what is released: it is left out of the rule."""
    collection = of(
        says("targets", {"1": "one", "2": "two"}),
        says("targets/alice", {"1": "one", "2": "other"}),
        says("targets/bob", {"1": "other", "2": "two"}),
    )
    assert strongest([survey(Repository("shop/api"), collection, entry(), NOW)]) == Released()


def test_a_namespace_that_is_signed_alike_is_one_entry() -> None:
    """However many repositories it has; what is not signed yet falls under it."""
    both = {"1": ["alice", "qa"]}
    assert _drawn({"shop/api": both, "shop/team/web": both, "shop/new": {}}) == {
        "shop/**": AllOf(signers("alice", "qa"))
    }


def test_what_is_signed_otherwise_gets_an_entry_of_its_own() -> None:
    """Most of the namespace decides about its pattern."""
    both = {"1": ["alice", "qa"]}
    assert _drawn({"shop/api": both, "shop/web": both, "shop/old": {"1": []}, "shop/dev": {"1": ["ci"]}}) == {
        "shop/**": AllOf(signers("alice", "qa")),
        "shop/dev": AnyOf(signers("ci")),
        "shop/old": Released(),
    }


def test_repositories_with_one_signer_each_share_an_entry() -> None:
    """Who may sign one of them may sign the others, as far as Notary delegates to them there."""
    assert _drawn({"shop/api": {"1": ["alice"]}, "shop/web": {"1": ["bob"]}}) == {
        "shop/**": AnyOf(signers("alice", "bob"))
    }


def test_of_two_ways_that_are_as_frequent_the_stronger_is_the_namespace_s() -> None:
    """So a repository that comes later is not weaker by accident."""
    drawn = _drawn({"shop/api": {"1": ["alice", "qa"]}, "shop/old": {"1": []}})
    assert drawn == {"shop/**": AllOf(signers("alice", "qa")), "shop/old": Released()}


def test_repositories_without_a_namespace_are_one() -> None:
    """A pattern with `**` would not match them, `*` does."""
    drawn = draw(map(Repository, ("busybox", "alpine", "shop/api")), [_survey("busybox", {"1": ["ci"]})], {})
    assert [(each.pattern, each.owner, each.covers) for each in drawn] == [
        ("*", "top-level", ("alpine", "busybox")),
        ("shop/**", "shop", ("shop/api",)),
    ]


def test_where_nothing_is_signed_the_rule_is_docker_s_own() -> None:
    """The weakest that there is: no signer is known who could be asked for."""
    assert _drawn({"shop/api": {}}) == {"shop/**": Released()}


def test_the_usual_votes() -> None:
    """Those that most tags have together, the larger group where two are as frequent."""
    found = _survey("shop/api", {"1": ["alice"], "2": ["alice", "qa"], "3": ["alice", "qa"]})
    assert usual_votes(found.signed) == {"alice", "qa"}
    assert usual_votes(found.signed[:2]) == {"alice", "qa"}
    assert usual_votes(()) == frozenset()


_PEOPLE = ("alice", "bob", "qa")
_SAID = st.dictionaries(st.sampled_from(["1", "2", "3"]), st.sampled_from(["one", "other"]), max_size=3)


@st.composite
def _roles(draw_one: st.DrawFn) -> Collection:
    """Trust data of any kind: with and without releases, with shared keys, with signers of different opinions."""
    people = draw_one(st.sets(st.sampled_from(_PEOPLE)))
    keys = {name: draw_one(st.sampled_from([name, "shared"])) for name in sorted(people)}
    roles = [says(f"targets/{name}", draw_one(_SAID), keys=[key]) for name, key in keys.items()]
    releases = [says("targets/releases", draw_one(_SAID))] if draw_one(st.booleans()) else []
    return of(says("targets", draw_one(_SAID)), *roles, *releases)


@given(st.lists(_roles(), min_size=1, max_size=4))
def test_nothing_that_is_released_is_ever_refused(collections: list[Collection]) -> None:
    """Whatever is signed how: each released tag gets the same digest by the entry that will apply to it."""
    names = [Repository(f"shop/{number}") for number in range(len(collections))]
    surveys = [survey(name, each, entry(), NOW) for name, each in zip(names, collections, strict=True)]
    rules = {name: drawn.rule for drawn in draw(names, surveys, {}) for name in drawn.covers}
    assert set(rules) == set(names)
    for found in surveys:
        for tag in found.collection.tags():
            expected = resolved(entry(Released()), tag, found.collection, NOW)
            if expected:
                assert resolved(entry(rules[found.repository]), tag, found.collection, NOW) == expected


@given(_roles())
def test_no_rule_is_weaker_than_it_has_to_be(collection: Collection) -> None:
    """One vote more, by whoever signs there at all, and something that is signed would be refused."""
    found = survey(Repository("shop/api"), collection, entry(), NOW)
    everybody = sorted(frozenset[str]().union(*(each.votes for each in found.signed)))
    more = needed(strongest([found])) + 1
    assert not found.signed or not found.meets(AtLeast(more, signers(*everybody))) or more == 1


def test_another_root_is_another_entry() -> None:
    """The most frequent root of a namespace is that of its entry; what has another one has an entry with that."""
    tags: Tags = {"1": ["alice"]}
    names = ("shop/api", "shop/web", "shop/lab", "shop/new", "tools/build")
    roots = {Repository("shop/api"): {"a"}, Repository("shop/web"): {"a"}, Repository("shop/lab"): {"a", "b"}}
    drawn = draw(
        map(Repository, names),
        [_survey(name, tags) for name in ("shop/api", "shop/web", "shop/lab")],
        {repository: frozenset(ids) for repository, ids in roots.items()},
    )
    assert [(each.pattern, each.roots, each.has_other_root) for each in drawn] == [
        ("shop/**", ("a",), False),
        ("shop/lab", ("a", "b"), True),
        ("tools/**", (), False),
    ]
    assert drawn[0].covers == ("shop/api", "shop/new", "shop/web")
    assert drawn[0].rule == drawn[1].rule


def test_a_root_without_a_signed_tag_counts_as_well() -> None:
    """What is initialised and has no tag yet is anchored all the same."""
    roots = {Repository("shop/api"): frozenset("a"), Repository("shop/empty"): frozenset("b")}
    drawn = draw(roots, [_survey("shop/api", {"1": ["alice"]})], roots)
    assert [(each.pattern, each.roots) for each in drawn] == [("shop/**", ("a",)), ("shop/empty", ("b",))]
    [only] = draw([Repository("shop/empty")], [], roots)
    assert (only.pattern, only.roots) == ("shop/**", ("b",))
