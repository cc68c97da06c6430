"""Following a changefeed: what is told, what is said, and how often it is asked."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from structlog.testing import capture_logs
from structlog.typing import EventDict

from proxy.clock import Clock
from proxy.limits import (
    CHANGEFEED_AWAY_SECONDS,
    CHANGEFEED_BYTES,
    CHANGEFEED_KNOWN,
    CHANGEFEED_PAGES,
    CHANGEFEED_RECORDS,
    CHANGEFEED_SLOW_SECONDS,
    CHANNEL_GUN_LENGTH,
)
from proxy.names import Gun
from proxy.notary.changefeed import Changefeed, Told
from proxy.notary.client import NotarySource
from proxy.tasks import spawn
from tests.support.changefeed import ChangefeedSimulator
from tests.unit.notary.conftest import serving, settings_for

SLOW, AWAY, EVERY = CHANGEFEED_SLOW_SECONDS, CHANGEFEED_AWAY_SECONDS, 1.0
PAGES = b'{"records":[%s]}' % b",".join([b'{"ID":"1","GUN":"h/a","SHA256":""}'] * (CHANGEFEED_RECORDS + 1))


class HeldClock(Clock):
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.passed = 0.0

    def seconds(self) -> float:
        """As many as passed."""
        return self.passed


class Follower:
    """Somebody who follows a simulated changefeed, poll by poll."""

    def __init__(self, feed: ChangefeedSimulator, source: NotarySource) -> None:
        self.feed = feed
        self.clock = HeldClock()
        self.changefeed = Changefeed(source, EVERY, self.clock)
        self.told: list[Told] = []
        self.said: list[EventDict] = []

    async def poll(self) -> float:
        """Poll once; the pause until the next, which passes."""
        with capture_logs() as said:
            pause = await self.changefeed._turn(self.told.append)
        self.said += said
        self.clock.passed += pause
        return pause

    def heard(self) -> list[Told]:
        """What was told since this was last called."""
        told, self.told = self.told, []
        return told

    def events(self) -> list[str]:
        """What was logged since this was last called: each event, and why if it has a reason."""
        said, self.said = self.said, []
        return [f"{each['event']}: {each['why']}" if "why" in each else each["event"] for each in said]


@pytest.fixture
async def follower() -> AsyncIterator[Follower]:
    """Somebody who is about to begin; three collections are there already."""
    feed = ChangefeedSimulator()
    feed.publish("h/a", "h/b", "h/c")
    async with serving(feed.handle) as url, NotarySource(settings_for(url)) as source:
        yield Follower(feed, source)


def guns(*names: str) -> frozenset[Gun]:
    """Collections."""
    return frozenset(map(Gun, names))


async def test_what_was_there_before_is_not_told(follower: Follower) -> None:
    """The first poll asks for the newest records, for the place they give."""
    assert await follower.poll() == EVERY
    assert await follower.poll() == EVERY
    assert follower.heard() == []
    assert follower.events() == ["changefeed followed"]
    assert [query["change_id"] for query in follower.feed.asked] == ["-1", "0"]


async def test_each_change_is_told_once(follower: Follower) -> None:
    """New collections, new signatures and deletions: one poll, one request, one hint with all of them."""
    await follower.poll()
    follower.feed.publish("h/a", "h/new", "h/a")
    follower.feed.delete("h/b")
    for _ in range(3):
        assert await follower.poll() == EVERY
    assert follower.heard() == [guns("h/a", "h/b", "h/new")]
    assert len(follower.feed.asked) == 4
    assert follower.events() == ["changefeed followed", "changed in Notary"]


async def test_a_notary_without_collections_is_followed_from_its_first(follower: Follower) -> None:
    """No records are `null`, with a place all the same."""
    follower.feed.restart()
    await follower.poll()
    await follower.poll()
    follower.feed.publish("h/first")
    await follower.poll()
    assert follower.heard() == [guns("h/first")]


async def test_polls_stay_small(follower: Follower) -> None:
    """However long the changefeed is, a poll without news reads the newest few records alone."""
    follower.feed.publish(*(f"h/{number}" for number in range(300)))
    await follower.poll()
    await follower.poll()
    last = follower.feed.asked[-1]
    assert last["change_id"] == str(303 - CHANGEFEED_KNOWN)
    assert last["records"] == str(CHANGEFEED_RECORDS)


async def test_many_changes_are_read_page_by_page(follower: Follower) -> None:
    """Whoever comes late reads on until the end, and tells all of it at once."""
    await follower.poll()
    names = [f"h/{number}" for number in range(3 * CHANGEFEED_RECORDS)]
    follower.feed.publish(*names)
    await follower.poll()
    assert follower.heard() == [guns(*names)]
    assert len(follower.feed.asked) == 1 + 4


async def test_too_many_changes_are_told_as_any(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    """A poll reads so many pages and no more: then anything may have changed, and it goes on from the newest."""
    monkeypatch.setattr("proxy.notary.changefeed.CHANGEFEED_RECORDS", 100)
    await follower.poll()
    follower.feed.publish(*(f"h/{number}" for number in range(100 * CHANGEFEED_PAGES)))
    assert await follower.poll() == EVERY
    assert len(follower.feed.asked) == 1 + CHANGEFEED_PAGES + 1
    follower.feed.publish("h/after")
    await follower.poll()
    assert follower.heard() == [None, guns("h/after")]
    assert follower.events() == ["changefeed followed", "anything may have changed", "changed in Notary"]


@pytest.mark.parametrize("anew", [0, 1, 3, 5])
async def test_a_notary_that_lost_its_memory(follower: Follower, anew: int) -> None:
    """Ids start over; whatever has them now, anything may have changed, and nothing after that is missed."""
    await follower.poll()
    follower.feed.restart()
    follower.feed.publish(*["h/a"] * anew)
    assert await follower.poll() == EVERY
    follower.feed.publish("h/b")
    await follower.poll()
    assert follower.heard() == [None, guns("h/b")]


@pytest.mark.parametrize(("status", "polls"), [pytest.param(400, 1, id="400"), pytest.param(500, 4, id="500")])
async def test_another_kind_of_database_has_other_ids(follower: Follower, status: int, polls: int) -> None:
    """What is wrong with our id alone is no reason to stop: it is asked for the newest."""
    await follower.poll()
    follower.feed.unknown_id = status
    pauses = [await follower.poll() for _ in range(polls)]
    assert pauses == [AWAY] * (polls - 1) + [EVERY]
    assert follower.heard() == [None]


async def test_an_error_that_passes_loses_nothing(follower: Follower) -> None:
    """However long it lasts, the place is kept."""
    await follower.poll()
    follower.feed.fault = 500
    for _ in range(6):
        assert await follower.poll() == AWAY
    follower.feed.fault = 200
    follower.feed.publish("h/b")
    await follower.poll()
    assert follower.heard() == [guns("h/b")]


async def test_a_feed_that_keeps_beginning_anew_is_asked_slowly(follower: Follower) -> None:
    """Two servers behind one address, each with a memory of its own: everything is checked now and then, not always."""
    await follower.poll()
    for _ in range(3):
        follower.feed.restart()
        follower.feed.publish("h/a")
        await follower.poll()
    assert await follower.poll() == EVERY
    assert follower.clock.passed == EVERY + EVERY + SLOW + SLOW + EVERY
    assert follower.heard() == [None, None, None]
    assert follower.events() == [
        "changefeed followed",
        "anything may have changed",
        "anything may have changed",
        "changefeed not followed: it keeps beginning anew",
        "anything may have changed",
        "changefeed followed",
    ]


@pytest.mark.parametrize(
    ("status", "body", "why", "pause"),
    [
        pytest.param(401, None, "it may not be read (status 401)", SLOW, id="401"),
        pytest.param(403, None, "it may not be read (status 403)", SLOW, id="403"),
        pytest.param(404, None, "it answers that there is none (404)", SLOW, id="404"),
        pytest.param(302, None, "it is not answered (status 302)", SLOW, id="redirect"),
        pytest.param(429, None, "it is not answered (status 429)", SLOW, id="429"),
        pytest.param(500, None, "no answer (status 500)", AWAY, id="500"),
        pytest.param(503, None, "no answer (status 503)", AWAY, id="503"),
        pytest.param(200, b"<html>", "what answers is no changefeed (no JSON)", SLOW, id="html"),
        pytest.param(200, b"{}", "what answers is no changefeed (no records)", SLOW, id="malformed"),
        pytest.param(200, PAGES, "it answers more than it was asked for", SLOW, id="more-than-asked"),
        pytest.param(200, b" " * (CHANGEFEED_BYTES + 1), "its answer is too long", SLOW, id="endless"),
    ],
)
async def test_trouble_is_said_once_and_ends(
    follower: Follower, status: int, body: bytes | None, why: str, pause: float
) -> None:
    """One warning with a cure, polls that take their time, and a word when it is well again; no change is lost."""
    await follower.poll()
    follower.feed.fault, follower.feed.said = status, body
    assert [await follower.poll() for _ in range(3)] == [pause] * 3
    [followed, warned] = follower.said
    assert (warned["log_level"], warned["why"]) == ("warning", why)
    assert warned["remedy"].startswith(("give ", "let ", "see "))
    assert follower.heard() == []
    follower.feed.publish("h/meanwhile")
    follower.feed.fault, follower.feed.said = 200, None
    assert await follower.poll() == EVERY
    assert follower.heard() == [guns("h/meanwhile")]
    well = next(each for each in follower.said[2:] if each["event"] == followed["event"])
    assert well["unread_for"] == 3 * pause


async def test_trouble_from_the_start(follower: Follower) -> None:
    """What changed before the first page could be read is not known, so anything may have changed."""
    follower.feed.fault = 401
    await follower.poll()
    follower.feed.fault = 200
    await follower.poll()
    follower.feed.publish("h/b")
    await follower.poll()
    assert follower.heard() == [None, guns("h/b")]


async def test_other_trouble_is_said_too(follower: Follower) -> None:
    """Notary comes back, and now the right is missing: that is news, once."""
    for status in (500, 500, 401, 500, 401):
        follower.feed.fault = status
        await follower.poll()
    assert follower.events() == [
        "changefeed not followed: no answer (status 500)",
        "changefeed not followed: it may not be read (status 401)",
    ]


async def test_names_that_no_configuration_can_have_are_nothing(follower: Follower) -> None:
    """A hostile or odd GUN is no hint, stands in no log, and does not hide the others."""
    await follower.poll()
    longest = "h/" + "a" * (CHANNEL_GUN_LENGTH - 2)
    follower.feed.publish("h/../x", "h/b", "", "h/\n", longest, longest + "a", "a" * 900_000, "\ud7ff")
    await follower.poll()
    assert (follower.heard(), follower.said[-1]["gun"]) == ([guns("h/b", longest)], [longest, "h/b"])


async def test_a_hint_about_many_is_logged_shortly(follower: Follower) -> None:
    """A line of the log names some of them, and how many there are."""
    await follower.poll()
    follower.feed.publish(*(f"h/{number:03}" for number in range(50)))
    await follower.poll()
    [*_, said] = follower.said
    assert (said["event"], said["gun"][0], len(said["gun"]), said["count"]) == ("changed in Notary", "h/000", 10, 50)


@pytest.mark.parametrize("stuck", [CHANGEFEED_RECORDS - 1, CHANGEFEED_RECORDS, CHANGEFEED_RECORDS + 1])
async def test_a_server_that_always_says_the_same_cannot_keep_us_busy(follower: Follower, stuck: int) -> None:
    """Whatever it is asked for, it answers the same page: what is told and asked of it stays within bounds."""
    await follower.poll()
    follower.feed.publish(*["h/a"] * stuck)
    _, follower.feed.said = ChangefeedSimulator(follower.feed.records[:stuck]).answer({"records": "1000"})
    asked, polls = len(follower.feed.asked), 8
    pauses = [await follower.poll() for _ in range(polls)]
    assert pauses.count(SLOW) >= polls - 3
    assert len(follower.feed.asked) - asked <= polls * (CHANGEFEED_PAGES + 1)


async def test_run_polls_until_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hints come by themselves, also after whoever is told fails: then anything may have changed."""
    monkeypatch.setattr("proxy.notary.changefeed.CHANGEFEED_SLOW_SECONDS", 0.01)
    feed, told, followed, all_told = ChangefeedSimulator(), list[Told](), asyncio.Event(), asyncio.Event()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        answer = await feed.handle(request)
        if len(feed.asked) == 3:
            followed.set()
        return answer

    def tell(what: Told) -> None:
        told.append(what)
        if len(told) == 1:
            raise RuntimeError("not listening")
        all_told.set()

    async with serving(handle) as url, NotarySource(settings_for(url)) as source:
        with capture_logs() as said:
            running = spawn(Changefeed(source, 0.01, Clock()).run(tell), name="changefeed")
            await followed.wait()
            feed.publish("h/a")
            await all_told.wait()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
    assert told == [guns("h/a"), None]
    assert "unexpected error" in [each["event"] for each in said]


