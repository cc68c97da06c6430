"""The registry's side: what it has there now, and whether that is what was signed."""

from typing import Final

from proxy.explanation.known import Known
from proxy.explanation.story import RegistrySide
from proxy.names import Digest
from proxy.policy.decisions import Allowed
from proxy.policy.tally import Tally
from proxy.policy.verdicts import Verdict

_TOLD: Final = {
    "same": "has {named} there, which is the signed digest",
    "drifted": "has {named} there, which is not the signed digest; clients get the signed one, which it has too",
    "signed-missing": "does not have {signed}: whoever has the image must push it again",
    "absent": "has nothing there",
    "present": "has {named} there",
    "unknown": "does not tell what it has there: {why}",
}


def side(known: Known, taken: Tally | None) -> RegistrySide:
    """What the registry said, held against what is signed."""
    word, signed = known.registry, _signed(known, taken)
    if word.has_signed is False:
        state = "signed-missing"
    elif word.silence:
        state = "unknown"
    elif word.named is None:
        state = "absent"
    elif signed is None:
        state = "present"
    else:
        state = "same" if word.named == signed else "drifted"
    told = (
        str(word.gap)
        if state == "absent" and word.gap
        else _TOLD[state].format(named=word.named, signed=signed, why=word.silence)
    )
    return RegistrySide(state, word.named or "", told)


def _signed(known: Known, taken: Tally | None) -> Digest | None:
    """The digest that the registry should have there; None where no signature was asked for."""
    permission, target = known.decision.permission, known.reference.target
    if isinstance(permission, Allowed):
        return permission.digest if permission.enforced else None
    if isinstance(target, Digest):
        return None if known.registry.has_signed is None else target
    return taken.outcome.target.digest if taken and isinstance(taken.outcome, Verdict) else None
