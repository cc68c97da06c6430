"""Everybody who knows something is asked, and nobody's silence changes the verdict but the resolver's own."""

from datetime import timedelta
from typing import Any, Final

import pytest

from proxy import limits
from proxy.assembly import Parts
from proxy.errors import (
    Blocked,
    ContentMismatch,
    DeadlineExceeded,
    ManifestMissing,
    NotaryUnreachable,
    Refusal,
    RegistryUnreachable,
    RootNotTrusted,
    TrustStoreUnavailable,
    Undecided,
)
from proxy.explanation import gather, gathering, tell
from proxy.explanation.known import Known, RegistryWord
from proxy.names import Gun, Reference, Tag
from proxy.policy.entries import Blocklist, Exemption
from proxy.policy.signers import Released
from proxy.store.protocol import Remembered
from proxy.tuf.pins import Pins, RootPin
from proxy.upkeep import Upkeep
from tests.support.collections import NOW
from tests.support.resolving import REPOSITORY, TAG, Bench, bench
from tests.unit.explanation.doubles import UNAUTHORISED, ClosedStore, Registry
from tests.unit.explanation.situations import NOTARIES, OTHER, entry

PINNED: Final = entry(Released())


async def ask(desk: Bench, registry: Registry, reference: Reference = TAG, **given: Any) -> Known:
    """What is known of a reference with this registry."""
    double: Any = registry
    parts = Parts(desk.resolver, double, desk.resolver.closure, Upkeep(desk.resolver.renewal, desk.store))
    return await gather(parts, reference, NOTARIES, **{"has_store": True, **given})


async def test_what_is_allowed_is_looked_at_in_the_registry() -> None:
    """The verdict stands, the registry says what it has, and where signers publish is known."""
    async with bench(PINNED) as desk:
        known = await ask(desk, Registry(OTHER))
        assert known.decision.refusal is None
        assert known.registry == RegistryWord(OTHER, has_signed=True)
        assert known.notary is NOTARIES["corp"]
        assert known.evidence
        assert known.remembered is None


async def test_evidence_is_what_the_decision_rests_on() -> None:
    """Newer evidence might say something else, so Notary is asked once, however short evidence is fresh."""
    async with bench(entry(Released(), pins=Pins.tofu(), fresh_for=timedelta(0))) as desk:
        known = await ask(desk, Registry())
        assert known.evidence
        assert known.evidence.checked_at == known.decision.checked_at
        assert desk.asked() == 1


@pytest.mark.parametrize(
    ("failure", "has_signed"),
    [
        pytest.param(ManifestMissing("sha256:7"), False, id="missing"),
        pytest.param(ContentMismatch("sha256:7", "sha256:8"), True, id="other-bytes"),
    ],
)
async def test_the_bytes_are_part_of_the_verdict(failure: Refusal, *, has_signed: bool) -> None:
    """As in `verify`, what nobody could pull is refused."""
    async with bench(PINNED) as desk:
        known = await ask(desk, Registry(OTHER, failure))
        assert known.decision.refusal is failure
        assert known.registry == RegistryWord(OTHER, has_signed=has_signed)


