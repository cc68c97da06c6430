"""A census: every repository is asked about, nobody's failure is in another's way, and nothing goes on when it ends."""

import asyncio
from contextlib import aclosing

import pytest

from proxy import census
from proxy.errors import NoRule, NotaryUnreachable, NoTrustData, ThresholdNotMet
from proxy.limits import CENSUS_AT_ONCE
from proxy.names import Repository
from proxy.policy.entries import Policy
from proxy.policy.patterns import RepositoryPattern
from proxy.tasks import spawn
from tests.support.notary_office import Office, office
from tests.support.resolving import NAME, HeldClock, entry


def policy(pattern: str = "**") -> Policy:
    """One entry."""
    return Policy(NAME, (entry(pattern=RepositoryPattern(pattern)),), ())


def names(*texts: str) -> list[Repository]:
    """Repositories."""
    return [Repository(each) for each in texts]


async def test_each_repository_is_seen_once() -> None:
    """What holds together is shown, under the GUN and the Notary of its entry."""
    notary = office("a", "b")
    seen = {
        each.repository: each
        async for each in census.take(names("a", "b"), policy(), {"corp": notary.fetch}, HeldClock())
    }
    assert set(seen) == {"a", "b"}
    for repository, each in seen.items():
        assert (each.gun, each.notary, each.refusal) == (f"{NAME}/{repository}", "corp", None)
        assert each.collection is not None
        assert each.collection.tags() == {"1.0"}


async def test_why_there_is_none_is_told() -> None:
    """One without an entry, one that nobody signed, one that does not verify, one that cannot be asked about."""
    notary = office("shop/good", "shop/forged", "shop/away")
    forged, away = notary.sims[f"{NAME}/shop/forged"], notary.sims[f"{NAME}/shop/away"]
    forged.timestamp.signers = [forged.key("stranger")]
    forged.publish()
    away.fault("timestamp", 500)
    asked = names("tools", "shop/nothing", "shop/forged", "shop/away", "shop/good")
    seen = {
        each.repository: each
        async for each in census.take(asked, policy("shop/**"), {"corp": notary.fetch}, HeldClock())
    }
    refusals = {repository: type(each.refusal) for repository, each in seen.items()}
    assert refusals == {
        "tools": NoRule,
        "shop/nothing": NoTrustData,
        "shop/forged": ThresholdNotMet,
        "shop/away": NotaryUnreachable,
        "shop/good": type(None),
    }
    assert seen[Repository("tools")].gun is None
    assert seen[Repository("shop/nothing")].gun == f"{NAME}/shop/nothing"


async def test_answers_come_as_they_arrive_and_not_all_are_asked_for_at_once() -> None:
    """A hundred repositories cost Notary a few questions at a time."""
    asked = names(*(f"r{number}" for number in range(100)))
    notary = Office({})
    seen = [each.repository async for each in census.take(asked, policy(), {"corp": notary.fetch}, HeldClock())]
    assert sorted(seen) == sorted(asked)
    assert notary.at_once == CENSUS_AT_ONCE


async def test_who_stops_early_leaves_nothing_behind() -> None:
    """Once it is closed no question is open, and none is asked any more."""
    notary = Office({})
    asked = iter(names(*(f"r{number}" for number in range(100))))
    async with aclosing(census.take(asked, policy(), {"corp": notary.fetch}, HeldClock())) as taking:
        async for _ in taking:
            notary.hold.clear()
            await asyncio.sleep(0)
            break
    assert notary.waiting.total() == 0
    assert census_tasks() == []
    assert len(list(asked)) > 100 - 2 * CENSUS_AT_ONCE


async def test_who_is_cancelled_leaves_nothing_behind() -> None:
    """A person's Ctrl-C ends what waits for Notary."""
    notary = Office({})
    notary.hold.clear()

    async def take_all() -> None:
        async for _ in census.take(names("a", "b"), policy(), {"corp": notary.fetch}, HeldClock()):
            pass

    taking = spawn(take_all(), name="taking")
    await notary.asked.wait()
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert notary.waiting.total() == 0
    assert census_tasks() == []


async def test_a_defect_is_raised_and_ends_it() -> None:
    """What nobody expected is no answer about a repository; the others are not asked about any more."""
    notary = Office({}, broken=frozenset({f"{NAME}/b"}))
    with pytest.raises(ZeroDivisionError):
        async for _ in census.take(names("a", "b", "c"), policy(), {"corp": notary.fetch}, HeldClock()):
            pass
    assert census_tasks() == []


async def test_nobody_is_asked_about_nothing() -> None:
    """No repositories, no answers."""
    assert [each async for each in census.take([], policy(), {}, HeldClock())] == []


def census_tasks() -> list[str]:
    """What still goes on of a census."""
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("census of")]
