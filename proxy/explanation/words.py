"""Rules, spans of time and foreign text, in words."""

from datetime import datetime, timedelta
from typing import Final

from proxy.errors import Blocked, Expired, MetadataCorrupt, Refusal, Rollback, ThresholdNotMet
from proxy.explanation.known import Known
from proxy.names import Reference, Tag
from proxy.policy.entries import Entry
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy, Signer
from proxy.refusals import present

SHORT: Final = 12  # hex digits of a key id that people are shown

_UNITS: Final = (("year", 365 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
_ENOUGH: Final = 2  # from so many on, a unit is fine enough


def asks_for(signed_by: SignedBy, entry: Entry | None = None) -> str:
    """What a rule asks for, whole; `entry` says how it is held with releases."""
    words = _signers(signed_by)
    if entry is None or isinstance(signed_by, Released):
        return words
    if not entry.released_required:
        return f"{words}; what targets/releases names is ignored"
    return f"{words}, for the digest that targets/releases names where that is declared"


def _signers(signed_by: SignedBy) -> str:
    match signed_by:
        case Released():
            return "whatever targets/releases names, or targets where that is not declared (released)"
        case AnyOf(signers) | AllOf(signers) if len(signers) == 1:
            return f"the signature of {signers[0].name}"
        case AnyOf(signers):
            return f"the signature of any one of {_names(signers)}"
        case FirstOf(signers):
            return f"the signature of the first of {_names(signers)} who signed it"
        case AllOf(signers):
            return f"the signatures of all of {_names(signers)}"
        case AtLeast(needed, signers):
            return f"the signatures of at least {needed} of {_names(signers)}"


def _names(signers: tuple[Signer, ...]) -> str:
    return ", ".join(signer.name for signer in signers)


def span(length: timedelta) -> str:
    """A length of time in one unit: `13 days`, `2 hours`; less than a second is `0 seconds`."""
    seconds = int(abs(length.total_seconds()))
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= _ENOUGH * size), ("second", 1))
    count = seconds // size
    return f"{count} {unit}{'' if count == 1 else 's'}"


def when(instant: datetime, now: datetime) -> str:
    """An instant and how far it is: `2027-03-31 08:00 UTC (in 128 days)`; less than a second is `now`."""
    if abs(instant - now) < timedelta(seconds=1):
        return f"{instant:%Y-%m-%d %H:%M} UTC (now)"
    far = f"in {span(instant - now)}" if instant >= now else f"{span(now - instant)} ago"
    return f"{instant:%Y-%m-%d %H:%M} UTC ({far})"


def short(identifier: str) -> str:
    """The beginning of a key id, where it only tells keys apart; what people compare is shown whole."""
    return identifier[:SHORT]


def sentence(refusal: Refusal, known: Known, tag: Tag | None = None) -> str:
    """The refusal as clients hear it who ask for what was asked for, or for another tag of the repository."""
    repository = known.reference.repository
    reference = Reference(repository, tag) if tag else known.reference
    return present(refusal, reference=str(reference), **known.policy.whereabouts(repository, known.name)).message


def defect(error: Refusal) -> str:
    """What is wrong with a role, in a few words after its name."""
    match error:
        case Expired(_, expires):
            return f"expired at {expires:%Y-%m-%d %H:%M} UTC"
        case ThresholdNotMet(_, valid, threshold):
            return f"has {valid} of {threshold} valid signatures"
        case Blocked(subject, reason):
            return f"is signed by a blocked key: {subject} ({reason})"
        case Rollback(_, what):
            return f"went back: {what}"
        case MetadataCorrupt(_, what):
            return f"is corrupt: {what}"
        case _:
            return f"does not hold: {error}"
