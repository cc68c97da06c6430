"""Opening a store on a server: by whom it is made, and what is said where it cannot be used."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from certs.authority import Authority
from deploy.stack.ports import free_port
from deploy.stack.postgresql import PASSWORD, Postgresql
from deploy.stack.postgresql import postgresql as run_postgresql
from proxy.config.pem import PemFile
from proxy.config.settings import TrustStoreSettings
from proxy.errors import UserError
from proxy.names import Tag
from proxy.store.opening import open_reader, open_store
from proxy.store.protocol import Remembered
from tests.support.pem import pem_file
from tests.unit.store.material import GUN, NOON, NOTARY, digest, files_of, index


async def test_an_empty_database_is_not_filled_in_passing(empty: TrustStoreSettings) -> None:
    """Whoever serves never starts anew: an empty database may be one that lost its content."""
    for opening in (open_store, open_reader):
        with pytest.raises(UserError) as refusal:
            await opening(empty)
        assert str(refusal.value) == (
            f"the trust store {empty.url} cannot be used, its database is empty: "
            "restore it, or run `tagwarden trust init` to start without memory"
        )


async def test_initialising_makes_it(empty: TrustStoreSettings) -> None:
    """Also where it must exist for everybody else; doing so again changes nothing."""
    made = await open_store(replace(empty, must_exist=True), create=True)
    await made.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    await made.close()
    again = await open_store(empty, create=True)
    reader = await open_reader(empty)
    assert reader is not None
    assert (made.created, again.created) == (True, False)
    assert await again.load(NOTARY, GUN) == await reader.load(NOTARY, GUN) == Remembered(files_of(1), 1, NOON)
    await again.close()
    await reader.close()


async def test_of_several_who_initialise_at_once_one_makes_it(empty: TrustStoreSettings) -> None:
    """The others find it made."""
    stores = await asyncio.gather(*(open_store(empty, create=True) for _ in range(4)))
    assert sorted(store.created for store in stores) == [False, False, False, True]
    for store in stores:
        assert await store.last_check() is None
        await store.close()


async def test_the_database_of_something_else_is_left_alone(postgresql: Postgresql, empty: TrustStoreSettings) -> None:
    """Nothing is written into it, not even when it is to be initialised."""
    name = empty.url.rpartition("/")[2]
    postgresql.sql("CREATE TABLE customers (name text)", name)
    for create in (False, True):
        with pytest.raises(UserError, match="its database has other tables: give it a database of its own"):
            await open_store(empty, create=create)
    assert postgresql.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", name) == "customers"


async def test_a_user_who_may_not_make_tables_is_told(postgresql: Postgresql, empty: TrustStoreSettings) -> None:
    """An administrator may keep that right."""
    postgresql.sql("REVOKE ALL ON SCHEMA public FROM PUBLIC, pg_database_owner", empty.url.rpartition("/")[2])
    with pytest.raises(UserError, match="this user may not do that in its database: grant it, or run `tagwarden trust"):
        await open_store(empty, create=True)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(
            lambda settings: replace(settings, password="wrong"),
            "its database server does not let this user in: check the user in trust_store.url, password_file, "
            "and pg_hba.conf of the server",
            id="wrong password",
        ),
        pytest.param(
            lambda settings: replace(settings, password=None),
            "its database server wants a password: write it into a file, and name that as password_file",
            id="no password",
        ),
        pytest.param(
            lambda settings: replace(settings, url=settings.url.replace("tagwarden@", "nobody@")),
            "its database server does not let this user in: check the user in trust_store.url, password_file, "
            "and pg_hba.conf of the server",
            id="unknown user",
        ),
        pytest.param(
            lambda settings: replace(settings, url=f"{settings.url}-2"),
            "its server has no such database: create it, or correct trust_store.url",
            id="unknown database",
        ),
    ],
)
async def test_who_is_not_let_in_reads_why(
    settings: TrustStoreSettings, change: Callable[[TrustStoreSettings], TrustStoreSettings], sentence: str
) -> None:
    """In one sentence, without the password."""
    wrong = change(settings)
    for opening in (open_store, open_reader):
        with pytest.raises(UserError) as refusal:
            await opening(wrong)
        assert str(refusal.value) == f"the trust store {wrong.url} cannot be used, {sentence}"


async def test_a_server_that_is_away_is_named() -> None:
    """Nobody listens there, and that is said at once."""
    settings = TrustStoreSettings(f"postgresql://u@127.0.0.1:{free_port()}/t", must_exist=False)
    with pytest.raises(UserError, match="its database server cannot be reached: check host and port, and whether"):
        await open_store(settings)


async def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    """A connection that is accepted and never answered is given up after a moment."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = TrustStoreSettings(f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/t", must_exist=False)
        with pytest.raises(UserError, match="its database server cannot be reached"):
            await open_store(settings)


