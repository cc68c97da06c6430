"""Trust stores for transcripts: what is remembered in them, and the configuration over them."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from proxy.names import Gun
from tests.support.notary_simulator import NotarySimulator
from tests.support.resolving import NAME
from tests.unit.trust.material import opened, remember

NOW: Final = datetime(2026, 11, 22, 8, tzinfo=UTC)
WEB: Final = Gun(f"{NAME}/shop/web")
CONFIGURATION: Final = """
version: 1
name: registry.example.com
registry: {{url: "http://127.0.0.1:5001"}}
trust_store: {{url: "sqlite:///trust.db"{store}}}
notaries: {{corp: {{url: "https://127.0.0.1:9", roots: {roots}}}{notaries}}}
{pins}
defaults: {{notary: corp}}
repositories: {{"shop/**": {{signed_by: released}}}}
"""


def written(store: str = "", notaries: str = "", pins: str = "", roots: str = "tofu") -> str:
    """A configuration, with something in it that others do not have."""
    return CONFIGURATION.format(store=store, notaries=notaries, pins=pins, roots=roots)


def repository(name: str = "shop/api") -> NotarySimulator:
    """Trust data with a delegation, whose timestamp will do for two days."""
    sim = NotarySimulator(f"{NAME}/{name}")
    sim.delegate("targets/alice")
    sim.sign("1.0", role="targets/alice")
    sim.timestamp.expires = "2026-11-24T08:00:00Z"
    sim.publish()
    return sim


def remember_in(path: Path, *sims: NotarySimulator, at: datetime = NOW - timedelta(minutes=5)) -> None:
    """Let a trust store remember these."""

    async def work() -> None:
        async with opened(path) as store:
            for sim in sims:
                await remember(store, sim, at)

    asyncio.run(work())


def damage(path: Path, statement: str) -> None:
    """Change something in a store behind its back."""

    async def work() -> None:
        async with opened(path) as store:
            with store._database.engine.begin() as connection:
                connection.exec_driver_sql(statement)

    asyncio.run(work())
