"""What Notary serves for repositories, where that is nothing, broken, or about to run out."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from proxy.clock import Clock
from proxy.config.settings import Settings
from proxy.doctor import rollbacks
from proxy.doctor.clocks import in_words
from proxy.doctor.findings import Hop, Level, Name
from proxy.doctor.looking import SHOW, Grouped, Look
from proxy.errors import Expired, NameInvalid, NoTrustData, Refusal, RootNotTrusted, ThresholdNotMet
from proxy.limits import CLOCK_BEHIND_SECONDS, DOCTOR_SOON_DAYS, TIMESTAMP_BYTES, TIMESTAMP_LIFE_SECONDS
from proxy.names import TIMESTAMP, Gun
from proxy.refusals import present
from proxy.renewal import Fetcher
from proxy.tuf.collection import Collection, Unusable
from proxy.tuf.messages import Fetch, Fetched

_RENEW: Final = "bring newer trust data from Notary before that is over"
_PUBLISH: Final = "have it published anew by who holds its key, in time: notary publish"
_BRING: Final = (
    "bring an export that has it, or say in rollout how long it may go unsigned; "
    "only if Notary has nothing of it either, have it signed there first"
)
_BRING_BACK: Final = (
    "bring an export that has it (docs/air-gap.md); "
    f"only if it is to begin anew, forget each with tagwarden trust forget; first see: {SHOW}"
)


async def examine(
    hop: Hop, looks: Sequence[Look], settings: Settings, notaries: Mapping[str, Fetcher], clock: Clock
) -> None:
    """Judge what was read, and what could not be read."""
    grouped = Grouped()
    for each in looks:
        is_told = rollbacks.tell(grouped, each)
        if each.collection is not None:
            if not is_told:
                _judge(grouped, each, settings)
            _check_expiry(grouped, each, each.collection, clock.now())
        elif isinstance(each.refusal, NoTrustData):
            await _missing(grouped, each, settings, notaries[each.entry.notary])
        else:
            _broken(grouped, each, each.refusal, settings)
    _check_timestamps(hop, [each.collection for each in looks if each.collection], clock.now())
    grouped.into(hop)


def _judge(grouped: Grouped, look: Look, settings: Settings) -> None:
    """What holds together may still be refused: for a key that is blocked, or beside what is remembered."""
    refusal = look.contradiction or look.untrusted
    if refusal is None:
        what = "trust data holds together" + (", and follows what is remembered" if look.remembered else "")
        grouped.note(look.repository, Name.TRUST_DATA, Level.OK, what)
    elif _is_of_pins(look, refusal):
        grouped.note(look.repository, Name.TRUST_DATA, Level.OK, "trust data holds together")
    else:
        _broken(grouped, look, refusal, settings)


def _check_expiry(grouped: Grouped, look: Look, collection: Collection, now: datetime) -> None:
    """The timestamp is left out: Notary signs it anew by itself, after it ran out (dialect 1.6)."""
    for role, expires in _ends(collection):
        if now <= expires < now + timedelta(days=DOCTOR_SOON_DAYS):
            what = f"{role} expires on {expires:%Y-%m-%d}"
            grouped.note(look.repository, Name.ROLE_EXPIRY, Level.WARNING, what, _PUBLISH)
    for top in (collection.timestamp, collection.snapshot):
        if top.expires < now:
            what = f"{top.name} expired on {top.expires:%Y-%m-%d}, and counts by expiry_grace alone"
            grouped.note(look.repository, Name.ROLE_EXPIRY, Level.WARNING, what, _RENEW)
    for each in collection.roles.values():
        if isinstance(each, Unusable) and isinstance(each.error, Expired):
            what = f"{each.name} expired on {each.error.expires:%Y-%m-%d}, and counts for nothing"
            grouped.note(look.repository, Name.ROLE_EXPIRY, Level.WARNING, what, _PUBLISH)


def _ends(collection: Collection) -> Iterator[tuple[str, datetime]]:
    yield collection.root.name, collection.root.expires
    yield collection.snapshot.name, collection.snapshot.expires
    for role in collection.usable():
        yield role.name, role.expires


def _check_timestamps(hop: Hop, collections: Sequence[Collection], now: datetime) -> None:
    """None can be valid for longer than Notary signs them: if one seems to be, our clock is behind."""
    if not collections:
        return
    last = max(each.timestamp.expires for each in collections)
    ahead = (last - now).total_seconds() - TIMESTAMP_LIFE_SECONDS
    if ahead > CLOCK_BEHIND_SECONDS:
        sentence = f"a timestamp was signed {in_words(ahead)} from now by our clock"
        hop.fail(Name.TIMESTAMP_CLOCK, sentence, "set the clock of this machine, or that of Notary, right")
    else:
        hop.ok(Name.TIMESTAMP_CLOCK, "no timestamp is from the future")


async def _missing(grouped: Grouped, look: Look, settings: Settings, fetch: Fetcher) -> None:
    """Nothing under this GUN: perhaps it is signed under the registry's own name (the address people push to)."""
    where = str(look.gun).replace(look.repository, "...")
    carried = f"the directory of Notary {look.entry.notary} has nothing"
    if look.remembered and look.entry.is_carried:
        what = f"{carried} any more under {where}, which the trust store remembers"
        grouped.note(look.repository, Name.TRUST_DATA_MISSING, look.graver, what, _BRING_BACK)
        return
    if look.remembered:
        rollbacks.tell_gone(grouped, look, where)
        return
    for other in _other_guns(look, settings):
        if isinstance(await fetch(other, Fetch(TIMESTAMP, TIMESTAMP_BYTES)), Fetched):
            what = f"Notary has nothing under {where}, but has it under {str(other).replace(look.repository, '...')}"
            remedy = "write the host that people sign under as name, or give its entry that gun"
            grouped.note(look.repository, Name.GUN_WRONG, look.graver, what, remedy)
            return
    what = f"nothing was ever signed (Notary {look.entry.notary} has nothing under {where})"
    remedy = "have it signed, or say in rollout how long it may go unsigned"
    if look.entry.is_carried:
        what, remedy = f"{carried} under {where}", _BRING
    grouped.note(look.repository, Name.TRUST_DATA_MISSING, Level.WARNING, what, remedy)


