"""Whoever reads the log learns of an outage once, and once of its end."""

from datetime import timedelta
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from proxy.errors import NotaryUnreachable
from proxy.names import Gun
from proxy.outages import Left, Outages, longest_spans
from proxy.policy.entries import Policy
from proxy.policy.patterns import RepositoryPattern
from tests.support.resolving import NAME, NOBODY, TAG, bench, entry

AWAY = NotaryUnreachable("connection refused")
APP, WEB = Gun("registry.example.com/shop/app"), Gun("registry.example.com/shop/web")


def told(outages: Outages, *checks: tuple[Gun, bool]) -> list[tuple[str, str]]:
    """The first word and the collection of each line that these checks bring, a second after one another."""
    with capture_logs() as lines:
        for second, (gun, is_well) in enumerate(checks):
            if is_well:
                outages.note_back("corp", gun, float(second))
            else:
                outages.note_away("corp", gun, float(second), AWAY, Left.SERVES)
    return [(each["event"].partition(":")[0], each["gun"]) for each in lines]


def test_one_line_for_the_beginning_and_one_for_the_end() -> None:
    """However many collections fail meanwhile, and however many are well again after it."""
    checks = [(APP, False), (WEB, False), (APP, False), (WEB, True), (APP, True), (APP, True)]
    assert told(Outages(), *checks) == [("outage", APP), ("outage is over", WEB)]


def test_a_neighbour_that_is_well_ends_nothing() -> None:
    """Where one collection fails and another one never did, there are not two lines for every check."""
    checks = [(APP, False), (WEB, True)] * 10
    outages = Outages()
    assert told(outages, *checks) == [("outage", APP)]
    assert told(outages, (APP, True)) == [("outage is over", APP)]


def test_a_check_that_waited_through_an_outage_begins_no_other() -> None:
    """What hung in it may fail after a neighbour has seen its end; what begins after it and fails is another one."""
    outages = Outages()
    with capture_logs() as lines:
        outages.note_away("corp", APP, 0.0, AWAY, Left.SERVES)
        outages.note_back("corp", APP, 5.0)
        outages.note_away("corp", WEB, 4.0, AWAY, Left.SERVES)
        assert [each["event"] for each in lines[1:]] == ["outage is over"]
        outages.note_away("corp", WEB, 5.0, AWAY, Left.SERVES)
    assert [each["gun"] for each in lines] == [APP, APP, WEB]


def test_notaries_have_outages_of_their_own() -> None:
    """One that is back says nothing of another one."""
    outages = Outages()
    assert told(outages, (APP, False)) == [("outage", APP)]
    with capture_logs() as lines:
        outages.note_away("other", APP, 0.0, AWAY, Left.SERVES)
        outages.note_back("other", APP, 5.0)
    assert [(each["notary"], each.get("seconds")) for each in lines] == [("other", None), ("other", 5)]


def test_an_outage_with_very_many_collections_ends_with_any() -> None:
    """Not all of them are remembered, so whichever is well then counts."""
    outages = Outages()
    told(outages, *((Gun(f"registry.example.com/shop/service-{number}"), False) for number in range(1500)))
    assert told(outages, (APP, True)) == [("outage is over", APP)]


def test_what_was_found_out_before_it_ends_no_outage() -> None:
    """Evidence that took its time to be heard of says nothing of what began after it."""
    outages = Outages()
    with capture_logs() as lines:
        outages.note_away("corp", APP, 100.0, AWAY, Left.SERVES)
        outages.note_back("corp", APP, 99.0)
        outages.note_back("corp", APP, 151.0)
    assert [each.get("seconds") for each in lines] == [None, 51]


def test_what_comes_of_it_is_told_once_an_outage() -> None:
    """What serves, what is too old to, and what was never known are three lines; the next outage tells them anew."""
    outages = Outages()
    for began in (10.0, 30.0):
        with capture_logs() as lines:
            for second, left in enumerate((*Left, *Left)):
                outages.note_away("corp", APP, began + second, AWAY, left)
            outages.note_back("corp", APP, began + 10)
        assert [(each["event"], each["log_level"] == "error") for each in lines] == [
            *(left.value for left in Left),
            ("outage is over", False),
        ]


OUTAGE_FOR = timedelta(minutes=1)
SERVES, TOO_OLD, NOTHING = (left.value[0] for left in Left)


@pytest.mark.parametrize("others_wait_longer", [False, True])
async def test_the_end_of_what_serves_is_told_when_refusing_begins(*, others_wait_longer: bool) -> None:
    """Not before: as long as clients are served, nothing says that they are not, and the other way round."""
    entries = [entry(outage_for=OUTAGE_FOR)]
    if others_wait_longer:
        entries += [entry(pattern=RepositoryPattern("other/*"), outage_for=60 * OUTAGE_FOR)]
    async with bench(*entries) as at:
        await at.resolver.resolve(TAG, NOBODY)
        at.notary.away = True
        told = []
        with capture_logs() as lines:
            for _ in range(12):
                at.clock.pass_by(10)
                is_served = (await at.resolver.resolve(TAG, NOBODY)).refusal is None
                told.append((is_served, [each["event"] for each in lines if each["event"] in {SERVES, TOO_OLD}]))
    assert {(is_served, *events) for is_served, events in told} == {
        (True,),
        (True, SERVES),
        (False, SERVES, TOO_OLD),
    }
    assert all(len(earlier) <= len(later) for (_, earlier), (_, later) in pairwise(told))


@pytest.mark.parametrize(
    ("was_known", "event"),
    [pytest.param(True, TOO_OLD, id="too old"), pytest.param(False, NOTHING, id="never checked")],
)
async def test_nobody_says_that_it_serves_where_nothing_does(*, was_known: bool, event: str) -> None:
    """An outage may be noticed when it is too late for what was checked before."""
    async with bench(entry(outage_for=OUTAGE_FOR)) as at:
        if was_known:
            await at.resolver.resolve(TAG, NOBODY)
        at.notary.away = True
        at.clock.pass_by(3600)
        with capture_logs() as lines:
            assert isinstance((await at.resolver.resolve(TAG, NOBODY)).refusal, NotaryUnreachable)
    assert [each["event"] for each in lines if each["event"].startswith("outage")] == [event]


async def test_an_answer_that_is_a_refusal_ends_it() -> None:
    """Notary is back, and what it says now is that it has nothing of this."""
    async with bench() as at:
        await at.resolver.resolve(TAG, NOBODY)
        with capture_logs() as lines:
            at.notary.away = True
            at.clock.pass_by(40)
            await at.resolver.resolve(TAG, NOBODY)
            at.notary.away = False
            at.sim.current.clear()
            at.clock.pass_by(3600 * 24)
            await at.resolver.resolve(TAG, NOBODY)
    assert [each["event"] for each in lines if each["event"].startswith("outage")] == [SERVES, "outage is over"]


def test_the_most_patient_entry_of_a_kind_counts_where_nobody_asks() -> None:
    """What is renewed in the background is not renewed for one entry; another Notary is another kind."""
    short, long = entry(outage_for=OUTAGE_FOR), entry(outage_for=2 * OUTAGE_FOR)
    other = entry(notary="other", outage_for=3 * OUTAGE_FOR)
    kinds = [(each.notary, each.pins, each.expiry_grace) for each in (short, other)]
    assert longest_spans(Policy(NAME, (short, long, other), ())) == dict(
        zip(kinds, (2 * OUTAGE_FOR, 3 * OUTAGE_FOR), strict=True)
    )
