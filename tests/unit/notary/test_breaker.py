"""What fails in a row, a Notary or one collection, is left alone for a moment, and asked again by one at a time."""

import asyncio
from collections.abc import Mapping

import pytest

from proxy.limits import BREAKER_FAILURES
from proxy.names import Gun
from proxy.notary.breaker import Breaker
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply, Unavailable
from tests.support.resolving import HeldClock

GUN, NEIGHBOUR = Gun("registry.example.com/shop/api"), Gun("registry.example.com/shop/web")
GUNS = [Gun(f"registry.example.com/shop/service-{number}") for number in range(BREAKER_FAILURES)]
WISH = Fetch("timestamp", 100)
ROOT = Fetch("root", 100)
STRANGERS = [Gun(f"registry.example.com/no/such-{number}") for number in range(100)]
REFUSED = Unavailable("connection refused")


class Notary:
    """Answers what a test chose, or for one of its collections something else, and counts."""

    def __init__(self, reply: Reply, otherwise: Mapping[Gun, Reply] | None = None) -> None:
        self.reply = reply
        self.otherwise = otherwise or {}
        self.asked = 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def fetch(self, gun: Gun, _wish: Fetch) -> Reply:
        """The reply, once it may be given."""
        self.asked += 1
        await self.hold.wait()
        return self.otherwise.get(gun, self.reply)


async def test_failures_in_a_row_open_it() -> None:
    """After some failures nobody waits any more, and what is said names the last reason."""
    notary = Notary(REFUSED)
    breaker = Breaker(notary.fetch, HeldClock())
    for _ in range(BREAKER_FAILURES):
        assert await breaker.fetch(GUN, WISH) == REFUSED
    assert await breaker.fetch(GUN, WISH) == Unavailable("connection refused, not asked again yet")
    assert notary.asked == BREAKER_FAILURES


async def test_pauses_grow_and_end() -> None:
    """It is tried again after half a second, then after longer, at most five seconds."""
    notary, clock = Notary(REFUSED), HeldClock()
    breaker = Breaker(notary.fetch, clock)
    for _ in range(BREAKER_FAILURES):
        await breaker.fetch(GUN, WISH)
    for pause in (0.5, 1, 2, 4, 5, 5):
        before = notary.asked
        clock.pass_by(pause - 0.1)
        await breaker.fetch(GUN, WISH)
        assert notary.asked == before
        clock.pass_by(0.1)
        await breaker.fetch(GUN, WISH)
        assert notary.asked == before + 1


async def test_one_success_closes_it() -> None:
    """Once it answers everybody asks it again, and the next outage begins with short pauses."""
    notary, clock = Notary(REFUSED), HeldClock()
    breaker = Breaker(notary.fetch, clock)
    for _ in range(BREAKER_FAILURES):
        await breaker.fetch(GUN, WISH)
    clock.pass_by(0.5)
    notary.reply = Fetched(b"{}")
    assert await breaker.fetch(GUN, WISH) == Fetched(b"{}")
    notary.reply = REFUSED
    assert [await breaker.fetch(GUN, WISH) for _ in range(BREAKER_FAILURES)] == [REFUSED] * BREAKER_FAILURES


async def test_one_probe_at_a_time() -> None:
    """While one tries a server that hangs, the others do not wait for it."""
    notary, clock = Notary(REFUSED), HeldClock()
    breaker = Breaker(notary.fetch, clock)
    for _ in range(BREAKER_FAILURES):
        await breaker.fetch(GUN, WISH)
    clock.pass_by(0.5)
    notary.hold.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(breaker.fetch(GUN, WISH), name="probe")
        await asyncio.sleep(0)
        assert isinstance(await breaker.fetch(GUN, WISH), Unavailable)
        assert notary.asked == BREAKER_FAILURES + 1
        notary.hold.set()


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Missing(), id="404"),
        pytest.param(Unavailable("status 500", 500), id="500"),
        pytest.param(Unavailable("status 403", 403), id="403"),
    ],
)
async def test_answers_about_one_collection_never_open_it(reply: Reply) -> None:
    """A server that answers is there: one broken collection must not stop the others."""
    notary = Notary(reply)
    breaker = Breaker(notary.fetch, HeldClock())
    for _ in range(3 * BREAKER_FAILURES):
        assert await breaker.fetch(GUN, WISH) == reply
    assert notary.asked == 3 * BREAKER_FAILURES


async def test_failures_that_were_under_way_lengthen_no_pause() -> None:
    """Many time-outs at once are one outage, not many."""
    notary, clock = Notary(REFUSED), HeldClock()
    breaker = Breaker(notary.fetch, clock)
    await asyncio.gather(*(breaker.fetch(GUN, WISH) for _ in range(16)))
    asked = notary.asked
    clock.pass_by(0.5)
    await breaker.fetch(GUN, WISH)
    assert notary.asked == asked + 1


