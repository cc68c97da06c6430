"""The trust store, seen as the proxy would see it at its start; nothing is created, upgraded or written."""

import asyncio
import os
from collections.abc import Container
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Final

from proxy.clock import Clock
from proxy.config.settings import IN_MEMORY, Address, TrustStoreSettings
from proxy.doctor.clocks import in_words
from proxy.doctor.findings import Hop, Name
from proxy.doctor.running import runs
from proxy.doctor.seals import check_seals
from proxy.errors import TrustStoreUnavailable, UserError
from proxy.limits import CLOCK_BEHIND_SECONDS, CLOCK_OFF_SECONDS, DOCTOR_FULL_BYTES, DOCTOR_SPACE_BYTES
from proxy.store.failures import DAMAGED, FOREIGN, is_damage
from proxy.store.opening import open_reader
from proxy.store.protocol import TrustReader
from proxy.store.sql import SqlTrustReader
from proxy.store.strangers import strangers

_SCHEME: Final = "sqlite:///"
_OWNER: Final = "give it to the proxy's user, and run doctor as that user"

# What `proxy.store.opening` says, and how the finding is called then.
_BY_WORDS: Final = (
    (DAMAGED.why, Name.STORE_DAMAGED),
    ("its file is empty", Name.STORE_DAMAGED),
    ("its database is damaged", Name.STORE_DAMAGED),
    ("its database is empty", Name.STORE_MISSING),
    ("its database has other tables", Name.STORE_FOREIGN),
    (FOREIGN.why, Name.STORE_FOREIGN),
    ("newer version", Name.STORE_SCHEMA),
    ("keeps it locked", Name.STORE_HELD),
    ("cannot be opened", Name.STORE_WRITABLE),
)


async def examine(
    hop: Hop,
    settings: TrustStoreSettings,
    notaries: Container[str],
    clock: Clock,
    opened: AsyncExitStack,
    probes: Address | None = None,
) -> TrustReader | None:
    """Check file, directory and disk, or the way to the server, and then what is in the store.

    Args:
        hop: takes the findings.
        settings: say where the store is.
        notaries: those of the configuration.
        clock: ours.
        opened: closes the store at its end.
        probes: where a proxy answers that runs by this configuration.

    Returns:
        The store, for whoever looks up something in it; None where it cannot be read.
    """
    if settings.url == IN_MEMORY:
        hop.ok(Name.STORE, "is in memory, and forgets with the proxy's end")
        return None
    if settings.is_server:
        reader = await _open(hop, settings, settings.url, "", opened)
        return reader if reader and await _read(hop, reader, settings.url, "", notaries, clock) else None
    path = await asyncio.to_thread(_examine_file, hop, settings)
    if path is None:
        return None
    if not path.exists():
        await _judge_missing(hop, path, settings, clock, probes)
        return None
    holders = await asyncio.to_thread(_held_by, path)
    reader = await _open(hop, settings, str(path), holders, opened)
    return reader if reader and await _read(hop, reader, str(path), holders, notaries, clock) else None


def _examine_file(hop: Hop, settings: TrustStoreSettings) -> Path | None:
    """Check directory, disk and file; the path where something can be read, or could be if it were there."""
    path = Path(settings.url.removeprefix(_SCHEME)).resolve()
    if not path.parent.is_dir():
        hop.fail(Name.STORE_DIRECTORY, f"the directory {path.parent} does not exist", "create it, for the proxy's user")
        hop.unknown(Name.STORE, f"{path}, which cannot be there")
        return None
    if not os.access(path.parent, os.W_OK | os.X_OK):
        hop.fail(Name.STORE_DIRECTORY, f"the directory {path.parent} is not writable for this user", _OWNER)
    _check_space(hop, path.parent)
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        hop.fail(Name.STORE_WRITABLE, f"{path} is not readable and writable for this user", _OWNER)
        hop.unknown(Name.STORE, f"what is in {path}")
        return None
    return path


