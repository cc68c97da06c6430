"""A Notary that hangs, trickles, sends without end, breaks off or flaps harms only those who need it just then."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from deploy.stack.notary import Notary
from deploy.stack.notary_relay import NotaryRelay, Trouble, notary_relay
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from tests.stack.configuration import configuration, wait_for
from tests.stack.lasting.conftest import Signed
from tests.stack.lasting.load import load, pull, report

SECONDS = 3.0
DEADLINE = 10.0
TROUBLES = [pytest.param(each, id=each.name.lower().replace("_", "-")) for each in Trouble]


@contextmanager
def serving(directory: Path, registry: Registry, notary: Notary, anchor: str) -> Iterator[tuple[Proxy, NotaryRelay]]:
    """A proxy that asks every second; `shop` is at a Notary that may be troubled, `tools` at another one."""
    settings = configuration(registry, notary, [anchor], {})
    with notary_relay(notary) as relay:
        settings["notaries"]["troubled"] = {"url": relay.url, "roots": ["owner"], "timeout": "2s"}
        settings["repositories"] = {
            "shop/**": {"signed_by": "released", "fresh_for": "1s", "notary": "troubled"},
            "tools/**": {"signed_by": "released", "fresh_for": "1s", "notary": "corp"},
        }
        with run_proxy(directory, settings) as proxy:
            yield proxy, relay


@pytest.mark.parametrize("kind", TROUBLES)
def test_troubled_notary_fails_no_pull_of_what_is_in_use(
    registry: Registry, notary: Notary, anchor: str, signed: list[Signed], tmp_path: Path, kind: Trouble
) -> None:
    """Another Notary's images stay fresh; its own are served on, unless what it says is wrong rather than missing."""
    used, cold, other = signed[0].name, signed[1].name, signed[3].name
    with serving(tmp_path, registry, notary, anchor) as (proxy, relay):
        assert [pull(proxy, name).status for name in (used, other)] == [200, 200]
        relay.trouble = kind
        with load(proxy, [used, other, cold, cold]) as seen:
            time.sleep(SECONDS)
        relay.trouble = None
        for name in (used, cold):
            back = wait_for(partial(pull, proxy, name), lambda last: last.status == 200 and last.stale is None)
            assert (back.status, back.stale) == (200, None)
    refusals = {each.refusal for each in seen.of(cold) if each.status != 200}
    report(f"{kind.name}: {len(seen.pulls)} pulls, the slowest {seen.slowest:.1f} s; refused: {refusals}")
    assert seen.slowest < DEADLINE
    assert {(each.status, each.stale) for each in seen.of(other)} == {(200, None)}
    if kind is Trouble.NEVER_ENDS:  # an answer that is too long is an answer, and no good one
        assert refusals == {each.refusal for each in seen.of(used) if each.status != 200} == {"metadata_corrupt"}
    else:
        assert {each.status for each in seen.of(used)} == {200}
        assert refusals <= {"notary_unreachable"}


@pytest.mark.parametrize("kind", TROUBLES)
def test_one_troubled_collection_harms_no_other(
    registry: Registry, notary: Notary, anchor: str, signed: list[Signed], tmp_path: Path, kind: Trouble
) -> None:
    """Where only the answers about one repository are troubled, its neighbours stay fresh, and new ones are served."""
    used, troubled, new = signed[:3]
    with serving(tmp_path, registry, notary, anchor) as (proxy, relay):
        assert pull(proxy, used.name).status == 200
        relay.strikes = lambda path: troubled.gun in path
        relay.trouble = kind
        with load(proxy, [used.name, troubled.name, troubled.name]) as seen:
            time.sleep(SECONDS)
            late = pull(proxy, new.name)
        relay.trouble = None
        outages = proxy.events("outage: what was checked before goes on serving")
    report(f"{kind.name}: {len(seen.of(used.name))} pulls of the neighbour, {late.seconds:.1f} s for a new one")
    assert seen.slowest < DEADLINE
    assert {(each.status, each.stale) for each in seen.of(used.name)} == {(200, None)}
    assert (late.status, late.stale) == (200, None)
    assert len(outages) <= 1 or kind is Trouble.FLAPS
