"""Packed targets and tags say exactly what was packed, in a fraction of the memory."""

import pickle
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.names import Digest, Tag
from proxy.tuf.targets import PackedTags, PackedTargets, Target
from tests.support.collections import digest, target

TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True).map(Tag)
TARGETS = st.builds(
    Target,
    st.sampled_from([digest(word) for word in ("one", "two", "three")])
    | st.binary(min_size=32, max_size=32).map(Digest.from_hash),
    st.sampled_from([-1, 0, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**53]) | st.integers(0, 5000),
)
SAID = st.dictionaries(TAGS, TARGETS, max_size=20)
SHOP = {Tag(tag): target(word) for tag, word in (("b", "x"), ("a", "y"), ("c", "x"), ("aa", "z"))}


@given(SAID, TAGS)
def test_what_was_packed_is_what_is_said(said: Mapping[Tag, Target], other: Tag) -> None:
    """Every look-up answers as the plain mapping does, for tags that are there and for others."""
    packed = PackedTargets.pack(said)
    assert dict(packed) == said
    assert list(packed) == sorted(said)
    assert len(packed) == len(said)
    assert packed == said
    assert [packed.get(tag) for tag in said] == list(said.values())
    assert packed.get(other) == said.get(other)
    assert (other in packed) == (other in said)


@given(SAID, TARGETS)
def test_tags_of_a_digest_are_found(said: Mapping[Tag, Target], other: Target) -> None:
    """A digest leads to every tag of which it is said, and a foreign one to none."""
    packed = PackedTargets.pack(said)
    for sought in (*said.values(), other):
        assert set(packed.naming(sought.digest)) == {tag for tag, each in said.items() if each.digest == sought.digest}


@given(SAID, SAID)
def test_packed_targets_are_equal_where_they_say_the_same(one: Mapping[Tag, Target], two: Mapping[Tag, Target]) -> None:
    """It does not matter in which order tags were read, nor whether the other side is packed."""
    assert (PackedTargets.pack(one) == PackedTargets.pack(two)) == (one == two)
    assert PackedTargets.pack(one) == PackedTargets.pack({tag: one[tag] for tag in reversed(list(one))})
    assert (PackedTargets.pack(one) == two) == (one == two)


@given(SAID)
def test_packed_targets_survive_the_way_to_another_process(said: Mapping[Tag, Target]) -> None:
    """They are their bytes, and nothing else."""
    packed = PackedTargets.pack(said)
    assert pickle.loads(pickle.dumps(packed)) == packed  # noqa: S301  (made in this line)
    assert PackedTargets(packed.as_bytes()) == packed
    assert PackedTargets.pack(packed) is packed


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(sorted(SHOP), id="in order"),
        pytest.param(sorted(SHOP, reverse=True), id="backwards"),
        pytest.param([*sorted(SHOP), *sorted(SHOP)], id="twice"),
        pytest.param([Tag("a"), Tag("a"), Tag("c"), Tag("aa")], id="to and fro"),
    ],
)
def test_the_order_of_questions_changes_no_answer(order: list[Tag]) -> None:
    """What was asked before only decides how soon something is found."""
    packed = PackedTargets.pack(SHOP)
    assert [packed[tag] for tag in order] == [SHOP[tag] for tag in order]


@pytest.mark.parametrize(
    "absent",
    [
        pytest.param("", id="nothing"),
        pytest.param("a.", id="between"),
        pytest.param("d", id="behind the last"),
        pytest.param("aaa", id="longer"),
        pytest.param("ä", id="no tag at all"),
    ],
)
def test_what_is_not_there_is_not_found(absent: str) -> None:
    """Neighbours, prefixes and texts that can be no tag lead nowhere."""
    packed = PackedTargets.pack(SHOP)
    assert absent not in packed
    with pytest.raises(KeyError):
        _ = packed[absent]  # type: ignore[index]  # what a caller must not do is no tag here either


def test_a_mapping_that_is_packed_behaves_as_one() -> None:
    """What is no text is no tag; nobody can use it as a key; it says how large it is."""
    packed = PackedTargets.pack(SHOP)
    foreign: object = 5
    assert foreign not in packed
    assert repr(packed) == "<4 packed targets>"
    with pytest.raises(TypeError):
        hash(packed)


def test_packed_targets_are_small() -> None:
    """A digest, the tag, and a few bytes more for each; the ranges that many images have take no more."""
    said = {Tag(f"v1.{number:05}"): Target(digest(str(number)), 1500 + number % 1000) for number in range(10_000)}
    size = len(PackedTargets.pack(said).as_bytes())
    assert size < 10_000 * (32 + 8 + 2 + 4 + 2) + 16


@given(st.frozensets(TAGS, max_size=20), TAGS)
def test_packed_tags_are_the_tags(tags: frozenset[Tag], other: Tag) -> None:
    """As many, the same, sorted; also after the way to another process."""
    packed = PackedTags(PackedTags.pack(tags).as_bytes())
    assert list(packed) == sorted(tags)
    assert len(packed) == len(tags)
    assert all(tag in packed for tag in tags)
    assert (other in packed) == (other in tags)
    assert all(isinstance(tag, Tag) for tag in packed)


@pytest.mark.parametrize(
    "foreign", [pytest.param(5, id="number"), pytest.param("ä", id="no tag"), pytest.param("1", id="part")]
)
def test_packed_tags_hold_tags_alone(foreign: object) -> None:
    """What is no tag is not among them, nor is a part of one."""
    assert foreign not in PackedTags.pack([Tag("1.0")])
