"""A large past that is kept packed answers as the plain one does."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.limits import PAST_PLAIN_BYTES
from proxy.names import Digest, Tag
from proxy.policy.past import NO_PAST, Earlier, Past
from proxy.policy.past_packed import PackedPast, keep, kept
from tests.support.collections import NOW, digest
from tests.unit.policy.test_past import DIGESTS, ONCE, PASTS, TAG, said


@given(PASTS, DIGESTS, st.from_regex(r"[a-z]{1,3}", fullmatch=True).map(Tag))
def test_packed_past_says_the_same(past: Past, other_digest: Digest, other_tag: Tag) -> None:
    """Of every tag and every digest, known or not, and as a whole."""
    packed = PackedPast(PackedPast.pack(past).as_bytes())
    for tag in (*(record.tag for record in past.records), other_tag):
        assert packed.of(tag) == past.of(tag)
    digests = {statement.target.digest for record in past.records for statement in record.said}
    for each in (*digests, other_digest):
        assert packed.naming(each) == past.naming(each)
    assert packed.records == past.records
    assert packed.encode() == past.encode()


def large() -> Past:
    """A past of many tags, all of which had one digest and then another."""
    records = [
        Earlier(Tag(f"v{number}"), NOW + timedelta(seconds=second), (said("targets/alice", word, "a1", "a2"),))
        for second, word in enumerate(("old", "older"))
        for number in range(200)
    ]
    return Past(tuple(records))


def test_large_past_is_packed_and_small_is_not() -> None:
    """What is small is read whole at once; packing it would gain nothing."""
    assert len(large().encode()) > PAST_PLAIN_BYTES
    packed = kept(keep(large()))
    assert isinstance(packed, PackedPast)
    assert keep(packed) == keep(large())
    assert packed.naming(digest("old")) == {f"v{number}" for number in range(200)}
    assert packed.of(Tag("v7")) == large().of(Tag("v7"))
    assert len(packed.of(Tag("v7"))) == 2


@pytest.mark.parametrize("past", [pytest.param(NO_PAST, id="none"), pytest.param(ONCE, id="one tag")])
def test_small_past_is_kept_as_it_is_written(past: Past) -> None:
    """The same bytes as in the trust store."""
    assert keep(past) == past.encode()
    assert kept(keep(past)).of(TAG) == past.of(TAG)
    assert not isinstance(kept(keep(past)), PackedPast)
