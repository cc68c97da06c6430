"""Whoever starts a proxy after a Notary was renamed is told that its memory holds nobody back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from structlog.testing import capture_logs

from proxy.assembly import Assembly
from proxy.clock import Clock
from proxy.errors import TrustStoreUnavailable
from proxy.registry.client import RegistryClient
from proxy.server.gauges import Gauges
from proxy.server.keeping import noting, warn_strangers
from proxy.server.readiness import Readiness
from proxy.store.memory import Memory
from proxy.store.sql import SqlTrustStore
from tests.support.signed_roles import NOW
from tests.unit.config.site import Site, compose
from tests.unit.trust.material import API, NOTARY, opened, remember, repository


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlTrustStore]:
    """Remembers a collection of a Notary."""
    async with opened(tmp_path / "trust.db") as made:
        await remember(made, repository())
        yield made


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Where a configuration is."""
    return Site(tmp_path)


async def test_it_is_said_at_the_start(store: SqlTrustStore, site: Site) -> None:
    """How much counts for nobody, and what to do."""
    settings = site.load(compose(notaries="{main: {url: 'https://notary:4443', roots: [corp]}}"))
    with capture_logs() as logs:
        await warn_strangers(store, settings)
    [event] = logs
    assert event.pop("remedy").endswith(f": tagwarden trust rename {NOTARY} NAME")
    assert event == {
        "event": "remembered of a Notary that is not configured: it holds nobody back",
        "log_level": "warning",
        "notary": NOTARY,
        "collections": 1,
    }


async def test_nothing_is_said_of_what_counts(store: SqlTrustStore, site: Site) -> None:
    """Neither of a Notary that the configuration names, nor of what was forgotten of another one."""
    with capture_logs() as logs:
        await warn_strangers(store, site.load(compose()))
        await store.forget(NOTARY, API, reason="gone", by="ada", at=NOW)
        await warn_strangers(store, site.load(compose(notaries="{main: {url: 'https://notary:4443', roots: [corp]}}")))
        await warn_strangers(Memory(), site.load(compose()))
    assert logs == []


async def test_a_store_that_is_away_keeps_nobody_from_starting(
    store: SqlTrustStore, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is for `/readyz` to say, and for every pull."""

    async def away(_: SqlTrustStore) -> tuple[object, ...]:
        raise TrustStoreUnavailable("its database server cannot be reached")

    monkeypatch.setattr(SqlTrustStore, "collections", away)
    await warn_strangers(store, site.load(compose()))


async def test_a_name_that_changes_while_the_proxy_runs(store: SqlTrustStore, site: Site) -> None:
    """The changed file is in effect, and what it lost is told once."""
    before = site.load(compose())
    after = site.load(compose(notaries="{main: {url: 'https://notary:4443', roots: [corp]}}"))
    parts = SimpleNamespace(registry=None, upkeep=SimpleNamespace(renewal=SimpleNamespace(clock=Clock())))
    gauges = SimpleNamespace(settings=before, parts=parts, is_taken=True, reloaded_at=0.0)
    readiness = Readiness(lambda: None, store, cast("RegistryClient", None))
    note = noting(cast("Assembly", SimpleNamespace(parts=parts)), cast("Gauges", gauges), readiness)
    with capture_logs() as logs:
        for settings in (None, before, after, after):
            note(settings)
            await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == "strangers"))
    assert [(event["notary"], event["collections"]) for event in logs] == [(NOTARY, 1)]
    assert gauges.settings is after
