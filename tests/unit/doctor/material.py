"""Notaries in memory, and a configuration before them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from proxy.clock import Clock
from proxy.config.settings import Settings
from proxy.doctor import roots, signers, trust_data
from proxy.doctor.findings import Hop, Level
from proxy.doctor.looking import look
from proxy.names import Gun, Repository
from proxy.store.protocol import TrustReader
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply, Unavailable
from tests.support.keys import ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import NOW
from tests.unit.config.site import Site, compose
from tests.unit.doctor.reading import read

NAME: Final = "registry.example.com"
SOON: Final = timedelta(days=7)
ROOT_ID: Final = ecdsa_key("root").key_id


class HeldClock(Clock):
    """A clock that stands still."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now

    def now(self) -> datetime:
        """The instant at which it stands."""
        return self._now


def written(instant: datetime) -> str:
    """An instant as metadata has it."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def signed(repository: str, *, host: str = NAME) -> NotarySimulator:
    """A collection in which alice signed `1.0`, whose timestamp was signed just now."""
    sim = NotarySimulator(f"{host}/{repository}")
    sim.timestamp.expires = written(NOW + timedelta(days=14))
    sim.delegate("targets/alice")
    sim.sign("1.0", role="targets/alice")
    return sim


@dataclass
class Notary:
    """Collections by their GUNs."""

    sims: Mapping[str, NotarySimulator] = field(default_factory=dict)

    async def fetch(self, gun: Gun, wish: Fetch) -> Reply:
        """Answer as the real one does."""
        sim = self.sims.get(gun)
        answer = sim.answer(wish.name) if sim else None
        if answer is None or answer.status == 404:
            return Missing()
        return Fetched(answer.body) if answer.status == 200 else Unavailable(f"status {answer.status}", answer.status)


def settings(directory: Path, **sections: str) -> Settings:
    """A configuration that pins the root key of all simulated collections, but for these sections."""
    pinned = f"{{corp: {{public_key_ids: ['{ROOT_ID}']}}}}"
    wanted = "{'shop/**': {signed_by: {any_of: [alice]}}}"
    return Site(directory).load(compose(**{"roots": pinned, "repositories": wanted, **sections}))


async def examined(configured: Settings, *sims: NotarySimulator, looked_at: str = "shop/app") -> dict[str, str]:
    """Publish, look at repositories, and return troubles by name: the level and what is said."""
    for sim in sims:
        sim.publish()
    return await seen(configured, Notary({sim.gun: sim for sim in sims}), looked_at)


async def seen(
    configured: Settings,
    notary: Notary,
    looked_at: str,
    clock: Clock | None = None,
    reader: TrustReader | None = None,
) -> dict[str, str]:
    """The same for collections that are published, beside what a trust store remembers."""
    hop, held = Hop("repositories"), clock or HeldClock()
    notaries = {"corp": notary.fetch}
    looks, _ = await look([Repository(each) for each in looked_at.split()], configured, notaries, held, reader)
    await trust_data.examine(hop, looks, configured, notaries, held)
    roots.examine(hop, looks, held)
    signers.examine(hop, looks)
    read(hop.findings)
    return {
        str(each.name): f"{each.level} {each.sentence}: {each.remedy}"
        for each in hop.findings
        if each.level is not Level.OK
    }