async def test_one_collection_that_fails_stops_only_itself() -> None:
    """However often somebody asks for it, its neighbours are asked for as ever, the new ones too."""
    notary = Notary(Fetched(b"{}"), {GUN: REFUSED})
    breaker = Breaker(notary.fetch, HeldClock())
    assert await breaker.fetch(NEIGHBOUR, WISH) == Fetched(b"{}")
    for _ in range(4 * BREAKER_FAILURES):
        await breaker.fetch(GUN, WISH)
    assert notary.asked == 1 + BREAKER_FAILURES
    assert await breaker.fetch(NEIGHBOUR, WISH) == Fetched(b"{}")
    assert await breaker.fetch(GUN, WISH) == Unavailable("connection refused, not asked again yet")


async def test_different_collections_that_fail_in_a_row_stop_all() -> None:
    """Then it is the Notary: nobody waits, for whatever collection, until the pause is over."""
    notary, clock = Notary(REFUSED), HeldClock()
    breaker = Breaker(notary.fetch, clock)
    for gun in GUNS:
        assert await breaker.fetch(gun, WISH) == REFUSED
    assert await breaker.fetch(NEIGHBOUR, WISH) == Unavailable("connection refused, not asked again yet")
    for pause in (0.5, 1, 2, 4, 5, 5):
        before = notary.asked
        clock.pass_by(pause)
        await asyncio.gather(*(breaker.fetch(gun, WISH) for gun in (NEIGHBOUR, GUN, *GUNS)))
        assert notary.asked == before + 1


async def test_an_answer_in_between_shows_that_notary_is_there() -> None:
    """Many collections may fail, as where a right is missing: while others are answered, each stops only itself."""
    notary = Notary(Fetched(b"{}"), dict.fromkeys(GUNS, REFUSED))
    breaker = Breaker(notary.fetch, HeldClock())
    for gun in (*GUNS[:-1], NEIGHBOUR, *GUNS[1:], NEIGHBOUR):
        assert await breaker.fetch(gun, WISH) in (REFUSED, Fetched(b"{}"))
    assert await breaker.fetch(GUN, WISH) == Fetched(b"{}")


async def test_the_end_of_an_outage_is_the_end_for_all() -> None:
    """The first answer after it lets everybody ask again, those too that had failed often."""
    notary, clock = Notary(REFUSED), HeldClock()
    breaker = Breaker(notary.fetch, clock)
    for gun in (*GUNS, *[GUN] * BREAKER_FAILURES):
        await breaker.fetch(gun, WISH)
        clock.pass_by(5)
    notary.reply = Fetched(b"{}")
    for gun in (NEIGHBOUR, GUN, *GUNS):
        assert await breaker.fetch(gun, WISH) == Fetched(b"{}")


async def test_the_end_of_an_outage_is_the_end_for_few() -> None:
    """Where there are too few to show that it was Notary, each of them tries at once when another one is answered."""
    notary, clock = Notary(Fetched(b"{}")), HeldClock()
    breaker = Breaker(notary.fetch, clock)
    for gun in (GUN, NEIGHBOUR):
        await breaker.fetch(gun, WISH)
    notary.reply = REFUSED
    for _ in range(BREAKER_FAILURES + 4):
        clock.pass_by(5)
        await breaker.fetch(GUN, WISH)
        clock.pass_by(1)
        await breaker.fetch(NEIGHBOUR, WISH)
    notary.reply = Fetched(b"{}")
    clock.pass_by(4)
    assert await breaker.fetch(NEIGHBOUR, WISH) == Unavailable("connection refused, not asked again yet")
    assert await breaker.fetch(GUN, WISH) == Fetched(b"{}")
    assert await breaker.fetch(NEIGHBOUR, WISH) == Fetched(b"{}")


async def test_one_that_fails_while_others_are_answered_is_not_tried_more_often() -> None:
    """The first answer about another one lets it try at once; those after it say that it fails alone."""
    notary, clock = Notary(Fetched(b"{}"), {GUN: REFUSED}), HeldClock()
    breaker = Breaker(notary.fetch, clock)
    for _ in range(BREAKER_FAILURES):
        await breaker.fetch(GUN, WISH)
    for pause in (1, 2, 4, 5, 5):
        await breaker.fetch(NEIGHBOUR, WISH)
        assert await breaker.fetch(GUN, WISH) == REFUSED
        for _ in range(4):
            clock.pass_by(pause / 5)
            await breaker.fetch(NEIGHBOUR, WISH)
            assert await breaker.fetch(GUN, WISH) == Unavailable("connection refused, not asked again yet")
        clock.pass_by(pause / 5 + 0.01)


async def test_names_that_nobody_knows_stop_no_collection_that_notary_has() -> None:
    """Whoever asks steadily for new names, all of which fail, stops only names that nobody knows."""
    notary, clock = Notary(Fetched(b"{}"), dict.fromkeys(STRANGERS, REFUSED)), HeldClock()
    breaker = Breaker(notary.fetch, clock)
    for number, stranger in enumerate(STRANGERS):
        await breaker.fetch(stranger, ROOT)
        if number % 10 == 9:
            assert await breaker.fetch(GUN, WISH) == Fetched(b"{}")
            clock.pass_by(6)
    assert await breaker.fetch(NEIGHBOUR, ROOT) == Fetched(b"{}")


