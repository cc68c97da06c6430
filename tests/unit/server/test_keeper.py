"""What a supervisor says is about the kinds of the configuration of now."""

from dataclasses import replace

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
        keeper.greet(said.append)
        assert said == []
        keeper.rebind(Kinds(at.bench.resolver.policy, 3))
        keeper.tell_doubted(key)
        keeper.tell_unconfirmed(key, 1.0)
        keeper.greet(said.append)
        assert said == [Doubted(kind=0, gun=GUN), Unconfirmed(kind=0, gun=GUN, at=1.0), Doubted(kind=0, gun=GUN)]
