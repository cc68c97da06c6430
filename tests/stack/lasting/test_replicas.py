"""Notary servers that share a database, PostgreSQL or MariaDB, and race to sign again what has run out."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from certs.authority import Authority
from deploy.stack import keys, notary_client
from deploy.stack.images import image, push
from deploy.stack.mariadb import mariadb
from deploy.stack.notary import Notary, notary_replicas
from deploy.stack.notary_database import NotaryDatabase, on_mariadb, on_postgresql
from deploy.stack.notary_relay import NotaryRelay, notary_relay
from deploy.stack.people import Person
from deploy.stack.postgresql import postgresql
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from tests.stack.configuration import configuration, wait_for
from tests.stack.lasting.conftest import Signed, sign
from tests.stack.lasting.load import load, pull, report

ROUNDS = 10
ASKING = 4


@dataclass(frozen=True)
class Replicated:
    """Two servers on one database, who signs there, and the id of their root key."""

    database: NotaryDatabase
    servers: tuple[Notary, ...]
    owner: Person
    anchor: str

    def ask_all(self, gun: str) -> None:
        """Let several others ask both servers for a timestamp at the same moment."""
        with ThreadPoolExecutor(2 * ASKING) as crowd:
            list(crowd.map(lambda server: server.file(gun, "timestamp"), self.servers * ASKING))


@contextmanager
def _on_postgresql(directory: Path) -> Iterator[NotaryDatabase]:
    with postgresql(directory) as server:
        yield on_postgresql(server, "notary")


@contextmanager
def _on_mariadb(directory: Path) -> Iterator[NotaryDatabase]:
    with mariadb(directory) as server:
        yield on_mariadb(server, "notary")


@pytest.fixture(
    scope="module", params=[pytest.param(_on_postgresql, id="postgresql"), pytest.param(_on_mariadb, id="mariadb")]
)
def replicated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: Authority, registry: Registry
) -> Iterator[Replicated]:
    """Two servers on a database of each kind."""
    directory = tmp_path_factory.mktemp("replicated")
    with request.param(directory) as database, notary_replicas(directory, authority, database.storage, 2) as servers:
        owner = Person.settle("owner", directory / "owner", servers[0])
        gun = f"{registry.host}/anchor"
        notary_client.initialise(owner, gun)
        [anchor] = keys.root_key_ids(servers[0], gun)
        yield Replicated(database, servers, owner, anchor)


@pytest.fixture
def app(replicated: Replicated, registry: Registry, repository: str) -> Signed:
    """A signed repository there."""
    return sign(replicated.owner, registry, repository)


@contextmanager
def serving(
    directory: Path, registry: Registry, replicated: Replicated, **fields: str
) -> Iterator[tuple[Proxy, NotaryRelay]]:
    """A proxy whose Notary is whichever of the servers has its turn."""
    settings = configuration(registry, replicated.servers[0], [replicated.anchor], {})
    with notary_relay(*replicated.servers) as relay:
        settings["notaries"]["corp"] = {"url": relay.url, "roots": ["owner"], "changefeed": "200ms"}
        settings["repositories"] = {"**": {"signed_by": "released", **fields}}
        with run_proxy(directory, settings) as proxy:
            yield proxy, relay


def test_what_is_signed_at_replicas_counts_at_once(
    replicated: Replicated, app: Signed, registry: Registry, tmp_path: Path
) -> None:
    """A signature, another digest and a revocation are each heard of by the changefeed, whichever server wrote it."""
    other = push(registry, app.repository, image("another one"), "2.0")
    with serving(tmp_path, registry, replicated, fresh_for="1h") as (proxy, _):

        def digest() -> str | None:
            seen = pull(proxy, app.name)
            return seen.digest if seen.status == 200 else None

        assert digest() == app.content.digest
        notary_client.add_target(replicated.owner, app.gun, "1.0", other.digest, other.length)
        assert wait_for(digest, lambda seen: seen == other.digest) == other.digest
        notary_client.remove_target(replicated.owner, app.gun, "1.0")
        assert wait_for(digest, lambda seen: seen is None) is None


def test_a_race_to_sign_again_refuses_nobody(
    replicated: Replicated, app: Signed, registry: Registry, tmp_path: Path
) -> None:
    """Again and again a timestamp has run out, and everybody asks both servers: two proxies go on serving, fresh."""
    versions = replicated.database.timestamps(app.gun)
    with (
        serving(tmp_path / "one", registry, replicated, fresh_for="1s") as (one, relay),
        serving(tmp_path / "two", registry, replicated, fresh_for="1s") as (two, _),
    ):
        assert [pull(proxy, app.name).status for proxy in (one, two)] == [200, 200]
        with load(one, [app.name] * 2) as seen, load(two, [app.name] * 2) as others:
            for _ in range(ROUNDS):
                replicated.database.expire_timestamp(app.gun)
                replicated.ask_all(app.gun)
                time.sleep(0.3)
        pulls = [*seen.pulls, *others.pulls]
        assert {each.status for each in pulls} == {200}
        assert {each.stale for each in pulls} == {None}
    signed = replicated.database.timestamps(app.gun)
    report(f"{len(pulls)} pulls over {len(signed) - len(versions)} new timestamps; answered to one: {relay.answered}")
    assert len(signed) - len(versions) >= ROUNDS


def test_a_database_from_a_backup_is_a_rollback(
    replicated: Replicated, app: Signed, registry: Registry, tmp_path: Path
) -> None:
    """Versions that were seen do not come back, and the refusal goes on after a restart of the proxy."""
    [*_, version] = replicated.database.timestamps(app.gun)
    other = push(registry, app.repository, image("a newer one"), "1.0")
    notary_client.add_target(replicated.owner, app.gun, "1.0", other.digest, other.length)
    refusal: Callable[[Proxy], str | None] = partial(_refusal, app.name)
    with serving(tmp_path, registry, replicated, fresh_for="1s") as (proxy, _):
        assert pull(proxy, app.name).digest == other.digest
        replicated.database.forget_since(app.gun, version)
        assert wait_for(lambda: refusal(proxy), lambda seen: seen is not None) == "rollback"
    with serving(tmp_path, registry, replicated, fresh_for="1s") as (proxy, _):
        assert refusal(proxy) == "rollback"


def _refusal(name: str, proxy: Proxy) -> str | None:
    return pull(proxy, name).refusal
