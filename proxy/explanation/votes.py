"""The votes on a tag: who has one, who has none and why, and whether they are enough."""

from typing import Final

from proxy.explanation.alike import remarks
from proxy.explanation.known import Known
from proxy.explanation.story import Voter, Votes
from proxy.explanation.words import defect
from proxy.names import Tag
from proxy.policy.signers import Released
from proxy.policy.tally import Standing, Tally, Voice, tally
from proxy.policy.verdicts import Verdict

_WHY: Final = {
    Standing.COUNTS: "",
    Standing.UNRELEASED: "its vote does not count: {release}",
    Standing.SAME_KEY: "its vote does not count: the key behind it has voted under another name",
    Standing.NOT_ASKED: "its vote is not asked for: a signer before it in the list decides",
    Standing.UNDECLARED: "{role} is not delegated in this collection",
    Standing.UNPUBLISHED: "{role} is delegated, and never published anything",
    Standing.UNUSABLE: "{role} {defect}",
    Standing.SILENT: "{role} does not name this tag",
    Standing.UNCOVERED: "{role} names this tag, and its paths do not cover it",
    Standing.KEY_RUN_OUT: "{role} is signed by a key that is past its `until`: {signed}",
    Standing.KEY_BLOCKED: "the key in your key files is blocked: {listed}",
    Standing.KEY_UNUSED: "{role} is signed by {signed}, and not by the delegated key in your key files: {listed}",
    Standing.KEY_FOREIGN: "Notary delegates {delegated} to {role}, and your key files have {listed}",
}
_COMPARED: Final = (Standing.KEY_FOREIGN, Standing.KEY_UNUSED)


def count(known: Known) -> Tally | None:
    """The tally of the tag that was asked for; None for a digest, or where there is no evidence."""
    target = known.reference.target
    return count_tag(known, target) if isinstance(target, Tag) else None


def count_tag(known: Known, tag: Tag) -> Tally | None:
    """The tally of any tag of the repository; None where there is no evidence."""
    if known.evidence is None or known.entry is None:
        return None
    found, blocked = known.evidence, known.policy.blocked
    return tally(known.entry, tag, found.collection, known.now, past=found.past, blocked=blocked)


def tell(taken: Tally) -> Votes:
    """A tally in words."""
    release = _release(taken)
    return Votes(
        needed=taken.needed,
        found=taken.most,
        enough=taken.under_way or (taken.agreed is not None and isinstance(taken.outcome, Verdict)),
        under_way=taken.under_way,
        voters=tuple(_voter(voice, release) for voice in taken.voices),
        release=taken.release.role,
        released=taken.release.target.digest if taken.release.target else "",
        binding=taken.release.is_binding or isinstance(taken.signed_by, Released),
        release_why=release,
        until=taken.outcome.valid_until if isinstance(taken.outcome, Verdict) else None,
    )


def _release(taken: Tally) -> str:
    """What the releasing role says of the tag."""
    role, found = taken.release.role, taken.release.target
    if taken.release.defect:
        return f"{role} {defect(taken.release.defect)}"
    if found:
        return f"{role} names {found.digest}"
    return f"{role} does not name this tag"


def _voter(voice: Voice, release: str) -> Voter:
    listed = None if voice.signer.keys is None else tuple(sorted(key.public_key_id for key in voice.signer.keys))
    facts = {
        "role": str(voice.signer.role),
        "release": release,
        "defect": defect(voice.defect) if voice.defect else "",
        "signed": _shown(voice.keys),
        "delegated": _shown(voice.delegated),
        "listed": _shown(listed or ()),
    }
    why = _WHY[voice.standing].format_map(facts)
    if voice.standing in _COMPARED:
        why = "; ".join((why, *dict.fromkeys(remarks(listed or (), (*voice.delegated, *voice.keys)))))
    return Voter(
        signer=voice.signer.name,
        role=voice.signer.role,
        standing=voice.standing,
        counts=voice.standing is Standing.COUNTS,
        digest=voice.target.digest if voice.target else "",
        why=why,
        keys=tuple(sorted(voice.keys)),
        delegated=tuple(sorted(voice.delegated)),
        listed=listed,
        until=voice.until,
    )


def _shown(ids: frozenset[str] | tuple[str, ...]) -> str:
    return ", ".join(sorted(ids)) or "no key"
