"""Two proxies that share a database: made by `trust init`, known to both, missed when it is away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack import docker_trust, notary_client
from deploy.stack.images import image, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.postgresql import Cluster, cluster
from deploy.stack.proxy import Proxy, command, proxy, write_configuration
from deploy.stack.registry import Registry
from deploy.stack.web import ask
from tests.stack.configuration import configuration, wait_for

ACCEPT = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
TABLES = "SELECT gun, generation FROM collections"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that may be stopped."""
    with cluster(tmp_path / "postgresql") as made:
        yield made


def test_two_proxies_remember_together(
    database: Cluster,
    registry: Registry,
    notary: Notary,
    signers: dict[str, Person],
    owner: Person,
    anchor: str,
    repository: str,
    tmp_path: Path,
) -> None:
    """What one has verified the other has remembered; neither starts on an empty database, nor serves without one."""
    alice, content = signers["alice"], image("shared memory")
    gun = f"{registry.host}/{repository}"
    push(registry, repository, content, "1.0")
    docker_trust.add_signer(owner, gun, "alice", alice.public_key)
    notary_client.sign_as(alice, gun, "1.0", content.digest, content.length)
    settings = configuration(registry, notary, [anchor], signers)
    settings["repositories"] = {"**": {"signed_by": {"any_of": ["alice"]}}}
    with database.started() as server:
        url = server.database("shared")
        settings["trust_store"] = {"url": url, "password_file": str(server.password_file)}
        written = str(write_configuration(tmp_path / "first", settings))
        refused = command(tmp_path, "serve", "-c", written)
        assert refused.status == 2
        assert "its database is empty: restore it, or run `tagwarden trust init`" in refused.output
        assert command(tmp_path, "trust", "init", "-c", written).status == 0
        with proxy(tmp_path / "one", settings) as one, proxy(tmp_path / "two", settings) as two:
            for each in (one, two):
                served = ask(f"{each.url}/v2/{repository}/manifests/1.0", headers=ACCEPT)
                assert (served.status, served.headers["Docker-Content-Digest"]) == (200, content.digest)
            assert server.sql(TABLES, "shared") == f"{gun}|1"
            examined = command(tmp_path, "doctor", "-c", written)
            assert f"{url} can be read" in examined.output
            server.kill()
            assert ready(one, 503) == 503
            assert ask(f"{one.url}/v2/{repository}/manifests/1.0", headers=ACCEPT).status == 200
            with database.started():
                assert [ready(each, 200) for each in (one, two)] == [200, 200]


def ready(running: Proxy, status: int) -> int:
    """What it says of itself, once it says that."""
    return wait_for(lambda: ask(f"{running.probes}/readyz").status, lambda seen: seen == status)