async def test_two_pollers_are_told_the_same() -> None:
    """Replicas follow the same changefeed, each in its own place."""
    feed = ChangefeedSimulator()
    async with (
        serving(feed.handle) as url,
        NotarySource(settings_for(url)) as one,
        NotarySource(settings_for(url)) as other,
    ):
        followers = [Follower(feed, source) for source in (one, other)]
        for each in followers:
            await each.poll()
        feed.publish("h/a")
        await followers[0].poll()
        feed.publish("h/b")
        for each in followers:
            await each.poll()
        assert [each.heard() for each in followers] == [[guns("h/a"), guns("h/b")], [guns("h/a", "h/b")]]


async def test_a_hung_notary_ends_a_poll() -> None:
    """A poll takes the Notary's `timeout` and no more, and the connection of the next one is free."""

    async def silent(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    async with serving(silent) as url, NotarySource(settings_for(url, timeout=0.1)) as source:
        follower = Follower(ChangefeedSimulator(), source)
        assert [await follower.poll() for _ in range(3)] == [AWAY] * 3
    assert follower.events() == ["changefeed not followed: no answer (timed out after 0.1 s)"]


@pytest.mark.parametrize(
    ("moved", "heard"),
    [pytest.param(False, guns("h/meanwhile"), id="same-notary"), pytest.param(True, None, id="moved")],
)
async def test_an_heir_goes_on_where_the_other_was(
    follower: Follower,
    moved: bool,  # noqa: FBT001  (a named case)
    heard: Told,
) -> None:
    """Another client, another pace: no change between the two is lost; of another Notary anything may have changed."""
    await follower.poll()
    follower.feed.publish("h/meanwhile")
    async with serving(follower.feed.handle) as url, NotarySource(settings_for(url)) as other:
        heir = follower.changefeed.heir(other, 7 * EVERY, moved=moved)
        assert (heir.source, heir.every, heir.clock) == (other, 7 * EVERY, follower.clock)
        follower.changefeed = heir
        assert await follower.poll() == 7 * EVERY
        assert follower.heard() == [heard]
        follower.feed.publish("h/after")
        await follower.poll()
        assert follower.heard() == [guns("h/after")]
        assert "changefeed followed" in follower.events()


async def test_an_heir_of_one_that_never_read_anything_knows_nothing(follower: Follower) -> None:
    """It cannot take what is there for what was there at the start: clients were served meanwhile."""
    follower.feed.fault = 503
    await follower.poll()
    follower.feed.fault = 200
    follower.changefeed = follower.changefeed.heir(follower.changefeed.source, EVERY, moved=False)
    await follower.poll()
    assert follower.heard() == [None]


async def test_an_heir_says_anew_what_is_the_matter(follower: Follower) -> None:
    """Whoever changed the account wants to hear whether it helped; trouble keeps the place."""
    await follower.poll()
    follower.feed.fault = 401
    await follower.poll()
    follower.changefeed = follower.changefeed.heir(follower.changefeed.source, EVERY, moved=False)
    await follower.poll()
    follower.feed.fault = 200
    follower.feed.publish("h/meanwhile")
    await follower.poll()
    assert follower.heard() == [guns("h/meanwhile")]
    unread = "changefeed not followed: it may not be read (status 401)"
    assert follower.events() == ["changefeed followed", unread, unread, "changed in Notary", "changefeed followed"]
