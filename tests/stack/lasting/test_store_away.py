"""PostgreSQL is away for a while: what is in use is served on, and nothing new is believed, good news or bad.

`SECONDS` in the environment says for how long.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from deploy.stack import notary_client
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.postgresql import Cluster, Postgresql, cluster
from deploy.stack.proxy import Proxy, command, write_configuration
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from deploy.stack.web import answers
from tests.stack.configuration import configuration, wait_for
from tests.stack.lasting.conftest import Signed, sign
from tests.stack.lasting.load import Pull, load, pull, report

SECONDS = float(os.environ.get("SECONDS", "6"))
DEADLINE = 10.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that may be stopped."""
    with cluster(tmp_path / "postgresql") as made:
        yield made


@contextmanager
def serving(directory: Path, registry: Registry, notary: Notary, anchor: str, server: Postgresql) -> Iterator[Proxy]:
    """A proxy that asks Notary every second, and remembers on a server."""
    settings = configuration(registry, notary, [anchor], {})
    settings["repositories"] = {"**": {"signed_by": "released", "fresh_for": "1s"}}
    url = server.database("trust")
    settings["trust_store"] = {"url": url, "password_file": str(server.password_file)}
    assert command(directory, "trust", "init", "-c", str(write_configuration(directory / "first", settings))).ok
    with run_proxy(directory / "proxy", settings) as proxy:
        yield proxy


def check(proxy: Proxy, owner: Person, signed: list[Signed], revoked: Signed) -> list[Pull]:
    """Pull while the store is away, and revoke a tag meanwhile; what was seen of that one."""
    used = [signed[0].name, signed[1].name]
    with load(proxy, used) as seen:
        time.sleep(SECONDS / 3)
        before = pull(proxy, revoked.name)
        notary_client.remove_target(owner, revoked.gun, "1.0")
        gone = wait_for(lambda: pull(proxy, revoked.name), lambda last: last.status != 200)
        time.sleep(SECONDS / 3)
        after = [pull(proxy, revoked.name) for _ in range(3)]
    assert seen.failed == []
    assert seen.slowest < DEADLINE
    assert before.status == 200
    report(
        f"{len(seen.pulls)} pulls, the slowest {seen.slowest:.1f} s; revoked after {gone.began - before.began:.1f} s"
    )
    return [gone, *after]


def recovered(proxy: Proxy, signed: list[Signed], revoked: Signed) -> None:
    """The store is back: all is fresh, and the revocation is what refuses."""
    assert wait_for(lambda: answers(f"{proxy.probes}/readyz"), bool)
    last = wait_for(lambda: pull(proxy, revoked.name), lambda seen: seen.status == 403)
    assert (last.status, last.refusal) == (403, "tag_not_signed")
    for each in signed[:2]:
        fresh = wait_for(partial(pull, proxy, each.name), lambda seen: seen.stale is None)
        assert (fresh.status, fresh.stale) == (200, None)


def test_a_server_that_hangs(
    database: Cluster,
    registry: Registry,
    notary: Notary,
    owner: Person,
    anchor: str,
    signed: list[Signed],
    repository: str,
    tmp_path: Path,
) -> None:
    """Its connections stay open and say nothing: a revocation of that time is a 503, everything else is served."""
    revoked = sign(owner, registry, repository)
    with database.started() as server, serving(tmp_path, registry, notary, anchor, server) as proxy:
        assert [pull(proxy, each.name).status for each in (*signed[:2], revoked)] == [200, 200, 200]
        server.hang()
        try:
            refused = check(proxy, owner, signed, revoked)
        finally:
            server.resume()
        assert {(each.status, each.refusal) for each in refused} <= {
            (503, "trust_store_unavailable"),
            (503, "notary_unreachable"),
            (503, "deadline_exceeded"),
        }
        recovered(proxy, signed, revoked)


def test_a_server_that_is_stopped(
    database: Cluster,
    registry: Registry,
    notary: Notary,
    owner: Person,
    anchor: str,
    signed: list[Signed],
    repository: str,
    tmp_path: Path,
) -> None:
    """Nobody answers at its address, until it is started again."""
    revoked = sign(owner, registry, repository)
    with database.started() as server, serving(tmp_path, registry, notary, anchor, server) as proxy:
        assert [pull(proxy, each.name).status for each in (*signed[:2], revoked)] == [200, 200, 200]
        server.kill()
        refused = check(proxy, owner, signed, revoked)
        assert {(each.status, each.refusal) for each in refused} == {(503, "trust_store_unavailable")}
        with database.started():
            recovered(proxy, signed, revoked)