def _check_space(hop: Hop, directory: Path) -> None:
    space = os.statvfs(directory)
    # the blocks that are kept back for root are free for nobody else
    free = space.f_frsize * (space.f_bfree if os.geteuid() == 0 else space.f_bavail)
    if free < DOCTOR_FULL_BYTES:
        sentence = (
            f"the disk of {directory} is full ({free >> 10} KiB free), so whatever has to be remembered is refused"
        )
        hop.fail(Name.STORE_SPACE, sentence, "make room on it")
    elif free < DOCTOR_SPACE_BYTES:
        hop.warn(Name.STORE_SPACE, f"the disk of {directory} has {free >> 20} MiB free", "make room on it")
    else:
        hop.ok(Name.STORE_SPACE, f"its disk has {free >> 30 or 1} GiB free")


async def _judge_missing(
    hop: Hop, path: Path, settings: TrustStoreSettings, clock: Clock, probes: Address | None
) -> None:
    """A proxy that runs had a file when it started, so this one was lost; a new one would have forgotten all."""
    if probes is not None and await runs(probes, clock):
        sentence = f"{path} does not exist, and a proxy runs (on {probes}), which had it when it started"
        hop.fail(Name.STORE_MISSING, sentence, "restore it before that proxy is started again, or it begins anew")
    elif settings.must_exist:
        remedy = "restore it, or run `tagwarden trust init` if there never was one"
        hop.fail(Name.STORE_MISSING, f"{path} does not exist, and `must_exist` is set", remedy)
    else:
        sentence = f"{path} does not exist: nothing is remembered"
        remedy = "if it was there before, restore it; else start the proxy, which creates it"
        hop.warn(Name.STORE_MISSING, sentence, remedy)


async def _open(
    hop: Hop, settings: TrustStoreSettings, name: str, holders: str, opened: AsyncExitStack
) -> SqlTrustReader | None:
    """Open the store that people know by `name`; `holders` says who else has it open."""
    try:
        reader = await open_reader(settings)
    except UserError as error:
        _judge(hop, str(error), holders)
        return None
    if reader is None:
        hop.unknown(Name.STORE, f"{name}, which vanished meanwhile")
        return None
    opened.push_async_callback(reader.close)
    return reader


async def _read(
    hop: Hop, reader: SqlTrustReader, name: str, holders: str, notaries: Container[str], clock: Clock
) -> bool:
    """Read what is in the store; whether that can be read."""
    try:
        last, strange = await reader.last_check(), await strangers(reader, notaries)
        seals = await check_seals(reader)
    except TrustStoreUnavailable as refusal:
        what = Name.STORE_DAMAGED if is_damage(refusal) else Name.STORE
        hop.fail(what, f"{name} cannot be read: {refusal.why}", "mend that, or restore it")
        return False
    hop.ok(Name.STORE, f"{name} can be read" + (f", and is open in {holders}" if holders else ""))
    seals.into(hop)
    for each in strange:
        hop.warn(Name.STORE_NOTARY, str(each), each.remedy)
    if last is not None:
        _check_clock(hop, last, clock)
    return True


def _check_clock(hop: Hop, last: datetime, clock: Clock) -> None:
    behind = (last - clock.now()).total_seconds()
    if behind > CLOCK_OFF_SECONDS:
        sentence = f"our clock is {in_words(behind)} behind its last check"
        note = hop.fail if behind > CLOCK_BEHIND_SECONDS else hop.warn
        note(Name.STORE_CLOCK, sentence, "set the clock right; a clock that was ahead before has to be waited for")
    else:
        hop.ok(Name.STORE_CLOCK, "our clock is not behind its last check")


def _judge(hop: Hop, error: str, holders: str) -> None:
    """Name what stands in the one sentence of the opening."""
    what, _, remedy = error.rpartition(": ")
    if "older version" in what:
        hop.warn(Name.STORE_SCHEMA, what, remedy)
        return
    name = next((name for words, name in _BY_WORDS if words in what), Name.STORE)
    held = f" (open in {holders})" if name is Name.STORE_HELD and holders else ""
    hop.fail(name, f"{what}{held}", remedy)


def _held_by(path: Path) -> str:
    """The other processes that have the file open, as far as this user may see them."""
    wanted, found = path.stat(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            same = any(_is(each, wanted) for each in (process / "fd").iterdir())
            if same and int(process.name) != os.getpid():
                found.append(f"process {process.name} ({(process / 'comm').read_text().strip()})")
        except OSError:
            continue
    return ", ".join(found)


def _is(link: Path, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(link.stat(), wanted)
    except OSError:
        return False
