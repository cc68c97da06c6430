"""Where Notary does not go on from what the trust store remembers of it, so that the proxy refuses what it serves."""

from typing import Final

from proxy.doctor.findings import Level, Name
from proxy.doctor.looking import PIN, SHOW, Grouped, Look
from proxy.errors import Rollback, RootNotTrusted, RootRotationBroken, TrustStoreUnavailable
from proxy.store.failures import is_damage

_RUNBOOK: Final = "docs/runbooks.md, TagwardenRollbackSeen"
_FORGET: Final = "forget each with tagwarden trust forget"
_SERVER: Final = (
    f"ask whoever runs Notary ({_RUNBOOK}); only if it was restored on purpose, {_FORGET}; first see: {SHOW}"
)
_EXPORT: Final = (
    f"bring an export that is not older ({_RUNBOOK}); if there is none any more, {_FORGET}; first see: {SHOW}"
)
_GONE: Final = f"ask whoever runs Notary ({_RUNBOOK}); only if it is to begin anew, {_FORGET}; first see: {SHOW}"
_ANEW: Final = (
    f"if that was meant, {_FORGET} (docs/trust-store.md, Forgetting); first compare the root with its holder: {PIN}"
)
_UNREAD: Final = "see what is said of the trust store"


def tell(grouped: Grouped, look: Look) -> bool:
    """Note why the proxy does not take what is served beside what is remembered; False where that is not the reason."""
    match look.contradiction:
        case Rollback(role, why):
            name, what = Name.ROLLBACK, f"{role} went back"
            remedy = _EXPORT if look.entry.is_carried else _SERVER
        case RootRotationBroken(why):
            name, remedy = Name.ROOT_REMEMBERED, _ANEW
            what = "the root that Notary serves does not follow from the one that is remembered"
        case RootNotTrusted(why):
            name, what, remedy = Name.ROOT_REMEMBERED, "the root that is remembered is not one that `roots` pins", _ANEW
        case TrustStoreUnavailable(why) as unavailable:
            name = Name.STORE_DAMAGED if is_damage(unavailable) else Name.STORE
            what, remedy = "what is remembered of it cannot be read", _UNREAD
        case _:
            return False
    grouped.note(look.repository, name, look.graver, what, remedy, detail=why, so=_so(look))
    return True


def tell_gone(grouped: Grouped, look: Look, where: str) -> None:
    """Note that Notary has nothing any more of what is remembered; `where` is under which GUN."""
    what = f"Notary {look.entry.notary} has nothing any more under {where}, which the trust store remembers"
    grouped.note(look.repository, Name.TRUST_DATA_MISSING, look.graver, what, _GONE, so=_so(look))


def _so(look: Look) -> str:
    return "so pulls are refused" if look.graver is Level.FAILED else "so pulls would be refused under enforce"
