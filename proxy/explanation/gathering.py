"""Asks everybody who knows something: the resolver, the trust store, Notary, and the registry.

The verdict is the resolver's, and that of the bytes that the registry has. Whatever else cannot be found out is
left out, and never changes the verdict.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final, TypeVar

from proxy.assembly import Parts
from proxy.config.settings import BundleSettings, NotarySettings
from proxy.decision_cache import Evidence
from proxy.errors import (
    Blocked,
    ContentMismatch,
    DeadlineExceeded,
    ManifestAmbiguous,
    ManifestMissing,
    Refusal,
    RegistryUnreachable,
    RootNotTrusted,
    RootRotationBroken,
    SignedLengthWrong,
    TrustStoreUnavailable,
    Undecided,
)
from proxy.explanation.known import Known, RegistryWord
from proxy.limits import DECISION_SECONDS, ROOT_BYTES
from proxy.names import ROOT, Digest, Reference, Tag
from proxy.policy.decisions import Allowed, Decision
from proxy.registry import nearby
from proxy.registry.failures import Relayed
from proxy.registry.headers import ClientCredentials
from proxy.renewal import key_of
from proxy.tuf.messages import Fetch, Fetched

_Answer = TypeVar("_Answer")

_OF_THE_BYTES: Final = (ManifestMissing, ManifestAmbiguous, ContentMismatch, SignedLengthWrong)
_FIRST_USE: Final = "nobody is trusted on first use here: start tagwarden serve once, or pin the root (tagwarden pin)"


async def gather(
    parts: Parts,
    reference: Reference,
    notaries: Mapping[str, NotarySettings | BundleSettings],
    *,
    has_store: bool,
    options: tuple[str, ...] = (),
    name: str | None = None,
) -> Known:
    """Decide about a reference as under `enforce`, and find out all that explains it. Raises no refusal.

    Args:
        parts: over a store that is not written.
        reference: what is asked about.
        notaries: where signers publish, by the Notary's name.
        has_store: whether there is a trust store.
        options: of the commands that are told, such as `-c FILE`.
        name: the registry's name where it is not the configured one (`ns_allowed`).
    """
    policy = parts.resolver.policy
    now = parts.resolver.clock.now()
    mode = policy.mode_for(reference.repository, now)
    known = Known(policy, Decision(reference, mode), now, name=name)
    entry, gun = known.entry, known.gun
    remembered, store_silence = None, ""
    if entry and gun:
        try:
            found = await parts.resolver.store.load(entry.notary, gun)  # before anything new lies over it
            remembered = found if found and found.stored.files else None  # what was forgotten on purpose has none
        except TrustStoreUnavailable as unavailable:
            store_silence = unavailable.why
    credentials = parts.registry.walker(ClientCredentials(None))
    decision = await parts.resolver.resolve(reference, credentials, name=name)
    evidence, silence = await _evidence(parts, known, decision)
    decision, word = await _registry(parts, decision, credentials)
    if entry and entry.pins.is_tofu and remembered is None and decision.rests_on_trust_data:
        decision = replace(decision, permission=None, refusal=Undecided(_FIRST_USE))
    return replace(
        known,
        decision=decision,
        now=parts.resolver.clock.now(),
        evidence=await _with_files(parts, known, evidence),
        silence=silence,
        remembered=remembered,
        store_silence=store_silence,
        has_store=has_store,
        registry=word,
        served_root=await _served_root(parts, known, silence),
        indexes=await _indexes(parts, decision),
        options=options,
        notary=notaries.get(entry.notary) if entry else None,
    )


async def _evidence(parts: Parts, known: Known, decision: Decision) -> tuple[Evidence | None, Refusal | None]:
    """What the decision was made on, else why there is nothing."""
    refusal, repository = decision.refusal, decision.reference.repository
    if refusal and decision.checked_at is None and not isinstance(refusal, Blocked):
        return None, refusal  # it is why there is none: nobody is asked again
    if known.entry and known.gun:
        rested_on = parts.resolver.renewal.cache.get(key_of(known.entry, known.gun))
        if rested_on and rested_on.checked_at == decision.checked_at:
            # the very same: newer evidence might say something else
            return (rested_on if decision.stale is None else rested_on.in_outage()), None
    try:
        async with asyncio.timeout(DECISION_SECONDS):
            return await parts.resolver.evidence_for(repository, name=known.name), None
    except TimeoutError:
        return None, DeadlineExceeded(int(DECISION_SECONDS))
    except Refusal as silence:
        return None, silence


async def _with_files(parts: Parts, known: Known, evidence: Evidence | None) -> Evidence | None:
    """The evidence with the files that it was made from, which the trust store has; without, where it has not."""
    if evidence is None or known.entry is None or known.gun is None:
        return evidence
    with suppress(TrustStoreUnavailable, ValueError):
        if remembered := await parts.resolver.store.load(known.entry.notary, known.gun):
            return replace(evidence, collection=evidence.collection.with_files(remembered.stored.files))
    return evidence


async def _registry(parts: Parts, decision: Decision, credentials: ClientCredentials) -> tuple[Decision, RegistryWord]:
    """What the registry has there, and the decision once the bytes that it has were looked at."""
    reference, allowed, has_signed = decision.reference, decision.permission, None
    try:
        if isinstance(allowed, Allowed):
            try:
                await _in_time(parts.registry.get_manifest(reference, allowed, credentials))
                has_signed = True
            except _OF_THE_BYTES as refusal:
                has_signed = not isinstance(refusal, ManifestMissing)
                decision = replace(decision, permission=None, refusal=refusal)
        named = await _in_time(parts.registry.named(reference, credentials))
        is_gap = named is None and isinstance(reference.target, Tag)
        return decision, RegistryWord(named, has_signed, gap=await _gap(parts, reference) if is_gap else None)
    except (Relayed, RegistryUnreachable) as failure:
        return decision, RegistryWord(has_signed=has_signed, silence=nearby.in_words(failure, parts.registry.account))


async def _gap(parts: Parts, reference: Reference) -> nearby.Gap:
    """What the registry lacks, and what it has that may have been meant."""
    with suppress(RegistryUnreachable):
        return await _in_time(nearby.gap(parts.registry, reference))
    return nearby.Gap(str(reference))


async def _in_time(asked: Awaitable[_Answer]) -> _Answer:
    """An answer of the registry. Raises `RegistryUnreachable` where there is none in time."""
    try:
        async with asyncio.timeout(DECISION_SECONDS):
            return await asked
    except TimeoutError:
        raise RegistryUnreachable("no answer in time") from None


async def _served_root(parts: Parts, known: Known, silence: Refusal | None) -> bytes | None:
    """The root that Notary serves, where it is the root that does not hold."""
    if not isinstance(silence, RootNotTrusted | RootRotationBroken) or not known.entry or not known.gun:
        return None
    reply = await parts.resolver.renewal.notaries[known.entry.notary](known.gun, Fetch(ROOT, ROOT_BYTES))
    return reply.data if isinstance(reply, Fetched) else None


async def _indexes(parts: Parts, decision: Decision) -> tuple[Digest, ...]:
    """The indexes at hand that name the digest that was asked for."""
    target = decision.reference.target
    if not isinstance(target, Digest):
        return ()
    with suppress(Refusal):
        return await parts.resolver.store.indexes_naming(target)
    return ()
