"""Notary is away for a while: what is in use is served on, marked as stale, as long as the rules allow, and no longer.

`SECONDS` in the environment says for how long; `make outage` makes it a minute.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from deploy.stack.images import image, push
from deploy.stack.notary import Notary
from deploy.stack.notary_relay import NotaryRelay, Trouble, notary_relay
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from proxy.outages import Left
from tests.stack.configuration import configuration, wait_for
from tests.stack.lasting.conftest import Signed
from tests.stack.lasting.load import Pull, load, manifest, pull, report
from tests.stack.lasting.simulated import simulated_notary
from tests.support.notary_simulator import NotarySimulator

SECONDS = float(os.environ.get("SECONDS", "15"))
DEADLINE = 10.0
SHORT = "4s"


@contextmanager
def serving(directory: Path, registry: Registry, notary: Notary, anchor: str) -> Iterator[tuple[Proxy, NotaryRelay]]:
    """A proxy that looks every second whether something changed; what is under `tools` may be served for a moment."""
    settings = configuration(registry, notary, [anchor], {})
    with notary_relay(notary) as relay:
        settings["notaries"]["corp"] = {"url": relay.url, "roots": ["owner"]}
        settings["repositories"] = {
            "shop/**": {"signed_by": "released", "fresh_for": "1s"},
            "tools/**": {"signed_by": "released", "fresh_for": "1s", "outage_for": SHORT},
        }
        with run_proxy(directory, settings) as proxy:
            yield proxy, relay


def fresh(proxy: Proxy, name: str) -> Pull:
    """A pull, once it rests on what Notary says now."""
    return wait_for(lambda: pull(proxy, name), lambda seen: seen.status == 200 and seen.stale is None)


def test_no_pull_fails_while_notary_is_away(
    registry: Registry, notary: Notary, anchor: str, signed: list[Signed], tmp_path: Path
) -> None:
    """It cannot be reached for half of the time and hangs for the other half, and clients see only a header."""
    used = [each.name for each in signed if each.repository.startswith("shop/")]
    with serving(tmp_path, registry, notary, anchor) as (proxy, relay):
        for name in used:
            assert pull(proxy, name).status == 200
        with load(proxy, used) as seen:
            relay.trouble = Trouble.RESETS
            time.sleep(SECONDS / 2)
            notary.daemon.hang()
            try:
                relay.trouble = None
                time.sleep(SECONDS / 2)
                back = time.monotonic()
            finally:
                notary.daemon.resume()
            assert [fresh(proxy, name).stale for name in used] == [None] * len(used)
            recovery = time.monotonic() - back
        report(f"{len(seen.pulls)} pulls, the slowest {seen.slowest:.2f} s; fresh again after {recovery:.1f} s")
        assert seen.failed == []
        assert seen.slowest < DEADLINE
        for each in signed[:3]:
            ages = [one.stale for one in seen.of(each.name) if one.began < back and one.stale is not None]
            assert ages[0] <= 2 * DEADLINE
            assert all(earlier <= later for earlier, later in pairwise(ages))
            assert ages[-1] > ages[0]
            assert {one.digest for one in seen.of(each.name)} == {each.content.digest}
        assert len(proxy.events("outage: what was checked before goes on serving")) == 1
        assert len(proxy.events("outage is over")) == 1


def test_an_outage_that_lasts_too_long_is_a_refusal(
    registry: Registry, notary: Notary, anchor: str, signed: list[Signed], tmp_path: Path
) -> None:
    """After `outage_for` it is one, as it is at once for what nobody had asked for; both end by themselves."""
    unused, used = signed[0].name, signed[3].name
    with serving(tmp_path, registry, notary, anchor) as (proxy, relay):
        assert pull(proxy, used).status == 200
        relay.trouble = Trouble.RESETS
        began = time.monotonic()
        cold = manifest(proxy, unused)
        assert (cold.status, cold.headers["X-Tagwarden-Refusal"]) == (503, "notary_unreachable")
        assert cold.headers["Retry-After"] == "10"
        served = wait_for(lambda: pull(proxy, used), lambda seen: seen.stale is not None)
        assert (served.status, served.digest) == (200, signed[3].content.digest)
        over = wait_for(lambda: pull(proxy, used), lambda seen: seen.status != 200)
        assert (over.status, over.refusal) == (503, "notary_unreachable")
        assert over.began - began > 1

        def told() -> list[int]:
            pull(proxy, used)  # the check for it may have begun in time, and then the next one says so
            return [len(proxy.events(left.value[0])) for left in Left]

        assert wait_for(told, lambda counts: counts == [1] * len(Left)) == [1] * len(Left)
        relay.trouble = None
        for each in (unused, used):
            assert fresh(proxy, each).status == 200


def test_a_timestamp_that_runs_out_meanwhile_is_no_matter(registry: Registry, repository: str, tmp_path: Path) -> None:
    """Notary signs it again only when somebody asks for it after that: nobody could have had a newer one."""
    content = push(registry, repository, image("quiet"), "1.0")
    sim = NotarySimulator(f"{registry.host}/{repository}")
    sim.sign("1.0", content.manifest.content)
    with simulated_notary() as notary:
        notary.sims[sim.gun] = sim
        settings = {
            "name": registry.host,
            "registry": {"url": registry.url},
            "notaries": {"corp": {"url": notary.url, "roots": "tofu"}},
            "repositories": {"**": {"signed_by": "released", "fresh_for": "1s"}},
        }
        with run_proxy(tmp_path, settings) as proxy:
            name = f"{repository}:1.0"
            expires = datetime.now(UTC) + timedelta(seconds=6)
            sim.timestamp.expires = expires.strftime("%Y-%m-%dT%H:%M:%SZ")
            sim.publish()
            assert pull(proxy, name).status == 200
            notary.is_away = True
            with load(proxy, [name]) as seen:
                wait_for(lambda: datetime.now(UTC), lambda now: now > expires + timedelta(seconds=2))
            assert seen.failed == []
            assert seen.of(name)[-1].stale is not None
            notary.is_away = False
            ended = wait_for(lambda: pull(proxy, name), lambda now: now.status != 200)
            assert (ended.status, ended.refusal) == (403, "expired")
            sim.timestamp.expires = "2100-01-01T00:00:00Z"
            sim.bump("timestamp")
            sim.publish()
            assert fresh(proxy, name).status == 200
