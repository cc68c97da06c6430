"""A doubt that came while a check was under way outlives that check: what it was answered is the older word."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from proxy.errors import NotaryUnreachable, NoTrustData, Undecided
from proxy.names import Gun
from proxy.policy.decisions import Allowed
from proxy.renewal import Fetcher
from proxy.store.protocol import Conflict
from proxy.tasks import spawn
from proxy.tuf.messages import Fetch, Reply
from proxy.verification import Job, Verified
from proxy.verifier import Verifier
from tests.support.resolving import NOBODY, TAG, Bench, bench
from tests.unit.test_outage_doubts import GUN, KEY, decide, deleted, replica


class Held:
    """Something that has been reached, and goes on when it may."""

    def __init__(self) -> None:
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def wait(self) -> None:
        """Say that it was reached, and wait."""
        self.reached.set()
        await self.go.wait()


class LongVerifier(Verifier):
    """A verifier that has all files, and takes its time with them, as with those of a large collection."""

    def __init__(self) -> None:
        super().__init__()
        self.held = Held()

    async def verify(self, job: Job, fetch: Callable[[Fetch], Awaitable[Reply]]) -> Verified:
        """What comes of them, once it may."""
        verified = await super().verify(job, fetch)
        await self.held.wait()
        return verified


def slow(at: Bench, held: Held) -> Fetcher:
    """A Notary that answers at once, and whose answer is long on its way."""

    async def fetch(gun: Gun, wish: Fetch) -> Reply:
        reply = await at.notary.fetch(gun, wish)
        await held.wait()
        return reply

    return fetch


async def is_doubted(at: Bench) -> bool:
    """Whether the trust store says so."""
    remembered = await at.store.load("corp", GUN)
    assert remembered is not None
    return remembered.is_doubted


async def test_a_verification_ends_no_doubt_that_came_meanwhile() -> None:
    """A worker verifies something new; its supervisor asks later, and hears that there is nothing any more."""
    async with bench() as at:
        await decide(at)
        at.sim.bump()
        at.sim.publish()
        worker, supervisor, verifier = replica(at), replica(at), LongVerifier()
        worker.renewal.checks.verifier = verifier
        asking = spawn(worker.resolve(TAG, NOBODY), name="pull")
        await verifier.held.reached.wait()
        at.clock.pass_by(1)
        deleted(at)
        assert isinstance((await supervisor.resolve(TAG, NOBODY)).refusal, NoTrustData)
        worker.renewal.doubt(KEY)  # as it is told by the supervisor
        verifier.held.go.set()
        assert isinstance((await asking).refusal, Undecided)
        assert await is_doubted(at)
        at.clock.pass_by(60)
        assert isinstance((await worker.resolve(TAG, NOBODY)).refusal, NoTrustData)
        at.notary.away = True
        at.clock.pass_by(3600)
        assert isinstance((await worker.resolve(TAG, NOBODY)).refusal, NotaryUnreachable)


async def test_a_timestamp_from_before_ends_no_doubt() -> None:
    """A replica asked before another one was contradicted, and is answered after it: a restart must not serve."""
    async with bench() as at:
        await decide(at)
        one, other, held = replica(at), replica(at), Held()
        await one.resolve(TAG, NOBODY)
        one.renewal.checks.notaries = {"corp": slow(at, held)}
        at.clock.pass_by(61)
        asking = spawn(one.resolve(TAG, NOBODY), name="pull")
        await held.reached.wait()
        at.clock.pass_by(1)
        deleted(at)
        assert isinstance((await other.resolve(TAG, NOBODY)).refusal, NoTrustData)
        held.go.set()
        await asking
        assert await is_doubted(at)
        at.notary.away = True
        assert isinstance((await replica(at).resolve(TAG, NOBODY)).refusal, NotaryUnreachable)


async def test_what_another_replica_heard_counts_in_an_outage() -> None:
    """It wrote nothing but its doubt, and both know the same generation."""
    async with bench() as at:
        await decide(at)
        one, other = replica(at), replica(at)
        assert isinstance((await one.resolve(TAG, NOBODY)).permission, Allowed)
        deleted(at)
        assert isinstance((await other.resolve(TAG, NOBODY)).refusal, NoTrustData)
        at.notary.away = True
        at.clock.pass_by(3600)
        assert isinstance((await one.resolve(TAG, NOBODY)).refusal, NotaryUnreachable)


async def test_a_replica_that_was_answered_since_ends_a_doubt() -> None:
    """So the next outage finds none."""
    async with bench() as at:
        await decide(at)
        one, other, signed = replica(at), replica(at), dict(at.sim.current)
        await one.resolve(TAG, NOBODY)
        deleted(at)
        await other.resolve(TAG, NOBODY)
        at.sim.serve_again(signed)
        at.clock.pass_by(61)
        assert isinstance((await one.resolve(TAG, NOBODY)).permission, Allowed)
        assert not await is_doubted(at)
        at.notary.away = True
        at.clock.pass_by(3600)
        assert isinstance((await one.resolve(TAG, NOBODY)).permission, Allowed)


async def test_what_is_in_doubt_is_not_read_for_what_was_confirmed() -> None:
    """A worker is told of a check, and finds that somebody was contradicted since."""
    async with bench() as at:
        await decide(at)
        worker = replica(at)
        assert (await worker.renewal.checks.recall(KEY, 1)).collection.gun == GUN
        await at.store.doubt("corp", GUN, generation=1, at=at.clock.now())
        with pytest.raises(Conflict):
            await worker.renewal.checks.recall(KEY, 1)