async def test_the_certificate_of_the_server_is_checked(settings: TrustStoreSettings, postgresql: Postgresql) -> None:
    """With an authority the connection is encrypted and verified, name included."""
    secured = replace(settings, ca_file=pem_file(postgresql.ca_file))
    store = await open_store(secured)
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON)
    connections = "SELECT datname, ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname IS NOT NULL"
    seen = postgresql.sql(connections).splitlines()
    await store.close()
    name = settings.url.rpartition("/")[2]
    assert f"{name}|t" in seen
    assert f"{name}|f" not in seen


@pytest.mark.parametrize(
    ("host", "issuer"),
    [
        pytest.param("127.0.0.1", "another", id="another authority"),
        pytest.param("127.0.0.2", "its own", id="another host"),
    ],
)
async def test_a_certificate_that_does_not_hold_is_refused(
    settings: TrustStoreSettings, postgresql: Postgresql, tmp_path: Path, host: str, issuer: str
) -> None:
    """Neither who issued it nor whose it is can be anything else."""
    stranger = Authority.open(tmp_path / "certs").certificate_file
    ca_file = stranger if issuer == "another" else postgresql.ca_file
    wrong = replace(settings, url=settings.url.replace("127.0.0.1", host), ca_file=pem_file(ca_file))
    with pytest.raises(UserError, match="the certificate of its database server does not hold: check ca_file"):
        await open_store(wrong)


async def test_a_server_without_tls_is_no_way_out(tmp_path: Path) -> None:
    """Where TLS was asked for, a plain answer ends it, before any password is sent."""
    with run_postgresql(tmp_path / "plain") as plain:
        ca_file = PemFile.read(Authority.open(tmp_path / "certs").certificate_file)
        wanting = TrustStoreSettings(plain.database("t"), must_exist=False, password=PASSWORD, ca_file=ca_file)
        with pytest.raises(UserError, match="its database server speaks no TLS: switch ssl on there"):
            await open_store(wanting, create=True)
        await (await open_store(replace(wanting, ca_file=None), create=True)).close()


async def test_a_proxy_needs_no_more_rights_than_documented(
    settings: TrustStoreSettings, postgresql: Postgresql, request: pytest.FixtureRequest
) -> None:
    """Whoever serves may be somebody else than who owns the tables."""
    page = (request.config.rootpath / "docs/trust-store.md").read_text(encoding="utf-8")
    grants = "\n".join(line.strip() for line in page.splitlines() if line.startswith("    GRANT "))
    role, database = settings.url.rpartition("/")[2].replace("store", "proxies"), settings.url.rpartition("/")[2]
    quoted = PASSWORD.replace("'", "''")
    postgresql.sql(f"CREATE ROLE {role} LOGIN PASSWORD '{quoted}'")
    postgresql.sql(grants.replace("proxies", role), database)
    store = await open_store(replace(settings, url=settings.url.replace("tagwarden", role, 1)))
    await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON, past=b"p", new_tags=[Tag("1.0")])
    await store.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON)
    await store.touch_all({(NOTARY, GUN): (2, NOON)})
    await store.note_asked([(NOTARY, GUN)], NOON)
    data = index([b"child"])
    await store.keep_index(digest(data), data)
    await store.keep_index(digest(data), data)
    assert await store.forget(NOTARY, GUN, reason="because", by="me", at=NOON)
    assert await store.load_index(digest(data)) == data
    assert [each.by for each in await store.forgettings()] == ["me"]
    await store.close()
