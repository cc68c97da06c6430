"""Pages of a changefeed, and one's place in it: nothing is lost, and nothing is taken for what it is not."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.limits import CHANGEFEED_KNOWN
from proxy.notary.changes import BEGINNING, Change, NoChangefeed, Place, read
from tests.support.changefeed import ChangefeedSimulator

RECORD = {"ID": "1", "CreatedAt": "x", "GUN": "h/a", "Version": 1, "SHA256": "ab", "Category": "update"}


def page(feed: ChangefeedSimulator, after: str, records: int = 500) -> tuple[Change, ...]:
    """A page, as it is read."""
    return read(feed.answer({"records": str(records), "change_id": after})[1])


def at_the_end(feed: ChangefeedSimulator) -> Place:
    """The place of whoever begins now."""
    return Place.at_the_end(page(feed, "-1", CHANGEFEED_KNOWN + 1))


def guns(changes: frozenset[Change]) -> set[str]:
    """The collections that changed."""
    return {change.gun for change in changes}


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        pytest.param(b'{"count":0,"records":null}', (), id="null"),
        pytest.param(b'{"count":0,"records":[]}', (), id="empty"),
        pytest.param(
            orjson.dumps({"records": [RECORD | {"SHA256": " " * 64, "Version": 0, "Category": "deletion"}]}),
            (Change("1", "h/a", " " * 64),),
            id="deletion-on-postgresql",
        ),
        pytest.param(orjson.dumps({"count": 7, "records": [RECORD]}), (Change("1", "h/a", "ab"),), id="wrong-count"),
        pytest.param(orjson.dumps({"records": [RECORD | {"New": {}}]}), (Change("1", "h/a", "ab"),), id="more-fields"),
        pytest.param(
            orjson.dumps({"records": [RECORD | {"ID": "9f-\u00fc"}]}),
            (Change("9f-\u00fc", "h/a", "ab"),),
            id="opaque-id",
        ),
    ],
)
def test_pages_are_read(body: bytes, changes: tuple[Change, ...]) -> None:
    """Names are capitalised, ids are text of any kind, and no records are `null` or, from a database, none."""
    assert read(body) == changes


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="no-json"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"{}", id="no-records"),
        pytest.param(b'{"records":{}}', id="records-are-no-list"),
        pytest.param(b'{"records":[null]}', id="no-record"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"records":[{"ID":"\xff","GUN":"a","SHA256":""}]}', id="no-utf-8"),
        *(
            pytest.param(orjson.dumps({"records": [RECORD | {key: value}]}), id=f"{key}-{type(value).__name__}")
            for key, value in (("ID", 1), ("ID", ""), ("ID", None), ("GUN", 5), ("SHA256", None), ("GUN", ["a"]))
        ),
        pytest.param(orjson.dumps({"records": [RECORD | {"ID": "1" * 257}]}), id="long-id"),
        pytest.param(orjson.dumps({"records": [{key.lower(): RECORD[key] for key in RECORD}]}), id="lower-case"),
    ],
)
def test_what_is_no_page_is_told_apart(body: bytes) -> None:
    """Whatever else a server says is one kind of error."""
    with pytest.raises(NoChangefeed):
        read(body)


@pytest.mark.parametrize("before", [0, 1, CHANGEFEED_KNOWN, CHANGEFEED_KNOWN + 1, 3 * CHANGEFEED_KNOWN])
def test_what_is_new_is_found(before: int) -> None:
    """However much there was, a page from one's place begins with what is known, and the rest is new."""
    feed = ChangefeedSimulator()
    feed.publish(*(f"h/old{number}" for number in range(before)))
    place = at_the_end(feed)
    assert len(place.known) == min(before, CHANGEFEED_KNOWN)
    assert place.follow(page(feed, place.before)) == (place, frozenset())
    feed.publish("h/new", "h/newer")
    feed.delete("h/old0")
    followed = place.follow(page(feed, place.before))
    assert followed is not None
    assert guns(followed[1]) == {"h/new", "h/newer", "h/old0"}
    assert followed[0] == at_the_end(feed)


def test_a_record_that_was_written_late_is_found() -> None:
    """Two publishers at the same time: the one with the lower id commits after the other was read."""
    feed = ChangefeedSimulator()
    feed.publish("h/old")
    slow = feed.begin()
    feed.publish("h/quick")
    place = at_the_end(feed)
    feed.add("h/slow", slow)
    followed = place.follow(page(feed, place.before))
    assert followed is not None
    assert guns(followed[1]) == {"h/slow"}


@pytest.mark.parametrize("anew", range(6))
def test_ids_that_start_over_are_noticed(anew: int) -> None:
    """A server that lost its memory is another changefeed, also once it has the same number of records, or more."""
    feed = ChangefeedSimulator()
    feed.publish("h/a", "h/b", "h/a")
    place = at_the_end(feed)
    feed.restart()
    feed.publish(*["h/a", "h/b", "h/a", "h/c", "h/d", "h/a"][:anew])
    assert place.follow(page(feed, place.before)) is None


def test_a_feed_that_was_pruned_is_noticed() -> None:
    """Where known records are gone, others that nobody read may be too."""
    feed = ChangefeedSimulator()
    feed.publish("h/a", "h/b")
    place = at_the_end(feed)
    feed.publish("h/c", "h/d")
    del feed.records[1:3]
    assert place.follow(page(feed, place.before)) is None


def test_a_place_at_the_very_beginning_misses_nothing() -> None:
    """A Notary without any collection yet is followed from its first one on."""
    feed = ChangefeedSimulator()
    place = at_the_end(feed)
    assert place == Place(BEGINNING, ())
    feed.publish("h/first")
    followed = place.follow(page(feed, place.before))
    assert followed is not None
    assert guns(followed[1]) == {"h/first"}


@given(st.lists(st.integers(0, 40), max_size=8), st.integers(CHANGEFEED_KNOWN + 1, 60))
def test_whoever_reads_on_misses_nothing(bursts: list[int], records: int) -> None:
    """After bursts of any size, in pages of any size, every change was new exactly once."""
    feed = ChangefeedSimulator()
    feed.publish(*(f"h/old{number}" for number in range(20)))
    place, told, published = at_the_end(feed), list[str](), set[str]()
    for burst, size in enumerate([*bursts, 0]):
        written = [f"h/{burst}/{number}" for number in range(size)]
        feed.publish(*written)
        published.update(written)
        is_full = True
        while is_full:
            part = page(feed, place.before, records)
            followed = place.follow(part)
            assert followed is not None
            place, new = followed
            told += guns(new)
            is_full = len(part) == records
    assert len(told) == len(published)
    assert set(told) == published
