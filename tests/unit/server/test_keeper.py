"""What a supervisor says is about the kinds of the configuration of now."""

from dataclasses import replace

import pytest

from proxy.names import Gun
from proxy.server.keeper import Keeper
from proxy.server.words import Doubted, Kinds, Unconfirmed, Word
from tests.unit.server.test_hearsay import begun
from tests.unit.server.wired import GUN, house


async def test_what_the_configuration_does_not_have_is_not_spoken_of() -> None:
    """No worker would understand it; once another configuration has it again, new workers and old ones are told."""
    async with house(1) as at:
        await begun(at)
        said: list[Word] = []
        keeper = Keeper(at.upkeep, Kinds(replace(at.bench.resolver.policy, entries=()), 2), said.append)
        key = at.supervisor.key
        at.supervisor.renewal.doubt(key)
        keeper.tell_doubted(key)
        keeper.tell_unconfirmed(key, 1.0)
        said.extend(keeper.news(2))
        assert said == []
        keeper.rebind(Kinds(at.bench.resolver.policy, 3))
        keeper.tell_doubted(key)
        keeper.tell_unconfirmed(key, 1.0)
        said.extend(keeper.news(3))
        assert said == [Doubted(kind=0, gun=GUN), Unconfirmed(kind=0, gun=GUN, at=1.0), Doubted(kind=0, gun=GUN)]


async def test_doubt_that_ends_meanwhile_is_no_news() -> None:
    """A worker that takes its time was told before that all is well, and nobody would tell it so once more."""
    async with house(1) as at:
        await begun(at)
        renewal, key = at.supervisor.renewal, at.supervisor.key
        other = (key[0], Gun(f"{GUN}/other"), *key[2:])
        for each in (key, other):
            renewal.doubt(each)
        news = at.keeper.news(1)
        assert next(news) == Doubted(kind=0, gun=other[1])
        assert await renewal.renew(key)
        assert list(news) == []


async def test_news_are_of_the_kinds_that_a_worker_knows() -> None:
    """One that began under the configuration before is told in its words; there is none that is two behind."""
    async with house(1) as at:
        await begun(at)
        at.supervisor.renewal.doubt(at.supervisor.key)
        at.keeper.rebind(Kinds(replace(at.bench.resolver.policy, entries=()), 2))
        assert list(at.keeper.news(1)) == [Doubted(kind=0, gun=GUN)]
        assert list(at.keeper.news(2)) == []
        at.keeper.rebind(Kinds(at.bench.resolver.policy, 3))
        with pytest.raises(LookupError):
            at.keeper.news(1)
