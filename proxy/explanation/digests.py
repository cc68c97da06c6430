"""What admits a digest: tags, an index, an exception; and which tags there are instead."""

from collections.abc import Iterator

from proxy.errors import CannotDecide, RegistryUnreachable
from proxy.explanation.known import Known
from proxy.explanation.story import OfDigest, TagOfDigest
from proxy.explanation.words import asks_for, sentence
from proxy.names import Digest, Tag
from proxy.policy.decisions import Allowed, Unenforced
from proxy.policy.evaluation import signed_tags
from proxy.policy.holders import Hold, Holder, holders
from proxy.policy.tally import weakest_rule


def of_digest(known: Known) -> OfDigest | None:
    """What there is to say of a digest; None for a tag."""
    digest, entry, evidence = known.reference.target, known.entry, known.evidence
    if not isinstance(digest, Digest):
        return None
    rule, signed_by = weakest_rule(entry) if entry and not _unsigned(known) else ("", None)
    found = with_digest(known, digest)
    tags: frozenset[Tag] = frozenset()
    if entry and evidence:
        past, blocked = evidence.past, known.policy.blocked
        tags = signed_tags(entry, evidence.collection, known.now, past=past, blocked=blocked)
    return OfDigest(
        how=_how(known, digest, found),
        tags=tuple(TagOfDigest(each.tag, each.hold, each.until, _why(each, known)) for each in found),
        indexes=tuple(_named(known)),
        weakest_rule=rule,
        weakest_asks=asks_for(signed_by, entry) if signed_by else "",
        signed_tags=tuple(sorted(tags)),
    )


def _how(known: Known, digest: Digest, found: tuple[Holder, ...]) -> str:
    """What admits it, in a few words; why nothing does is the refusal's to say."""
    refusal = known.decision.refusal
    if reason := known.policy.blocked.digests.get(digest):
        return f"it is blocked: {reason}"
    if why := _unsigned(known):
        return f"it is let out without a signature ({why})"
    if isinstance(refusal, CannotDecide | RegistryUnreachable):
        return "it cannot be told what admits it"
    if refusal:
        is_admitted = known.registry.has_signed is not None
        return "it is admitted, and refused for what the registry has of it" if is_admitted else "nothing admits it"
    for hold, words in ((Hold.HAS, "tag {} has it now"), (Hold.HAD, "tag {} had it until lately")):
        for each in found:
            if each.hold is hold:
                return words.format(each.tag)
    return "no tag names it: a signed index, or one that a signed index names, has it among its children"


def _unsigned(known: Known) -> str:
    """What lets it out although nobody need have signed it; empty where nothing does."""
    match known.decision.permission:
        case Allowed(enforced=False, rule=rule):
            return rule
        case Unenforced(reason=reason) if known.decision.refusal is None:
            return reason
        case _:
            return ""


def with_digest(known: Known, digest: Digest) -> tuple[Holder, ...]:
    """The tags that have to do with a digest; none where there is no evidence."""
    if known.entry is None or known.evidence is None:
        return ()
    found, blocked = known.evidence, known.policy.blocked
    return holders(known.entry, digest, found.collection, known.now, past=found.past, blocked=blocked)


def _named(known: Known) -> Iterator[str]:
    """The indexes that name it, each with the tags that have that index."""
    for index in known.indexes:
        tags = [each.tag for each in with_digest(known, index) if each.hold in (Hold.HAS, Hold.HAD)]
        yield f"{index} ({', '.join(tags)})" if tags else str(index)


def _why(holder: Holder, known: Known) -> str:
    return sentence(holder.refusal, known, holder.tag) if holder.refusal else ""
