"""Makes a story of what is known; pure, so that a screen and a page tell the same."""

from proxy.errors import Refusal
from proxy.explanation import applied, chain, digests, registry, steps, verdict, votes
from proxy.explanation.known import Known
from proxy.explanation.story import Freshness, Story
from proxy.explanation.words import sentence
from proxy.names import Tag
from proxy.policy.holders import Hold


def tell(known: Known) -> Story:
    """The whole story of one decision."""
    taken = votes.count(known)
    told = digests.of_digest(known)
    having = next((each.tag for each in told.tags if each.hold == Hold.HAS), None) if told else None
    return Story(
        reference=str(known.reference),
        name=known.registry_name,
        now=known.now,
        conclusion=verdict.conclude(known),
        applied=applied.apply(known),
        chain=chain.follow(known, votes.count_tag(known, Tag(having)) if having else taken),
        votes=votes.tell(taken) if taken else None,
        of_digest=told,
        freshness=_freshness(known),
        registry=registry.side(known, taken),
        steps=steps.after(known, taken),
    )


def _freshness(known: Known) -> Freshness:
    found, entry = known.evidence, known.entry
    outdated = found if found and found.is_outage else None
    return Freshness(
        answered=found is not None and outdated is None,
        checked_at=found.checked_at if found else None,
        stale=max(0, int((known.now - outdated.checked_at).total_seconds())) if outdated else None,
        serves_until=outdated.checked_at + entry.outage_for if outdated and entry else None,
        why=_silence(known.silence, known) if known.silence else "",
        store_read=known.has_store and not known.store_silence,
        store_why=known.store_silence,
        remembered_at=known.remembered.checked_at if known.remembered else None,
    )


def _silence(refusal: Refusal, known: Known) -> str:
    """Why there is no evidence, unless the verdict says it already."""
    return "" if refusal is known.decision.refusal else sentence(refusal, known)