@pytest.mark.parametrize(
    ("registry", "silence"),
    [
        pytest.param(Registry(UNAUTHORISED), "it answered 401", id="names-nothing"),
        pytest.param(Registry(has=UNAUTHORISED), "it answered 401", id="lets-nobody-read"),
        pytest.param(Registry(RegistryUnreachable("it is away")), "it is away", id="away"),
        pytest.param(Registry(is_slow=True), "no answer in time", id="slow"),
    ],
)
async def test_a_silent_registry_changes_nothing(
    registry: Registry, silence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why it does not tell is told; the verdict is the resolver's."""
    monkeypatch.setattr(gathering, "DECISION_SECONDS", 0.05 if registry.is_slow else limits.DECISION_SECONDS)
    async with bench(PINNED) as desk:
        known = await ask(desk, registry)
        assert known.decision.refusal is None
        assert silence in known.registry.silence


async def test_notary_is_not_asked_again_when_it_is_away() -> None:
    """The refusal says why there is no evidence; what is remembered is there all the same."""
    async with bench(entry(Released(), outage_for=timedelta(minutes=30))) as desk:
        await desk.resolver.evidence_for(REPOSITORY)
        desk.clock.pass_by(3600)
        desk.notary.away = True
        known = await ask(desk, Registry())
        assert isinstance(known.silence, NotaryUnreachable)
        assert known.decision.refusal is known.silence
        assert isinstance(known.remembered, Remembered)


async def test_what_serves_in_an_outage_is_shown_as_it_counts() -> None:
    """With the evidence that the decision rests on, in which an expired timestamp ends nothing."""
    async with bench(entry(Released())) as desk:
        desk.sim.timestamp.expires = "2026-11-21T12:30:00Z"
        desk.sim.bump("timestamp")
        desk.sim.publish("timestamp")
        await desk.resolver.evidence_for(REPOSITORY)
        desk.clock.pass_by(3600)
        desk.notary.away = True
        known = await ask(desk, Registry())
        assert (known.decision.refusal, known.decision.stale, known.silence) == (None, 3600, None)
        assert known.evidence
        assert (known.evidence.is_outage, known.evidence.collection.counts_timestamp) == (True, False)
        story = tell(known)
        assert story.chain
        assert [(link.name, link.state) for link in story.chain.links if link.forgiven] == [("timestamp", "usable")]
        assert story.freshness.serves_until == desk.clock.now() + timedelta(hours=23)


async def test_a_root_that_is_not_trusted_is_shown() -> None:
    """What Notary serves is fetched to be shown, and no evidence is made of it."""
    pins = Pins((RootPin("other", frozenset({"7" * 64})),))
    async with bench(entry(Released(), pins=pins)) as desk:
        known = await ask(desk, Registry())
        assert isinstance(known.silence, RootNotTrusted)
        assert known.served_root == desk.sim.current["root"]
        assert known.evidence is None


async def test_a_blocked_digest_has_evidence_all_the_same() -> None:
    """A digest is blocked before anybody is asked; the evidence is asked for to explain it."""
    async with bench(blocked=Blocklist({OTHER: "leaked"})) as desk:
        known = await ask(desk, Registry(), Reference(REPOSITORY, OTHER))
        assert isinstance(known.decision.refusal, Blocked)
        assert known.evidence


async def test_evidence_for_a_blocked_digest_that_cannot_be_had() -> None:
    """Then it is told why, beside the block."""
    async with bench(blocked=Blocklist({OTHER: "leaked"})) as desk:
        desk.notary.away = True
        known = await ask(desk, Registry(), Reference(REPOSITORY, OTHER))
        assert isinstance(known.decision.refusal, Blocked)
        assert isinstance(known.silence, NotaryUnreachable)


async def test_evidence_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for longer than for a decision."""
    monkeypatch.setattr(gathering, "DECISION_SECONDS", 0.05)
    async with bench(blocked=Blocklist({OTHER: "leaked"})) as desk:
        desk.notary.hold.clear()
        known = await ask(desk, Registry(), Reference(REPOSITORY, OTHER))
        desk.notary.hold.set()
        assert isinstance(known.silence, DeadlineExceeded)


async def test_a_store_that_cannot_be_read() -> None:
    """It is not the same as one that remembers nothing."""
    async with bench(store=ClosedStore(None)) as desk:
        known = await ask(desk, Registry(), Reference(REPOSITORY, OTHER))
        assert known.store_silence == "it is locked"
        assert isinstance(known.decision.refusal, TrustStoreUnavailable)
        assert known.indexes == ()


@pytest.mark.parametrize("has_store", [pytest.param(False, id="no-store"), pytest.param(True, id="a-store-of-others")])
async def test_nobody_is_trusted_on_first_use(*, has_store: bool) -> None:
    """Without pins, a collection that nobody remembers gives no verdict, as in `verify`, and the root can be pinned."""
    async with bench() as desk:
        known = await ask(desk, Registry(), has_store=has_store)
        assert isinstance(known.decision.refusal, Undecided)
        assert known.evidence
        assert [step.words[:2] for step in tell(known).steps][:1] == [("tagwarden", "pin")]


async def test_a_collection_that_is_remembered_needs_no_pins() -> None:
    """Its root was seen before, and it is that which is held against it."""
    async with bench() as desk:
        await desk.resolver.evidence_for(REPOSITORY)
        known = await ask(desk, Registry())
        assert known.decision.refusal is None
        assert known.remembered


async def test_a_collection_that_was_forgotten_is_not_remembered() -> None:
    """Then the next contact is the first one again, as it is for `verify`."""
    async with bench() as desk:
        await desk.resolver.evidence_for(REPOSITORY)
        await desk.store.forget("corp", Gun(desk.sim.gun), reason="made anew", by="ada", at=NOW)
        known = await ask(desk, Registry())
        assert known.remembered is None
        assert isinstance(known.decision.refusal, Undecided)


async def test_what_rests_on_no_trust_data_is_decided_without_it() -> None:
    """An exception is the operator's own word."""
    exemption = Exemption(REPOSITORY, OTHER, NOW + timedelta(days=1), "bootstrap")
    async with bench(exemptions=(exemption,)) as desk:
        known = await ask(desk, Registry(), Reference(REPOSITORY, OTHER))
        assert known.decision.refusal is None
        assert known.decision.permission


async def test_another_registrys_name() -> None:
    """An image of a registry that is answered for too has a GUN, and commands, under that name."""
    async with bench() as desk:
        known = await ask(desk, Registry(), name="docker.io")
        assert known.gun == known.decision.gun == f"docker.io/{REPOSITORY}"
        steps = [step.words for step in tell(known).steps if "verify" in step.words or "pin" in step.words]
        assert all(f"docker.io/{REPOSITORY}" in words[2] for words in steps)
        assert steps


async def test_no_entry() -> None:
    """Where no entry applies nobody is asked for trust data."""
    async with bench(entry(Released(), "tools/*")) as desk:
        known = await ask(desk, Registry(), Reference(REPOSITORY, Tag("1")))
        assert (known.entry, known.gun, known.notary, known.evidence) == (None, None, None, None)
        assert desk.asked() == 0
