"""What to run next, by what the refusal is: complete commands, and what they are for."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from proxy.errors import (
    Blocked,
    CannotDecide,
    ContentMismatch,
    DigestNotSigned,
    Expired,
    ManifestAmbiguous,
    ManifestMissing,
    MetadataCorrupt,
    NoRule,
    NoTrustData,
    Refusal,
    RegistryUnreachable,
    Rollback,
    RootNotTrusted,
    RootRotationBroken,
    SignedLengthWrong,
    SignerMissing,
    SignersDisagree,
    TagNotSigned,
    ThresholdNotMet,
    TrustStoreUnavailable,
)
from proxy.explanation import roots
from proxy.explanation.commands import Commands, typed
from proxy.explanation.digests import with_digest
from proxy.explanation.known import Known
from proxy.explanation.story import Step
from proxy.names import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Digest
from proxy.policy.evaluation import signed_tags
from proxy.policy.holders import Hold
from proxy.policy.signers import Released
from proxy.policy.tally import Standing, Tally
from proxy.registry.nearby import Gap
from proxy.store.failures import is_damage

_Steps: TypeAlias = Iterator[Step]

_PULLS: Final = 3  # signed tags that are offered instead
_WITH_VOTE: Final = (Standing.COUNTS, Standing.NOT_ASKED)
_ALIGN: Final = "first make `signers.{name}.keys` and the keys that Notary delegates to {name} the same"
_RENEW: Final = "first give {name} a new key, in Notary and in `signers.{name}.keys`"
_RUNBOOK: Final = "docs/runbooks.md, TagwardenRollbackSeen"
_GONE: Final = "has nothing any more of what the trust store remembers"
_BEFORE: Final = "the root that was seen before, and when"
_FORGETTING: Final = "docs/trust-store.md, Forgetting"
_MEND_KEYS: Final = {
    Standing.KEY_FOREIGN: _ALIGN,
    Standing.KEY_UNUSED: _ALIGN,
    Standing.KEY_RUN_OUT: f"{_RENEW}: the old one has run out",
    Standing.KEY_BLOCKED: f"{_RENEW}: the old one is blocked",
    Standing.SAME_KEY: "first give {name} a key of its own, in Notary and in `signers`: each key has one vote",
}


def after(known: Known, taken: Tally | None) -> tuple[Step, ...]:
    """What to do, the most useful first; nothing where nothing is refused."""
    refusal = known.decision.refusal
    if refusal is None:
        return ()
    run = Commands(known)
    usual = next((steps for kinds, steps in _BY_KIND if isinstance(refusal, kinds)), _ask_doctor)
    found = tuple(usual(known, taken, run))
    return found if known.registry.gap is None else tuple(_with_a_gap(refusal, known.registry.gap, run, found))


def _with_a_gap(refusal: Refusal, gap: Gap, run: Commands, found: Iterable[Step]) -> _Steps:
    """The same where the registry has nothing there: what is not there cannot be signed."""
    steps = tuple(found)
    signing = [step for step in steps if run.is_of_signers(step.words)]
    if isinstance(refusal, NoRule | NoTrustData | TagNotSigned):
        for name in gap.instead:
            yield Step(run.own("explain", run.instead(name)), "if that is what was meant")
    if signing:
        yield Step((), f"push {gap.missing} first: what is signed is the digest that the registry has of it")
    yield from (step for step in steps if step not in signing)


def _add_entry(_known: Known, _taken: Tally | None, run: Commands) -> _Steps:
    yield Step((), "add an entry to the configuration, such as the one above, and say who must sign")
    yield Step(run.own("config", "check", run.reference), "then see which entry applies")


def _sign(known: Known, taken: Tally | None, run: Commands) -> _Steps:
    yield from _first_mend(known, taken, run)
    roles, wanted = _missing(known, taken)
    for role in roles:
        purpose = f"what the holder of {role} runs to sign it"
        yield Step(run.sign(role), purpose, enough=wanted if wanted < len(roles) else 0)
    yield Step(run.own("inspect", run.repository), "which tags are signed, and by whom")


def _sign_first(known: Known, taken: Tally | None, run: Commands) -> _Steps:
    """Only what was never signed is to be signed: not what is gone, nor what was not brought along."""
    if known.remembered:
        yield from _ask_where_it_went(known, run)
    elif _is_carried(known):
        yield from _bring(known, run)
    else:
        yield from _sign(known, taken, run)
        yield _other_gun(known)


def _ask_where_it_went(known: Known, run: Commands) -> _Steps:
    """Signing would begin it anew in a Notary that somebody has emptied, or taken over."""
    yield _show(known, run, "what was there before, and when it was seen")
    if _is_carried(known):
        yield Step((), f"the directory {_GONE}: bring an export that has it")
    else:
        yield Step((), f"Notary {_GONE}: sign nothing before it is clear why")
        ask = "ask whoever runs Notary whether it was deleted or restored; until then take it for an attack"
        yield Step((), f"{ask}: {_RUNBOOK}")
    yield _forget(known, run, "only if it is to begin anew")


def _bring(known: Known, run: Commands) -> _Steps:
    yield Step((), f"nobody signs in a directory: bring an export that has {known.gun} from where Notary is")
    yield Step((), "only if Notary has nothing of it either, have it signed there first")
    yield from _ask_doctor_of_it(known, run, "whether the directory has it under another name")
    yield _other_gun(known)
    yield Step(run.own("verify", run.reference), "then see whether it is served")


def _ask_doctor_of_it(known: Known, run: Commands, purpose: str) -> _Steps:
    """The doctor knows repositories under the configured name alone."""
    if known.name is None:
        yield Step(run.own("doctor", run.repository), purpose)


def _other_gun(known: Known) -> Step:
    place = known.entry.place if known.entry else ""
    where = f" at {place}" if place else ""
    return Step((), f"if it is signed under another name than {known.gun}: set `gun` in its entry{where}")


def _is_carried(known: Known) -> bool:
    return known.entry is not None and known.entry.is_carried


def _show(known: Known, run: Commands, purpose: str) -> Step:
    return Step(run.own("trust", "show", _collection(known, run)), purpose)


def _forget(known: Known, run: Commands, condition: str) -> Step:
    """Stands last, and is no command: nobody shall paste it by accident."""
    return Step((), f"{condition}: {typed(run.own('trust', 'forget', _collection(known, run), '--reason', 'TEXT'))}")


def _collection(known: Known, run: Commands) -> str:
    return str(known.gun or run.repository)


def _first_mend(known: Known, taken: Tally | None, run: Commands) -> _Steps:
    """Signing again helps nobody whose key is not the one that policy and Notary agree on, or who may not speak."""
    for voice in taken.voices if taken else ():
        if voice.standing is Standing.UNCOVERED:
            words = run.notary("delegation add", voice.signer.role, f"--paths={known.reference.target}", "--publish")
            yield Step(
                words, f"what the owner of the collection runs first, so that {voice.signer.role} covers the tag"
            )
        if voice.standing in _MEND_KEYS:
            yield Step((), _MEND_KEYS[voice.standing].format(name=voice.signer.name))


def _missing(known: Known, taken: Tally | None) -> tuple[tuple[str, ...], int]:
    """The roles that have yet to sign, and how many of them it takes."""
    entry = known.entry
    if taken is None:
        if entry is None or isinstance(known.reference.target, Digest):
            return (), 0
        signed_by = entry.rule_for(known.reference.target)[1]
        if isinstance(signed_by, Released):
            return (TARGETS,), 1
        needed = 1 if not hasattr(signed_by, "needed") else signed_by.needed
        return tuple(signer.role for signer in signed_by.signers), needed
    if isinstance(known.decision.refusal, SignerMissing):
        refusal = known.decision.refusal
        return tuple(f"{TARGETS}/{name}" for name in refusal.missing), refusal.wanted
    lacking = tuple(voice.signer.role for voice in taken.voices if voice.standing not in _WITH_VOTE)
    return (lacking, taken.needed - taken.most) if lacking else ((taken.release.role,), 1)


def _agree(_known: Known, taken: Tally | None, run: Commands) -> _Steps:
    voices = [voice for voice in taken.voices if voice.target] if taken else []
    for voice in voices:
        said = voice.target.digest if voice.target else ""
        yield Step(run.sign(voice.signer.role), f"{voice.signer.name} signed {said}", enough=1)
    yield Step(run.own("inspect", run.repository), "which tags are signed, and by whom")


def _pull_signed(known: Known, _taken: Tally | None, run: Commands) -> _Steps:
    target = known.reference.target
    for each in with_digest(known, target) if isinstance(target, Digest) else ():
        words = "why this tag lost it" if each.hold is Hold.LOST else "why this tag does not have it"
        yield Step(run.own("explain", f"{run.repository}:{each.tag}"), words)
    yield Step(run.own("inspect", run.repository), "which digests are signed, and by whom")
    if known.evidence and known.entry:
        tags = signed_tags(
            known.entry,
            known.evidence.collection,
            known.now,
            past=known.evidence.past,
            blocked=known.policy.blocked,
        )
        for tag in sorted(tags)[-_PULLS:]:
            yield Step(
                ("docker", "pull", f"{known.registry_name}/{known.reference.repository}:{tag}"), "signed", enough=1
            )


def _go_round_blocked(known: Known, taken: Tally | None, run: Commands) -> _Steps:
    target = known.reference.target
    if known.policy.blocked.digests and (isinstance(target, Digest) or _is_of_digest(known)):
        yield Step(run.own("inspect", run.repository), "what else is signed: this digest stays blocked")
        return
    for voice in taken.voices if taken else ():
        if voice.standing in (Standing.UNUSABLE, Standing.KEY_BLOCKED):
            yield Step(run.sign(voice.signer.role), "sign it again with a key that is not blocked", enough=1)
    yield Step(run.own("doctor"), "which role the blocked key keeps from counting")


def _is_of_digest(known: Known) -> bool:
    return isinstance(known.decision.refusal, Blocked) and known.decision.refusal.subject.startswith("digest ")


def _publish_again(known: Known, _taken: Tally | None, run: Commands) -> _Steps:
    """Who can sign a role anew; the notary client itself stops at an expired role of the top (measured, 0.7.0)."""
    role = getattr(known.decision.refusal, "role", "")
    if role in (TIMESTAMP, SNAPSHOT) and _is_carried(known):
        yield Step((), f"nobody signs {role} anew in a directory: bring a newer export from where Notary is")
        yield Step(run.own("doctor"), "how long what is there will do")
    elif role in (TIMESTAMP, SNAPSHOT):
        why = f"Notary's server signs {role} anew when it is asked, and did not"
        yield Step((), f"{why}: it lacks the key or a valid root, ask its operator")
        yield Step(run.own("doctor"), "whether Notary answers, and what with")
    elif role in (ROOT, TARGETS):
        why = f"the notary client publishes nothing while {role} does not hold"
        yield Step((), f"{why}: whoever has its keys signs it with another tool, or makes the collection anew")
    else:
        yield Step(run.notary("witness", role, "--publish"), f"what a holder of a key of {role} runs to sign it anew")
    yield Step(run.own("verify", run.reference), "then see whether it is served")


def _pin(known: Known, run: Commands) -> Step:
    pattern = known.entry.pattern if known.entry else ""
    purpose = f"the root that Notary serves, to be compared with its holder before it goes into `roots` of {pattern}"
    return Step(run.own("pin", run.repository), purpose)


def _compare(known: Known, run: Commands) -> Step:
    """The same where that root is pinned already; with `roots: tofu` none is, and what comes next would be believed."""
    if known.entry is None or known.entry.pins.is_tofu:
        return _pin(known, run)
    return Step(run.own("pin", run.repository), "the root that Notary serves now, to be compared with its holder")


def _mend_roots(known: Known, taken: Tally | None, run: Commands) -> _Steps:
    """Pinning mends nothing where the served root is pinned, or has a certificate that no pin would let count."""
    entry, gun, served = known.entry, known.gun, roots.read(known.served_root or b"")
    if served is None or entry is None or gun is None:
        yield _pin(known, run)
    elif known.remembered and roots.is_pinned(served, gun, entry.pins, known.now):
        yield from _ask_about_root(known, taken, run)
    elif roots.could_be_pinned(served, gun, known.now):
        yield _pin(known, run)
        if known.remembered:
            yield _show(known, run, _BEFORE)
    else:
        yield Step((), f"pinning its key does not mend that: its certificate has to be for {gun}, and to hold now")
        yield from _ask_doctor_of_it(known, run, "what is wrong with that certificate, and how to mend it")
        yield Step(run.own("verify", run.reference), "then see whether it is served")


def _ask_about_root(known: Known, _taken: Tally | None, run: Commands) -> _Steps:
    """The root that is served may well be pinned: the one that is remembered does not lead to it."""
    yield _show(known, run, _BEFORE)
    yield _compare(known, run)
    if _is_carried(known) and isinstance(known.decision.refusal, RootRotationBroken):
        why = "if it was rotated more than once since, bring an export that has the roots between"
        yield Step((), f"{why}: tagwarden trust export --from-notary")
    if _lacks_a_pin(known):
        yield Step((), "if it was rotated, pin the old root as well until the new one is remembered")
    ask = "ask the holder of the root key whether the collection was made anew; until then take it for an attack"
    yield Step((), f"{ask}: {_FORGETTING}")
    yield _forget(known, run, "only if it was made anew on purpose")


def _lacks_a_pin(known: Known) -> bool:
    """Whether it is its pin alone that the remembered root lacks."""
    before = roots.read(known.remembered.stored.files.get(ROOT, b"")) if known.remembered else None
    if before is None or known.entry is None or known.gun is None:
        return False
    counts = roots.is_pinned(before, known.gun, known.entry.pins, known.now)
    return not counts and roots.could_be_pinned(before, known.gun, known.now)


def _push(known: Known, _taken: Tally | None, run: Commands) -> _Steps:
    if isinstance(known.reference.target, Digest):
        yield Step((), "whoever has the image pushes it again, under a new tag")
    else:
        image = f"{known.registry_name}/{known.reference}"
        yield Step((), f"whoever has the image that was signed pushes it to {image} again")
    yield Step(run.own("verify", run.reference), "then see whether it is served")


def _sign_length(known: Known, _taken: Tally | None, run: Commands) -> _Steps:
    refusal = known.decision.refusal
    for name in refusal.signers if isinstance(refusal, SignedLengthWrong) else ():
        yield Step(run.sign(f"{TARGETS}/{name}"), f"{name} signed it with a wrong length")


def _ask_about_rollback(known: Known, _taken: Tally | None, run: Commands) -> _Steps:
    """What is remembered counts until somebody who runs Notary says that it shall not: forgetting stands last."""
    yield _show(known, run, "what was seen before, and when")
    yield Step(run.own("inspect", run.repository), "what Notary serves now")
    if _is_carried(known):
        yield Step((), f"bring an export that is not older: {_RUNBOOK}")
    else:
        yield Step((), f"ask whoever runs Notary whether it was restored; until then take it for an attack: {_RUNBOOK}")
    yield _forget(known, run, "only if that was meant, and nothing newer can be brought back")


def _mend_store(known: Known, _taken: Tally | None, run: Commands) -> _Steps:
    refusal = known.decision.refusal
    yield Step(run.own("doctor"), "what is wrong with the trust store, and how to mend it")
    if isinstance(refusal, TrustStoreUnavailable) and is_damage(refusal):
        yield Step(run.own("trust", "list"), "which collections are damaged")


def _ask_doctor(known: Known, _taken: Tally | None, run: Commands) -> _Steps:
    if known.entry and known.entry.pins.is_tofu and known.remembered is None and not known.store_silence:
        yield _pin(known, run)
    yield Step(run.own("doctor"), "which of the hops to registry, Notary and trust store does not work, and why")


_BY_KIND: Final[tuple[tuple[tuple[type[Refusal], ...], Callable[[Known, Tally | None, Commands], _Steps]], ...]] = (
    ((NoRule,), _add_entry),
    ((NoTrustData,), _sign_first),
    ((TagNotSigned, SignerMissing), _sign),
    ((SignersDisagree,), _agree),
    ((DigestNotSigned,), _pull_signed),
    ((Blocked,), _go_round_blocked),
    ((Expired, ThresholdNotMet), _publish_again),
    ((RootNotTrusted,), _mend_roots),
    ((RootRotationBroken,), _ask_about_root),
    ((ManifestMissing, ManifestAmbiguous), _push),
    ((SignedLengthWrong,), _sign_length),
    ((Rollback,), _ask_about_rollback),
    ((TrustStoreUnavailable,), _mend_store),
    ((MetadataCorrupt, ContentMismatch, RegistryUnreachable, CannotDecide), _ask_doctor),
)
