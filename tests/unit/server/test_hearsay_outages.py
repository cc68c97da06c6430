"""An outage that a worker noticed ends when somebody else of ours has an answer, after the seconds that it took."""

import pytest
from structlog.testing import capture_logs

from tests.unit.server.wired import House, house

AWAY = 51


async def noticed(at: House) -> None:
    """A worker finds Notary away, and the supervisor is the one who finds it back."""
    [worker] = at.workers
    await worker.decide()
    await at.report()
    at.bench.notary.away = True
    at.bench.clock.pass_by(31)
    assert (await worker.decide()).stale == 31
    at.bench.clock.pass_by(AWAY)
    at.bench.notary.away = False


@pytest.mark.parametrize("is_known_here", [True, False])
async def test_evidence_of_the_supervisor_ends_it(*, is_known_here: bool) -> None:
    """Also where the worker forgot meanwhile what it had; and so the next one is told, by its own seconds."""
    async with house(1) as at:
        [worker] = at.workers
        for _ in range(2):
            with capture_logs() as lines:
                await noticed(at)
                key = worker.key
                if not is_known_here:
                    worker.renewal.cache.drop(key)
                worker.fetched.clear()
                await at.supervisor.renewal.renew(at.supervisor.key)
                await at.settled()
            assert worker.fetched == []
            ends = [each["seconds"] for each in lines if each["event"] == "outage is over"]
            assert ends[0] == AWAY
            at.bench.clock.pass_by(31)
            await worker.decide()


async def test_older_evidence_ends_nothing() -> None:
    """What the supervisor found out before the outage may be heard of in it."""
    async with house(1) as at:
        [worker] = at.workers
        await worker.decide()
        await at.report()
        told = at.supervisor.renewal.cache.standing(at.supervisor.key)
        assert told
        with capture_logs() as lines:
            at.bench.notary.away = True
            at.bench.clock.pass_by(31)
            await worker.decide()
            at.keeper.tell_confirmed(at.supervisor.key, told)
    assert [each["event"] for each in lines if each["event"] == "outage is over"] == []
    assert [each["event"].partition(":")[0] for each in lines if "outage" in each["event"]] == ["outage"]