def _other_guns(look: Look, settings: Settings) -> Iterator[Gun]:
    url = settings.registry.url
    hosts = (f"{url.host_subcomponent}:{url.port}", f"{url.host_subcomponent}", settings.name)
    for text in dict.fromkeys([*(f"{host}/{look.repository}" for host in hosts), str(look.repository)]):
        try:
            gun = Gun(text)
        except NameInvalid:
            continue
        if gun != look.gun:
            yield gun


def _broken(grouped: Grouped, look: Look, refusal: Refusal | None, settings: Settings) -> None:
    if isinstance(refusal, Expired) and refusal.role == TIMESTAMP:
        what = f"its timestamp ran out on {refusal.expires:%Y-%m-%d %H:%M} UTC by our clock"
        remedy = "set our clock right if it is ahead; else bring a newer export"
        if not look.entry.is_carried:
            what = f"{what}, and Notary still serves it"
            remedy = "set our clock right if it is ahead; else see Notary's log, it cannot sign anew"
        grouped.note(look.repository, Name.TIMESTAMP_CLOCK, look.graver, what, remedy)
        return
    if refusal is None or _is_of_pins(look, refusal):
        return
    where = settings.policy.whereabouts(look.repository)
    told = present(
        refusal, reference=look.repository, **{key: where.get(key, "") for key in ("gun", "notary", "carried")}
    )
    message = told.message.removesuffix(f" [{told.code}]").removeprefix(look.repository).lstrip(": ")
    what, _, remedy = message.rpartition(": ")
    name = Name.ROLE_EXPIRY if isinstance(refusal, Expired) else Name.TRUST_DATA
    grouped.note(look.repository, name, look.graver, what, remedy)


def _is_of_pins(look: Look, refusal: Refusal) -> bool:
    """Whether that is said where roots are held against pins."""
    of_root = isinstance(refusal, RootNotTrusted | ThresholdNotMet) and bool(look.root_keys)
    return of_root and refusal is not look.contradiction
