"""`tagwarden trust` over PostgreSQL: made on purpose, filled from a file, and back."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from deploy.stack.postgresql import Postgresql
from deploy.stack.proxy import command, write_configuration
from proxy.config.settings import TrustStoreSettings
from proxy.store.opening import open_store
from proxy.store.sql import SqlTrustStore
from proxy.store.strangers import Stranger, strangers
from proxy.trust.renaming import Renaming
from proxy.trust.uniting import Union
from tests.support.resolving import HeldClock, entry
from tests.unit.trust.material import API, judge_under, opened, remember, repository

CONFIGURATION: Final[dict[str, Any]] = {
    "name": "registry.example.com",
    "registry": {"url": "http://127.0.0.1:9"},
    "notaries": {"corp": {"url": "https://127.0.0.1:9", "roots": "tofu"}},
    "repositories": {"shop/**": {"signed_by": "released"}},
}


@asynccontextmanager
async def reopened(settings: TrustStoreSettings) -> AsyncIterator[SqlTrustStore]:
    """A store that is there."""
    store = await open_store(settings)
    assert isinstance(store, SqlTrustStore)
    yield store
    await store.close()


async def test_a_store_moves_into_a_database_and_back(
    tmp_path: Path, postgresql: Postgresql, empty: TrustStoreSettings
) -> None:
    """Everything arrives; what was made by hand is not made again; a backup of one goes into the other."""
    async with opened(tmp_path / "trust.db") as store:
        await remember(store, repository())
        listed = await store.tags("corp", API)
    assert listed
    password = str(postgresql.password_file)
    there = {"url": empty.url, "password_file": password}
    config = ("-c", str(write_configuration(tmp_path, CONFIGURATION)))
    server = ("-c", str(write_configuration(tmp_path / "server", {**CONFIGURATION, "trust_store": there})))
    before = command(tmp_path, "trust", "list", *server)
    assert (before.status, before.output.count("\n")) == (2, 1)
    assert "tagwarden trust init" in before.output
    assert "is made, and remembers nothing yet" in command(tmp_path, "trust", "init", *server).must()
    assert "is there already, and ready" in command(tmp_path, "trust", "init", *server).must()
    moving = ("trust", "copy", *config, "--to", empty.url, "--password-file", password)
    assert "1 new" in command(tmp_path, *moving).must()
    assert "1 the same" in command(tmp_path, *moving).must()
    shown = [json.loads(command(tmp_path, "trust", "show", *each, "--json", API).must()) for each in (config, server)]
    assert shown[0] == shown[1]
    kept = str(tmp_path / "trust.backup")
    assert "1 collection, read again and whole" in command(tmp_path, "trust", "backup", *server, kept).must()
    assert "is forgotten" in command(tmp_path, "trust", "forget", *server, API, "--reason", "made anew").must()
    restored = command(tmp_path, "trust", "restore", *server, kept)
    assert restored.status == 1
    assert "1 forgotten" in restored.output
    (tmp_path / "trust.db").unlink()
    back = ("trust", "copy", *config, "--from", empty.url, "--password-file", password)
    assert "1 forgotten" in command(tmp_path, *back).must()


async def test_damage_is_told_and_the_rest_is_kept(
    tmp_path: Path, postgresql: Postgresql, settings: TrustStoreSettings, administrator: Callable[[str], str]
) -> None:
    """One collection of a database is damaged, and named; everything else goes into the backup."""
    there = {"url": settings.url, "password_file": str(postgresql.password_file)}
    server = ("-c", str(write_configuration(tmp_path, {**CONFIGURATION, "trust_store": there})))
    async with reopened(settings) as store:
        await remember(store, repository())
        await remember(store, repository("registry.example.com/shop/web"))
    administrator("UPDATE collections SET generation = 9 WHERE gun LIKE '%web'")
    assert "damaged" in command(tmp_path, "trust", "list", *server).output
    outcome = command(tmp_path, "trust", "backup", *server, str(tmp_path / "trust.backup"))
    assert outcome.status == 1
    assert "1 collection, read again" in outcome.output
    assert "shop/web in Notary corp is damaged in the trust store, and is not in the backup" in outcome.output


async def test_a_renamed_notary_is_carried_over(store: SqlTrustStore) -> None:
    """In a database as in a file: everything is under the new name, and nothing counts under the old one."""
    await remember(store, repository())
    known = await store.load("corp", API)
    assert await strangers(store, ["main"]) == (Stranger("corp", 1),)
    union = Union(store, judge_under(entry(notary="main")), HeldClock())
    await union.begin()
    carried = [each.became async for each in Renaming(union, "corp", "main", "ada").carry(lambda _: None)]
    renamed = await store.load("main", API)
    assert carried == ["new"]
    assert known is not None
    assert renamed is not None
    assert renamed.stored == known.stored
    assert await strangers(store, ["main"]) == ()
    assert [each.reason for each in await store.forgettings()] == ["renamed to main"]
