"""What decides, as the doors see it, and how it is asked: whatever comes back is a decision, and doubt is a refusal."""

import time
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Protocol

import structlog

from proxy.errors import Internal, Refusal
from proxy.names import Digest, Reference, Repository, Tag
from proxy.policy.decisions import Decision, Unenforced
from proxy.policy.entries import Mode
from proxy.refusals import TABLE
from proxy.registry.headers import ClientCredentials
from proxy.telemetry.metrics import DECISION_SECONDS

log = structlog.get_logger()


class Resolver(Protocol):
    """Decides about references, blobs and tags; `name` is an allowed `?ns=`, None for the proxy's own name."""

    def relaxed(self, repository: Repository) -> Unenforced | None:
        """The permission that `rollout` gives a whole repository now (audit, disabled); None under the others."""

    def check_blocked(self, repository: Repository, digest: Digest) -> None:
        """Raise `Blocked` where `blocked` names a digest and the repository's mode makes that binding."""

    def lists_signed_tags(self, repository: Repository) -> bool:
        """Whether the list of tags shows signed ones only (`tags_list: signed`)."""

    def whereabouts(self, repository: Repository, *, name: str | None = None) -> Mapping[str, str]:
        """`gun`, `notary` and `owner` of a repository, for sentences about it; empty without an entry."""

    async def resolve(
        self, reference: Reference, credentials: ClientCredentials, *, name: str | None = None
    ) -> Decision:
        """Decide about a manifest; a refusal is part of the decision. `credentials` are for walks of indexes."""

    async def resolve_blob(
        self, repository: Repository, digest: Digest, credentials: ClientCredentials, *, name: str | None = None
    ) -> Decision:
        """Decide whether an admitted manifest names a blob; a refusal is part of the decision."""

    async def signed_tags(self, repository: Repository, *, name: str | None = None) -> frozenset[Tag]:
        """The tags that have a digest now. Raises a `Refusal`."""


async def decide(reference: Reference, mode: Mode, question: Awaitable[Decision]) -> Decision:
    """Wait for a decision; whatever is raised instead becomes a refusal, and an audit hears of it in the log alone.

    Args:
        reference: what is asked for.
        mode: for a decision that has to be made here.
        question: what `Resolver.resolve` or `Resolver.resolve_blob` returned.
    """
    begun = time.monotonic()
    decision = await _decided(reference, mode, question)
    DECISION_SECONDS.observe(time.monotonic() - begun, source_of(decision))
    return decision


def source_of(decision: Decision) -> str:
    """Where its evidence came from, in a word: see `DECISION_SECONDS`."""
    if decision.stale is not None:
        return "stale"
    if decision.waited:
        return "checked"
    return "none" if decision.checked_at is None else "fresh"


async def _decided(reference: Reference, mode: Mode, question: Awaitable[Decision]) -> Decision:
    try:
        decision = await question
    except Refusal as refusal:
        decision = Decision(reference, mode, refusal=refusal)
    except Exception:
        log.exception("resolver failed", reference=str(reference))
        return Decision(reference, mode, refusal=Internal())
    if decision.refusal is not None and type(decision.refusal) not in TABLE:
        log.error("refusal without words", reference=str(reference), refusal=type(decision.refusal).__name__)
        return replace(decision, refusal=Internal(), permission=None)
    return decision
