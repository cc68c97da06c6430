"""Two proxies on one PostgreSQL: what one has seen is the least that the other believes, at once and for good."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deploy.stack.images import Image, image, push
from deploy.stack.postgresql import postgresql
from deploy.stack.proxy import Proxy, command, write_configuration
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from tests.stack.configuration import wait_for
from tests.stack.lasting.load import pull
from tests.stack.lasting.simulated import SimulatedNotary, simulated_notary
from tests.support.notary_simulator import NotarySimulator


@dataclass(frozen=True)
class Shared:
    """A Notary that can go back in time, one repository there, and the configuration of proxies that share a store."""

    notary: SimulatedNotary
    sim: NotarySimulator
    repository: str
    old: Image
    new: Image
    settings: dict[str, Any]
    directory: Path

    @property
    def name(self) -> str:
        """The image."""
        return f"{self.repository}:1.0"

    @contextmanager
    def proxy(self, name: str) -> Iterator[Proxy]:
        """One of the proxies."""
        with run_proxy(self.directory / name, self.settings) as running:
            yield running

    def sign_anew(self) -> dict[str, bytes]:
        """Sign the newer image; what was served before."""
        before = dict(self.sim.current)
        self.sim.sign("1.0", self.new.manifest.content)
        self.sim.bump("targets", "snapshot", "timestamp")
        self.sim.publish()
        return before


@pytest.fixture
def shared(registry: Registry, repository: str, tmp_path: Path) -> Iterator[Shared]:
    """The older image is signed."""
    old, new = (push(registry, repository, image(content)) for content in ("older", "newer"))
    sim = NotarySimulator(f"{registry.host}/{repository}")
    sim.sign("1.0", old.manifest.content)
    sim.publish()
    with simulated_notary() as notary, postgresql(tmp_path / "postgresql") as server:
        notary.sims[sim.gun] = sim
        settings = {
            "name": registry.host,
            "registry": {"url": registry.url},
            "notaries": {"corp": {"url": notary.url, "roots": "tofu"}},
            "repositories": {"**": {"signed_by": "released", "fresh_for": "1s"}},
            "trust_store": {"url": server.database("trust"), "password_file": str(server.password_file)},
        }
        made = command(tmp_path, "trust", "init", "-c", str(write_configuration(tmp_path / "first", settings)))
        assert made.ok, made.output
        yield Shared(notary, sim, repository, old, new, settings, tmp_path)


def test_what_one_has_seen_is_a_floor_for_the_other(shared: Shared) -> None:
    """The other still holds the older version, which is the very one that Notary shows it again: it is refused."""
    with shared.proxy("one") as one, shared.proxy("two") as two:
        assert [pull(proxy, shared.name).digest for proxy in (one, two)] == [shared.old.digest] * 2
        before = shared.sign_anew()
        seen = wait_for(lambda: pull(one, shared.name), lambda last: last.digest == shared.new.digest)
        assert seen.digest == shared.new.digest
        shared.sim.serve_again(before)
        for proxy in (two, one):
            refused = wait_for(partial(pull, proxy, shared.name), lambda last: last.status != 200)
            assert (refused.status, refused.refusal) == (403, "rollback")


def test_a_restart_forgets_no_floor(shared: Shared) -> None:
    """Neither a proxy that is started again nor one that is new believes a Notary that went back meanwhile."""
    with shared.proxy("one") as one:
        before = shared.sign_anew()
        assert pull(one, shared.name).digest == shared.new.digest
    shared.sim.serve_again(before)
    for name in ("one", "another"):
        with shared.proxy(name) as proxy:
            refused = pull(proxy, shared.name)
            assert (refused.status, refused.refusal) == (403, "rollback")


def test_notary_away_at_a_restart_is_an_outage_like_any(shared: Shared) -> None:
    """What was remembered serves on, as old as it is; what was never seen does not."""
    with shared.proxy("one") as one:
        assert pull(one, shared.name).digest == shared.old.digest
    shared.notary.is_away = True
    with shared.proxy("one") as one:
        served = pull(one, shared.name)
        assert (served.status, served.digest) == (200, shared.old.digest)
        assert served.stale is not None
        shared.notary.is_away = False
        fresh = wait_for(lambda: pull(one, shared.name), lambda last: last.stale is None)
        assert (fresh.status, fresh.stale) == (200, None)
