"""A hint counts in every worker, whether the supervisor knows the collection or not, and costs at most a check."""

import asyncio

from proxy.errors import TrustStoreUnavailable
from proxy.names import Gun
from proxy.policy.decisions import Allowed
from proxy.server.words import Hinted
from proxy.store.overlay import Overlay
from proxy.store.protocol import Remembered
from proxy.tasks import spawn
from tests.support.resolving import NAME
from tests.unit.server.test_hearsay import Slow, begun, confirmed
from tests.unit.server.wired import GUN, House, house


class Gone(Overlay):
    """A trust store whose server dies when a test wants it."""

    away = False

    async def generation(self, notary: str, gun: Gun) -> int | None:
        """The generation, while it is there."""
        self._look()
        return await super().generation(notary, gun)

    async def load(self, notary: str, gun: Gun) -> Remembered | None:
        """What is remembered, while it is there."""
        self._look()
        return await super().load(notary, gun)

    def _look(self) -> None:
        if self.away:
            raise TrustStoreUnavailable("the server is gone")


def revoke(at: House) -> None:
    """Let Notary take back what was signed."""
    at.bench.sim.targets.tags.clear()
    at.publish()


async def test_revocation_counts_where_the_supervisor_never_knew_the_collection() -> None:
    """The trust store dies before the supervisor's first check: the worker finds out for itself, like one process."""
    store = Gone(None)
    async with house(1, store) as at:
        [worker] = at.workers
        await worker.decide()
        store.away = True
        at.bench.clock.pass_by(1)
        await at.report()
        assert at.supervisor.renewal.cache.keys() == ()
        worker.fetched.clear()
        assert isinstance((await worker.decide()).permission, Allowed)
        assert worker.fetched[:1] == ["timestamp"]
        revoke(at)
        at.bench.clock.pass_by(1)
        await at.report()
        await worker.decide()
        await at.settled()
        assert isinstance((await worker.decide()).refusal, TrustStoreUnavailable)


async def test_hint_counts_where_the_supervisor_knows_nothing() -> None:
    """A changefeed names it a moment after the first pull, and nobody else has anything that could be confirmed."""
    store = Gone(None)
    async with house(2, store) as at:
        for worker in at.workers:
            await worker.decide()
        store.away = True
        revoke(at)
        at.bench.clock.pass_by(1)
        at.hint(frozenset({Gun(f"{NAME}/other")}))
        assert isinstance((await at.workers[0].decide()).permission, Allowed)
        at.hint()
        assert isinstance((await at.workers[0].decide()).refusal, TrustStoreUnavailable)
        at.hint(None)
        assert isinstance((await at.workers[1].decide()).refusal, TrustStoreUnavailable)


async def test_hint_in_an_outage_leaves_the_outage_rule() -> None:
    """What a hint named and nobody can check serves as old as it is, and says so."""
    async with house(1) as at:
        await begun(at)
        at.bench.notary.away = True
        at.bench.clock.pass_by(1)
        at.hint()
        decided = await at.workers[0].decide()
        assert isinstance(decided.permission, Allowed)
        assert decided.stale is not None


async def test_hint_ends_with_the_check_that_it_asked_for() -> None:
    """One check is enough, whoever makes it; then evidence is as fresh as ever."""
    async with house(2) as at:
        await begun(at)
        first, second = at.workers
        at.bench.notary.hold.clear()
        at.bench.clock.pass_by(1)
        at.hint()
        asking = spawn(first.decide(), name="ask")
        await asyncio.sleep(0.001)
        assert not asking.done()
        at.bench.notary.hold.set()
        assert isinstance((await asking).permission, Allowed)
        await at.settled()
        for worker in at.workers:
            worker.fetched.clear()
            assert (await worker.decide()).stale is None
        assert [worker.fetched for worker in at.workers] == [[], []]
        assert second.fetched == []


async def test_hint_during_a_first_check_is_not_lost() -> None:
    """That check may have asked too early, so the next pull asks once more."""
    async with house(1) as at:
        [worker] = at.workers
        at.bench.notary.hold.clear()
        asking = spawn(worker.decide(), name="ask")
        await asyncio.sleep(0.001)
        at.bench.clock.pass_by(1)
        at.hint()
        at.bench.notary.hold.set()
        assert isinstance((await asking).permission, Allowed)
        worker.fetched.clear()
        await worker.decide()
        assert worker.fetched[:1] == ["timestamp"]


async def test_hint_outlives_what_is_read_anew() -> None:
    """What another process committed before the hint says nothing of what changed since."""
    store = Slow()
    async with house(1, store) as at:
        await begun(at)
        at.publish()
        at.upkeep.audience = None
        await at.supervisor.renewal.renew(at.supervisor.key)
        [worker] = at.workers
        worker.hear(confirmed(at))
        at.bench.clock.pass_by(1)
        worker.hear(Hinted(notary="corp", guns=[GUN], at=at.bench.clock.seconds()))
        store.free.set()
        await at.settled()
        assert worker.fetched == []
        await worker.decide()
        assert worker.fetched[:1] == ["timestamp"]