async def test_first_contact_is_not_refused_while_notary_answers_others() -> None:
    """Names that fail say nothing of the next one, if Notary gave files a moment ago."""
    notary = Notary(Fetched(b"{}"), dict.fromkeys(STRANGERS, REFUSED))
    breaker = Breaker(notary.fetch, HeldClock())
    await breaker.fetch(GUN, WISH)
    for stranger in STRANGERS:
        await breaker.fetch(stranger, ROOT)
    assert await breaker.fetch(NEIGHBOUR, ROOT) == Fetched(b"{}")


async def test_a_collection_that_gave_a_file_is_no_stranger() -> None:
    """Its new root is fetched by the same name as the first one."""
    notary, clock = Notary(Fetched(b"{}"), dict.fromkeys(STRANGERS, REFUSED)), HeldClock()
    breaker = Breaker(notary.fetch, clock)
    await breaker.fetch(GUN, WISH)
    clock.pass_by(60)
    for stranger in STRANGERS:
        await breaker.fetch(stranger, ROOT)
    assert isinstance(await breaker.fetch(NEIGHBOUR, ROOT), Unavailable)
    assert await breaker.fetch(GUN, ROOT) == Fetched(b"{}")
    assert await breaker.fetch(NEIGHBOUR, ROOT) == Fetched(b"{}")


async def test_a_notary_that_is_down_from_the_start_is_left_alone() -> None:
    """Nothing answered yet, everybody is a stranger: one at a time tries, ever more seldom."""
    notary, clock = Notary(REFUSED), HeldClock()
    breaker = Breaker(notary.fetch, clock)
    await asyncio.gather(*(breaker.fetch(stranger, ROOT) for stranger in STRANGERS[:BREAKER_FAILURES]))
    for pause in (0.5, 1, 2, 4, 5, 5):
        before = notary.asked
        clock.pass_by(pause)
        await asyncio.gather(*(breaker.fetch(stranger, ROOT) for stranger in STRANGERS[BREAKER_FAILURES:]))
        assert notary.asked == before + 1
    notary.reply = Fetched(b"{}")
    clock.pass_by(5)
    for stranger in STRANGERS:
        assert await breaker.fetch(stranger, ROOT) == Fetched(b"{}")


async def test_strangers_never_take_the_probe_of_those_that_notary_has() -> None:
    """In an outage both try now and then: a stranger that hangs keeps nobody else from finding Notary well again."""
    notary, clock = Notary(REFUSED), HeldClock()
    breaker = Breaker(notary.fetch, clock)
    for gun in GUNS:
        await breaker.fetch(gun, WISH)
    assert isinstance(await breaker.fetch(STRANGERS[0], ROOT), Unavailable)
    assert notary.asked == len(GUNS)
    clock.pass_by(5)
    notary.hold.clear()
    async with asyncio.TaskGroup() as group:
        probe = group.create_task(breaker.fetch(STRANGERS[0], ROOT), name="probe of a stranger")
        await asyncio.sleep(0)
        assert isinstance(await breaker.fetch(STRANGERS[1], ROOT), Unavailable)
        assert notary.asked == len(GUNS) + 1
        notary.reply = Fetched(b"{}")
        other = group.create_task(breaker.fetch(NEIGHBOUR, WISH), name="probe of one that Notary has")
        await asyncio.sleep(0)
        assert notary.asked == len(GUNS) + 2
        notary.hold.set()
    assert probe.result() == other.result() == Fetched(b"{}")


async def test_strangers_alone_find_the_end_of_an_outage() -> None:
    """Where nobody asks any more for what Notary has, new names are not turned away for ever."""
    notary, clock = Notary(REFUSED), HeldClock()
    breaker = Breaker(notary.fetch, clock)
    for gun in GUNS:
        await breaker.fetch(gun, WISH)
    notary.reply = Fetched(b"{}")
    clock.pass_by(5)
    assert await breaker.fetch(STRANGERS[0], ROOT) == Fetched(b"{}")
    assert await breaker.fetch(NEIGHBOUR, WISH) == Fetched(b"{}")


async def test_whether_it_answers_is_told() -> None:
    """Nobody knows before it is asked; then it is as it was with the last one, whatever the answer said."""
    notary = Notary(REFUSED)
    breaker = Breaker(notary.fetch, HeldClock())
    assert breaker.answers is None
    said: list[tuple[Reply, bool]]
    said = [(REFUSED, False), (Missing(), True), (Unavailable("status 504", status=504), False)]
    for reply, answers in said:
        notary.reply = reply
        await breaker.fetch(GUN, WISH)
        assert breaker.answers is answers


async def test_what_strangers_do_not_get_is_no_outage() -> None:
    """Anybody can think of names; a Notary that answered a moment ago is there, and one that did not may be away."""
    notary, clock = Notary(Fetched(b"{}"), dict.fromkeys(STRANGERS, REFUSED)), HeldClock()
    breaker = Breaker(notary.fetch, clock)
    await breaker.fetch(GUN, WISH)
    await breaker.fetch(STRANGERS[0], ROOT)
    assert breaker.answers is True
    clock.pass_by(6)
    await breaker.fetch(STRANGERS[0], ROOT)
    assert breaker.answers is False
