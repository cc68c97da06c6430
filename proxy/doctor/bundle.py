"""A directory in the place of a Notary: whether it can be read, and how long what it holds will do."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from proxy.clock import Clock
from proxy.config.settings import BundleSettings
from proxy.doctor.findings import Hop, Name
from proxy.errors import TrustError
from proxy.limits import DOCTOR_TIMESTAMPS, TIMESTAMP_BYTES
from proxy.names import TIMESTAMP, Gun
from proxy.notary.directory import DirectorySource, collections
from proxy.tuf.messages import Fetch, Fetched
from proxy.tuf.metadata import open_envelope, read_timestamp

_SOON: Final = timedelta(days=3)
_ANEW: Final = "bring an export that is newer (tagwarden trust export --from-notary), or see expiry_grace"


async def examine(hop: Hop, settings: BundleSettings, grace: timedelta | None, clock: Clock) -> bool:
    """Check one directory; whether trust data can be read from it.

    `grace` is the longest `expiry_grace` of the entries that read it; None where none does.
    """
    return await asyncio.to_thread(_examine, hop, settings, grace, clock.now())


def _examine(hop: Hop, settings: BundleSettings, grace: timedelta | None, now: datetime) -> bool:
    section, directory = f"notaries.{settings.name}.dir", settings.directory
    try:
        if next(directory.iterdir(), None) is None:
            hop.fail(Name.NOTARY_DIRECTORY, f"{directory} is empty", "mount what belongs there, or export into it")
            return False
        found = list(collections(directory))
    except OSError as error:
        why = (error.strerror or "it cannot be read").lower()
        hop.fail(Name.NOTARY_DIRECTORY, f"{directory}: {why}", f"let this user read it, or mend {section}")
        return False
    if not found:
        what = f"{directory} holds no trust data"
        hop.fail(Name.NOTARY_DIRECTORY, what, "export into it: tagwarden trust export --directory DIR")
        return False
    hop.ok(Name.NOTARY_DIRECTORY, f"holds trust data of {len(found)} collection{'s' if len(found) > 1 else ''}")
    _check_timestamps(hop, settings, found, grace, now)
    return True


def _check_timestamps(
    hop: Hop, settings: BundleSettings, found: list[Gun], grace: timedelta | None, now: datetime
) -> None:
    """Nobody signs these anew when they run out, as a Notary does."""
    ends = dict(islice(_ends(settings, found), DOCTOR_TIMESTAMPS))
    first = min(ends, key=ends.__getitem__, default=None)
    if first is None:
        return
    over, when = f"the timestamp of {first} ran out on {_minute(ends[first])}", _minute(ends[first])
    if grace is not None and now - ends[first] > grace:
        hop.fail(Name.NOTARY_DIRECTORY, f"{over}, so what rests on it is refused as expired", _ANEW)
    elif ends[first] < now:
        still = f", and counts by expiry_grace until {_minute(ends[first] + grace)}" if grace else ""
        hop.warn(Name.NOTARY_DIRECTORY, f"{over}{still}", _ANEW)
    elif ends[first] < now + _SOON:
        hop.warn(Name.NOTARY_DIRECTORY, f"the timestamp of {first} runs out on {when}", _ANEW)
    else:
        hop.ok(Name.NOTARY_DIRECTORY, f"no timestamp in it runs out before {when}")


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def _ends(settings: BundleSettings, found: list[Gun]) -> Iterator[tuple[Gun, datetime]]:
    """When timestamps run out, as far as they can be read; nobody has verified them here."""
    source = DirectorySource(settings)
    for gun in found:
        reply = source.read(gun, Fetch(TIMESTAMP, TIMESTAMP_BYTES))
        try:
            if isinstance(reply, Fetched):
                yield gun, read_timestamp(open_envelope(TIMESTAMP, reply.data).signed).expires
        except TrustError:
            continue
