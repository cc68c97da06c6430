"""What roles said before: what is recorded, for how long, and how it is written down."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Expired
from proxy.limits import PAST_OF_A_TAG, PAST_STATEMENTS
from proxy.names import Digest, RoleName, Tag
from proxy.policy.past import NO_PAST, Earlier, Past, Statement, record
from proxy.tuf.collection import Collection, Target
from tests.support.collections import NOW, digest, of, says, target, unusable

DAY = timedelta(days=1)
TAG = Tag("1.4")
OLD = of(says("targets/alice", {"1.4": "old", "dev": "x"}, keys=["a1", "a2"]), says("targets/releases", {"1.4": "old"}))
NEW = of(says("targets/alice", {"1.4": "new", "dev": "x"}), says("targets/releases", {"1.4": "new"}))
BARE = of()
ONCE = record(NO_PAST, OLD, NEW, NOW, DAY)


def said(role: str, word: str, *keys: str) -> Statement:
    """A role's statement, signed by these keys or by the one named after the role."""
    return Statement(RoleName(role), target(word), frozenset(keys or {role.removeprefix("targets/")}))


# --- what is recorded ---------------------------------------------------------------------------


def test_what_a_tag_was_is_recorded_with_the_keys_that_said_so() -> None:
    """Only the tag that changed, and everything that every role said of it."""
    statements = (said("targets/alice", "old", "a1", "a2"), said("targets/releases", "old"))
    assert ONCE.records == (Earlier(TAG, NOW, statements),)
    assert ONCE.of(TAG) == ONCE.records
    assert ONCE.of(Tag("dev")) == ()
    assert ONCE.naming(digest("old")) == {TAG}
    assert ONCE.naming(digest("new")) == frozenset()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(OLD, OLD, id="the same collection"),
        pytest.param(OLD, of(*OLD.usable(), says("targets/qa", {})), id="a role that says nothing"),
        pytest.param(BARE, OLD, id="tags that are new"),
        pytest.param(
            of(says("targets/alice", {"1.4": "x"})),
            of(says("targets/alice", {"1.4": "x"}, keys=["b"])),
            id="other keys",
        ),
        pytest.param(
            of(says("targets/alice", {"1.4": "x"}, paths=("v",))),
            of(says("targets/alice", {"1.4": "y"}, paths=("v",))),
            id="a tag beyond the role's paths",
        ),
    ],
)
def test_what_no_tag_lost_is_not_recorded(before: Collection, after: Collection) -> None:
    """The past stays the same object, so that nobody writes it down again."""
    assert record(NO_PAST, before, after, NOW, DAY) is NO_PAST


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(BARE, id="revoked"),
        pytest.param(of(says("targets/alice", {"1.4": target("x", 1)})), id="another length"),
        pytest.param(of(says("targets/alice", {"1.4": "x"}, paths=("v",))), id="beyond its paths now"),
        pytest.param(of(says("targets/alice", {"1.4": "x"}), says("targets/qa", {"1.4": "x"})), id="one signer more"),
        pytest.param(of(unusable("targets/alice", Expired("targets/alice", NOW))), id="its role is unusable"),
    ],
)
def test_any_change_of_what_is_said_of_a_tag_is_recorded(after: Collection) -> None:
    """Whether it mattered is decided when somebody asks."""
    found = record(NO_PAST, of(says("targets/alice", {"1.4": "x"})), after, NOW, DAY)
    assert found.records == (Earlier(TAG, NOW, (said("targets/alice", "x"),)),)


def test_that_a_tag_was_revoked_is_recorded_when_it_comes_back() -> None:
    """A gap in its life is part of the past; without any past there is nothing to end."""
    revoked = record(ONCE, NEW, BARE, NOW + DAY, DAY)
    again = record(revoked, BARE, OLD, NOW + 2 * DAY, DAY)
    assert [earlier.said == () for earlier in again.of(TAG)] == [False, False, True]


def test_nothing_is_remembered_where_nobody_knows_what_came_before() -> None:
    """The tag may have been revoked in between."""
    assert record(ONCE, None, NEW, NOW, DAY) is NO_PAST
    assert record(NO_PAST, None, NEW, NOW, DAY) is NO_PAST


def test_what_ended_long_ago_is_forgotten() -> None:
    """After twice the time that a digest may be served for."""
    assert record(ONCE, NEW, NEW, NOW + 2 * DAY, DAY) is ONCE
    assert record(ONCE, NEW, NEW, NOW + 2 * DAY + timedelta(microseconds=1), DAY).records == ()


def test_the_order_is_kept_whatever_the_clock_does() -> None:
    """A clock that goes back cannot make a newer record the older one."""
    found = record(ONCE, NEW, OLD, NOW - DAY, DAY)
    assert [earlier.ended for earlier in found.records] == [NOW, NOW]
    assert found.records[1].said[0].target == target("new")


