"""What happens to trust is told: once, by whoever committed it, with what an auditor wants to know."""

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from proxy.decision_cache import DecisionCache
from proxy.errors import Rollback
from proxy.names import Gun
from proxy.policy.decisions import Allowed
from proxy.telemetry import Audit
from proxy.verifier import Verifier
from tests.support.certificates import root_key
from tests.support.keys import Key, ecdsa_key
from tests.support.resolving import NAME, REPOSITORY, Bench, bench

GUN = Gun(f"{NAME}/{REPOSITORY}")


@pytest.fixture
def events() -> Iterator[list[Any]]:
    """Every event that is logged."""
    with capture_logs() as captured:
        yield captured


def audited(events: list[Any], *kinds: Audit) -> list[dict[str, Any]]:
    """Those of some kinds; all of them name the collection."""
    found = [event for event in events if event.get("audit") in kinds]
    assert all((event["notary"], event["gun"]) == ("corp", GUN) for event in found)
    return found


def public_id(key: Key) -> str:
    """How a key is called in the audit stream, in `blocked` and in `tagwarden inspect`."""
    return key.public_key_id


async def renewed(at: Bench, *roles: str) -> Any:
    """Publish what was changed, and ask when evidence has run out."""
    at.sim.bump(*roles, "targets", "snapshot", "timestamp")
    at.sim.publish()
    at.clock.pass_by(31)
    return await at.resolve()


async def test_a_first_contact_is_told(events: list[Any]) -> None:
    """With trust on first use this is the line to compare with what the owner says."""
    async with bench() as at:
        await at.resolve()
        at.clock.pass_by(31)
        await at.resolve()
    [told] = audited(events, *Audit)
    assert (told["audit"], told["event"], told["root"]) == (
        *(Audit.FIRST_TRUSTED, "collection trusted for the first time"),
        1,
    )
    assert told["root_keys"] == (public_id(at.sim.root.roles["root"].keys[0]),)
    assert told["keys"] == {"targets": [public_id(at.sim.targets.signers[0])]}


async def test_a_first_contact_after_a_forgetting_is_told_as_such(events: list[Any]) -> None:
    """Somebody lowered the floors on purpose: the trust store says who, and why."""
    async with bench() as at:
        await at.resolve()
        await at.store.forget("corp", GUN, reason="made anew", by="ada", at=at.clock.now())
        at.clock.pass_by(31)
        assert isinstance(await at.resolve(), Allowed)
    first, second = audited(events, Audit.FIRST_TRUSTED)
    assert "forgotten" not in first
    assert (second["forgotten"], second["log_level"]) == (True, "warning")


async def test_another_root_is_told(events: list[Any]) -> None:
    """With both versions and the keys that came and went."""
    async with bench() as at:
        await at.resolve()
        [old] = at.sim.root.roles["root"].keys
        new = root_key(str(GUN), "another")
        at.sim.root.roles["root"].keys, at.sim.root.signers = [new], [new, old]
        assert isinstance(await renewed(at, "root"), Allowed)
    [told] = audited(events, Audit.ROOT_CHANGED)
    assert (told["event"], told["log_level"], told["before"], told["root"]) == ("root changed", "warning", 1, 2)
    assert (told["root_keys"], told["root_keys_gone"]) == ((public_id(new),), (public_id(old),))


async def test_keys_that_come_and_go_are_told(events: list[Any]) -> None:
    """When their first signature counts, and when their last one does not any more."""
    async with bench() as at:
        await at.resolve()
        at.sim.delegate("targets/alice", [ecdsa_key("alice's first")])
        await renewed(at)
        first, second = ecdsa_key("alice's first"), ecdsa_key("alice's second")
        at.sim.targets.delegations[0].keys[:] = [second]
        at.sim.delegations["targets/alice"].signers = [second]
        await renewed(at, "targets/alice")
    told = [
        (event["audit"], event["role"], event["key"])
        for event in audited(events, Audit.KEY_FIRST_USED, Audit.KEY_LAST_USED)
    ]
    assert told == [
        (Audit.KEY_FIRST_USED, "targets/alice", public_id(first)),
        (Audit.KEY_FIRST_USED, "targets/alice", public_id(second)),
        (Audit.KEY_LAST_USED, "targets/alice", public_id(first)),
    ]


async def test_what_others_committed_is_not_told_again(events: list[Any]) -> None:
    """The proxy that committed it has told it; one that reads it from the store has nothing to add."""
    async with bench() as at:
        await at.resolve()
        checks = at.resolver.renewal.checks
        checks.cache = DecisionCache()
        await at.resolve()
        async with bench(store=at.store) as other:
            other.notary.sim = at.sim
            await other.resolve()
    assert len(audited(events, *Audit)) == 1


async def test_a_rollback_is_told_once_for_each_way(events: list[Any]) -> None:
    """However often somebody asks; and again, if it was well in between."""
    async with bench() as at:
        old = dict(at.sim.current)
        await at.resolve()
        assert isinstance(await renewed(at), Allowed)
        new = dict(at.sim.current)
        for _ in range(3):
            at.sim.serve_again(old)
            at.clock.pass_by(31)
            assert isinstance(await at.resolve(), Rollback)
        at.sim.serve_again(new)
        at.clock.pass_by(31)
        assert isinstance(await at.resolve(), Allowed)
        at.sim.serve_again(old)
        at.clock.pass_by(31)
        assert isinstance(await at.resolve(), Rollback)
    told = audited(events, Audit.ROLLBACK_SEEN)
    assert [(event["event"], event["log_level"], event["role"]) for event in told] == [
        ("rollback seen", "error", "timestamp")
    ] * 2
    assert "went back" in told[0]["why"]


async def test_a_role_that_is_withheld_is_a_rollback_too(events: list[Any]) -> None:
    """Others are served meanwhile, so only this line says it."""
    async with bench() as at:
        at.sim.delegate("targets/alice")
        at.sim.sign("2.0", role="targets/alice")
        at.sim.publish()
        await at.resolve()
        at.sim.delegations["targets/alice"].published = False
        assert isinstance(await renewed(at), Allowed)
        assert isinstance(await renewed(at), Allowed)
    [told] = audited(events, Audit.ROLLBACK_SEEN)
    assert told["role"] == "targets/alice"


async def test_a_process_of_its_own_tells_as_much(events: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Large collections are verified elsewhere; what changed comes back with the rest."""
    monkeypatch.setattr("proxy.verifier.verifier.INLINE_BYTES", 0)
    async with bench() as at, Verifier() as verifier:
        at.resolver.renewal.checks.verifier = verifier
        await at.resolve()
        at.sim.delegate("targets/alice")
        await renewed(at)
    assert [event["audit"] for event in audited(events, *Audit)] == [Audit.FIRST_TRUSTED, Audit.KEY_FIRST_USED]
