"""Evidence, checks and rounds outlive a change of the configuration; what does not hold any more does not."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from proxy.assembly.leases import Lease
from proxy.errors import Refusal
from proxy.names import Gun
from proxy.policy.decisions import Allowed, Decision, Unenforced
from proxy.policy.entries import Blocklist, Policy
from proxy.tasks import spawn
from proxy.tuf.pins import Pins, RootPin
from tests.support.resolving import NAME, NOBODY, REPOSITORY, TAG, Bench, bench, entry
from tests.unit.registry.material import eventually

GUN = Gun(f"{NAME}/{REPOSITORY}")
OTHERS = Pins((RootPin("others", public_key_ids=frozenset({"0" * 64})),))
STOLEN = Blocklist(keys={"0" * 64: "stolen"})


def rebind(at: Bench, *moved: str, **changes: Any) -> None:
    """Go on under another policy."""
    policy = replace(at.resolver.policy, **changes)
    at.resolver.renewal.rebind(policy, at.resolver.renewal.notaries, moved)
    at.resolver.policy = policy


async def test_what_was_verified_goes_on() -> None:
    """Other rules do not change what Notary said."""
    async with bench() as at:
        assert isinstance(await at.resolve(), Allowed)
        rebind(at, entries=(entry(superseded_for=timedelta(hours=1)),))
        assert isinstance(await at.resolve(), Allowed)
        assert at.asked() == 1


@pytest.mark.parametrize(
    ("moved", "changes"),
    [
        pytest.param((), {"blocked": STOLEN}, id="other-keys-are-blocked"),
        pytest.param(("corp",), {}, id="the-notary-moved"),
        pytest.param((), {"entries": (entry(expiry_grace=timedelta(hours=1)),)}, id="another-grace"),
    ],
)
async def test_what_does_not_hold_is_checked_anew(moved: tuple[str, ...], changes: dict[str, Any]) -> None:
    """What was verified before is not what would be verified now."""
    async with bench() as at:
        assert isinstance(await at.resolve(), Allowed)
        rebind(at, *moved, **changes)
        assert at.resolver.renewal.cache.keys() == ()
        assert isinstance(await at.resolve(), Allowed)
        assert at.asked() == 2


async def test_other_pins_find_nothing_of_the_old_ones() -> None:
    """Whoever is not pinned any more signs nothing, from that moment on."""
    async with bench() as at:
        assert isinstance(await at.resolve(), Allowed)
        rebind(at, entries=(entry(pins=OTHERS),))
        assert isinstance(await at.resolve(), Refusal)


async def test_a_check_under_way_starts_over() -> None:
    """It was begun under terms that do not hold any more, so nobody gets what it found."""
    async with bench() as at:
        at.notary.hold.clear()
        waiting = spawn(at.resolve(), name="a request")
        await eventually(lambda: at.resolver.renewal._flights)
        rebind(at, "corp")
        at.notary.hold.set()
        assert isinstance(await waiting, Allowed)
        assert at.asked() == 2


async def test_a_refusal_under_way_is_nobodys_either() -> None:
    """What the old address said is no reason to refuse what the new one signs."""
    async with bench() as at:
        at.notary.hold.clear()
        at.notary.away = True
        waiting = spawn(at.resolve(), name="a request")
        await eventually(lambda: at.resolver.renewal._flights)
        rebind(at, "corp")
        at.notary.away = False
        at.notary.hold.set()
        assert isinstance(await waiting, Allowed)


async def test_a_notary_that_is_gone_is_away() -> None:
    """Whoever still waits for it gets an answer."""
    async with bench() as at:
        policy: Policy = at.resolver.policy
        at.resolver.renewal.rebind(policy, {}, ("corp",))
        refused = await at.resolve()
        assert "not configured any more" in str(refused)


@pytest.mark.parametrize("uses", [0, 1, 2])
async def test_what_is_replaced_is_closed_after_its_last_use(uses: int) -> None:
    """Not before, once, and also where nobody uses it."""
    closed: list[str] = []

    async def close() -> None:
        closed.append("closed")

    lease = Lease(close, 0.001)
    for _ in range(uses):
        lease.__enter__()
    lease.end()
    await asyncio.sleep(0.01)
    for _ in range(uses):
        assert not closed
        lease.__exit__(None, None, None)
    await eventually(lambda: closed)
    await lease.close()
    assert (closed, lease.is_closed) == (["closed"], True)


async def test_what_is_used_again_stays_open() -> None:
    """Whoever comes while the last one leaves is not cut off."""
    closed: list[str] = []

    async def close() -> None:
        closed.append("closed")

    lease = Lease(close, 0.02)
    with lease:
        lease.end()
    with lease:
        await asyncio.sleep(0.05)
        assert not closed
    await eventually(lambda: closed)


def decided(decision: Decision) -> Allowed | Unenforced | Refusal | None:
    """Whichever of permission and refusal there is."""
    return decision.refusal or decision.permission


async def test_who_began_before_is_decided_by_the_old_rules() -> None:
    """A request under way is not caught between two configurations."""
    async with bench() as at:
        old = at.resolver
        rules = Blocklist(digests={at.digest: "CVE"})
        new = replace(old, policy=replace(old.policy, blocked=rules))
        at.notary.hold.clear()
        waiting = spawn(old.resolve(TAG, NOBODY), name="a request")
        await eventually(lambda: old.renewal._flights)
        old.renewal.rebind(new.policy, old.renewal.notaries, ())
        at.notary.hold.set()
        assert isinstance(decided(await waiting), Allowed)
        assert isinstance(decided(await new.resolve(TAG, NOBODY)), Refusal)