def test_the_oldest_goes_first_where_there_is_no_room() -> None:
    """Whoever is dropped is refused sooner; memory stays bounded."""
    many = of(says("targets/alice", {f"t{number}": "x" for number in range(PAST_STATEMENTS // 3)}))
    full = record(NO_PAST, many, BARE, NOW, DAY)
    assert len(full.records) == PAST_STATEMENTS // 3
    fuller = record(full, OLD, NEW, NOW, DAY)
    assert fuller.records[-1].tag == TAG
    assert fuller.records[0].tag == full.records[2].tag
    assert sum(earlier.weight for earlier in fuller.records) <= PAST_STATEMENTS


def test_a_full_past_can_be_written_and_read() -> None:
    """The bound of the record fits the bounds of the reader."""
    many = of(says("targets/alice", {f"t{number}": "x" for number in range(PAST_STATEMENTS // 3)}))
    full = record(NO_PAST, many, BARE, NOW, DAY)
    assert Past.decode(full.encode()).records == full.records


# --- how it is written down ---------------------------------------------------------------------

DIGESTS = st.binary(min_size=32, max_size=32).map(Digest.from_hash)
KEY_IDS = st.text("0123456789abcdef", min_size=1, max_size=8)
ROLES = st.sampled_from([RoleName("targets"), RoleName("targets/a"), RoleName("targets/a/b"), RoleName("targets/qa")])
STATEMENTS = st.builds(
    Statement,
    ROLES,
    st.builds(Target, DIGESTS, st.integers(0, 2**53)),
    st.frozensets(KEY_IDS, min_size=1, max_size=3),
)
RECORDS = st.builds(
    Earlier,
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,9}", fullmatch=True).map(Tag),
    st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  (made aware here)
    st.lists(STATEMENTS, max_size=3, unique_by=lambda one: one.role).map(
        lambda said: tuple(sorted(said, key=lambda one: one.role))
    ),
)
PASTS = st.lists(RECORDS, max_size=4).map(lambda found: Past(tuple(sorted(found, key=lambda one: one.ended))))


@given(PASTS)
def test_what_was_written_is_read_again(past: Past) -> None:
    """Nothing is lost or added, and nothing at all is written as no bytes."""
    written = past.encode()
    assert Past.decode(written).records == past.records
    assert (written == b"") == (past.records == ())


@given(PASTS, st.data())
def test_damage_is_read_as_another_past_or_not_at_all(past: Past, data: st.DataObject) -> None:
    """Whatever is read is what would be written: there are no two ways to say one thing."""
    written = past.encode()
    where = data.draw(st.integers(0, len(written)))
    damaged = written[:where] + data.draw(st.binary(max_size=3)) + written[where + data.draw(st.integers(0, 3)) :]
    try:
        found = Past.decode(damaged)
    except ValueError:
        return
    assert found.encode() == damaged


WRITTEN = ONCE.encode()
HEX = digest("old").hex


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(b"x", id="no JSON"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b"{}", id="nothing in it"),
        pytest.param(b'{"records":[],"voices":[]}', id="no records, in words"),
        pytest.param(WRITTEN[:-1] + b',"z":1}', id="one field more"),
        pytest.param(WRITTEN.replace(b",", b", ", 1), id="a blank"),
        pytest.param(WRITTEN.replace(b"a1", b"a3"), id="keys out of order"),
        pytest.param(WRITTEN.replace(b'["a1","a2"]', b'"a"'), id="a text for a list of keys"),
        pytest.param(WRITTEN.replace(b'"a1"', b"1"), id="a number for a key"),
        pytest.param(WRITTEN.replace(b"[0,", b"[5,"), id="a voice that is not there"),
        pytest.param(WRITTEN.replace(b"[1,", b"[-1,"), id="a voice from the end"),
        pytest.param(WRITTEN.replace(b"[1,", b"[0,"), id="a voice that is not used, a role twice"),
        pytest.param(WRITTEN.replace(HEX.encode(), b"00"), id="no digest"),
        pytest.param(WRITTEN.replace(b"527", b'"527"'), id="a text for a length"),
        pytest.param(WRITTEN.replace(b"527", b"true"), id="a truth for a length"),
        pytest.param(WRITTEN.replace(b"527", b"-527"), id="a negative length"),
        pytest.param(WRITTEN.replace(b"527", b"527.0"), id="a length with a point"),
        pytest.param(WRITTEN.replace(b'"1.4"', b"1"), id="a number for a tag"),
        pytest.param(WRITTEN.replace(b'"1.4"', b'"-"'), id="no tag"),
        pytest.param(WRITTEN.replace(b"targets/alice", b"targets/ALICE"), id="no role"),
        pytest.param(WRITTEN.replace(b'"records":[[', b'"records":[1,['), id="a number for a record"),
        pytest.param(WRITTEN + b"x", id="something behind"),
        pytest.param(b'{"records":[["a",90071992547409920,[]]],"voices":[]}', id="an instant out of this world"),
        pytest.param(b'{"records":[["a",1]],"voices":[]}', id="a record without statements"),
        pytest.param(b'{"records":[["a",null,[]]],"voices":[]}', id="no instant"),
        pytest.param(b'{"records":[["a",true,[]]],"voices":[]}', id="a truth for an instant"),
        pytest.param(b'{"records":[["a",2,[]],["a",1,[]]],"voices":[]}', id="records out of order"),
    ],
)
def test_what_was_never_written_is_not_read(damaged: bytes) -> None:
    """Damaged memory is told, never guessed at."""
    assert damaged != WRITTEN
    with pytest.raises(ValueError, match=r"earlier statements|JSON|has|values"):
        Past.decode(damaged)


def test_one_tag_keeps_only_its_newest_records() -> None:
    """A tag that is signed again without end does not make its own past long to go through."""
    past, before = NO_PAST, of(says("targets/alice", {"1.0": "image 0", "other": "x"}))
    for number in range(1, PAST_OF_A_TAG + 3):
        after = of(says("targets/alice", {"1.0": f"image {number}", "other": "x"}))
        past, before = record(past, before, after, NOW + timedelta(seconds=number), timedelta(hours=1)), after
    kept = past.of(Tag("1.0"))
    assert len(kept) == PAST_OF_A_TAG
    assert kept[-1].ended == NOW + timedelta(seconds=PAST_OF_A_TAG + 2)
