"""Who may do what in the database: the statements of the page, run by those who are to run them."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import pytest

from deploy.stack.commands import Outcome, run
from deploy.stack.postgresql import PASSWORD, Postgresql
from deploy.stack.proxy import tagwarden, write_configuration
from proxy.config.settings import TrustStoreSettings
from proxy.errors import UserError
from proxy.store.opening import open_store
from proxy.store.sql import SqlTrustStore
from tests.stack.store.test_trust_commands import CONFIGURATION
from tests.unit.store import test_versions
from tests.unit.store.material import GUN, NOON, NOTARY, files_of
from tests.unit.store.test_versions import ADDING, Next

PAGE: Final = Path(__file__).parents[3] / "docs" / "trust-store.md"
later = test_versions.later


@dataclass(frozen=True)
class Place:
    """A database with an owner and proxies; `words` are the page's names for them, each with one of this test alone."""

    server: Postgresql
    words: dict[str, str]
    blocks: dict[str, list[str]]

    def named(self, text: str) -> str:
        """With these names in the place of the page's."""
        quoted = PASSWORD.replace("'", "''")
        for word, name in self.words.items():
            text = re.sub(rf"\b{word}\b", name, text)
        return text.replace("'...'", f"'{quoted}'")

    def settings(self, role: str) -> TrustStoreSettings:
        """The store, as one of the two roles."""
        url = f"postgresql://{self.words[role]}@127.0.0.1:{self.server.port}/{self.words['trust']}"
        return TrustStoreSettings(url, must_exist=False, password=PASSWORD)

    def as_owner(self, block: str) -> None:
        """Run a block of the page as the owner."""
        with psycopg.connect(self.settings("trust_owner").url, password=PASSWORD, autocommit=True) as connection:
            for statement in self.blocks[block]:
                connection.execute(self.named(statement))

    def initialise(self, directory: Path) -> Outcome:
        """Run `trust init` as the page does: as the owner, with the configuration of the proxies."""
        there = {"url": self.settings("proxies").url, "password_file": str(self.server.password_file)}
        config = write_configuration(directory, {**CONFIGURATION, "trust_store": there})
        environment = {
            "TAGWARDEN__TRUST_STORE__URL": self.settings("trust_owner").url,
            "TAGWARDEN__TRUST_STORE__PASSWORD_FILE": str(self.server.password_file),
        }
        assert all(f"{name}=" in PAGE.read_text() for name in environment)
        return run([str(tagwarden()), "trust", "init", "-c", str(config)], home=directory, environment=environment)


@pytest.fixture
def place(postgresql: Postgresql) -> Iterator[Place]:
    """The roles and the database, made as an administrator makes them."""
    _, _, section = PAGE.read_text().partition("### Who may do what\n")
    section = section.partition("\n### ")[0]
    found: dict[str, list[str]] = {}
    for block in re.findall(r"(?:^    .*\n)+", section, re.MULTILINE):
        lines = [line.strip() for line in block.splitlines()]
        who = re.search(r"-U (\w+)", lines[0])
        found[who[1] if who else lines[0].partition(" ")[0]] = [line for line in lines if line.endswith(";")]
    suffix = secrets.token_hex(4)
    made = Place(postgresql, {name: f"{name}_{suffix}" for name in ("trust_owner", "proxies", "trust")}, found)
    for statement in found["postgres"]:
        postgresql.sql(made.named(statement))
    yield made
    postgresql.sql(f"DROP DATABASE {made.words['trust']} WITH (FORCE)")
    postgresql.sql(f"DROP ROLE {made.words['proxies']}")
    postgresql.sql(f"DROP ROLE {made.words['trust_owner']}")


async def opened(settings: TrustStoreSettings) -> SqlTrustStore:
    """A store on the server."""
    store = await open_store(settings)
    assert isinstance(store, SqlTrustStore)
    return store


async def test_the_owner_makes_it_and_the_proxies_use_it(tmp_path: Path, place: Place) -> None:
    """What the page says is enough, and no more than that: proxies write rows, and can make or drop no table."""
    place.as_owner("trust_owner")
    assert "is made, and remembers nothing yet" in place.initialise(tmp_path).must()
    store = await opened(place.settings("proxies"))
    assert await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON) == 1
    assert await store.forget(NOTARY, GUN, reason="because", by="me", at=NOON)
    await store.close()
    for statement in ("CREATE TABLE mine (x text)", "DROP TABLE collections", "ALTER TABLE collections ADD x text"):
        with (
            psycopg.connect(place.settings("proxies").url, password=PASSWORD, autocommit=True) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)


async def test_proxies_do_not_make_it(place: Place) -> None:
    """Not even with `trust init`: whoever may write rows shall not begin without memory."""
    place.as_owner("trust_owner")
    with pytest.raises(UserError, match="this user may not do that in its database: grant it, or run `tagwarden trust"):
        await open_store(place.settings("proxies"), create=True)


async def test_tables_that_are_there_already_are_opened(place: Place) -> None:
    """Somebody had one role for all until now; the last lines are for them."""
    await (await open_store(place.settings("trust_owner"), create=True)).close()
    place.as_owner("trust_owner")
    with pytest.raises(UserError, match="this user may not do that in its database"):
        await open_store(place.settings("proxies"))
    place.as_owner("GRANT")
    store = await opened(place.settings("proxies"))
    assert await store.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON) == 1
    await store.close()


async def test_a_new_version_comes_by_its_owner(place: Place, later: Next) -> None:
    """Its proxies do not start before that; those of the old one go on; then the new tables are open to all of them."""
    place.as_owner("trust_owner")
    await (await open_store(place.settings("trust_owner"), create=True)).close()
    running = await opened(place.settings("proxies"))
    assert await running.commit(NOTARY, GUN, files_of(1), expected=None, checked_at=NOON) == 1
    with later(ADDING):
        with pytest.raises(UserError, match="this user may not do that in its database: grant it, or run `tagwarden"):
            await open_store(place.settings("proxies"))
        await (await open_store(place.settings("trust_owner"), create=True)).close()
        newer = await opened(place.settings("proxies"))
        assert await newer.commit(NOTARY, GUN, files_of(2), expected=1, checked_at=NOON) == 2
        assert await running.commit(NOTARY, GUN, files_of(3), expected=2, checked_at=NOON) == 3
        with psycopg.connect(place.settings("proxies").url, password=PASSWORD) as connection:
            connection.execute("INSERT INTO later VALUES ('x')")
        await newer.close()
    await running.close()
