"""The trust store, seen as the proxy would see it at its start; nothing is created, upgraded or written."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Final

from proxy.clock import Clock
from proxy.config.settings import IN_MEMORY, TrustStoreSettings
from proxy.doctor.clocks import in_words
from proxy.doctor.findings import Hop, Name
from proxy.errors import TrustStoreUnavailable, UserError
from proxy.limits import CLOCK_BEHIND_SECONDS, CLOCK_OFF_SECONDS, DOCTOR_SPACE_BYTES
from proxy.store.failures import DAMAGED, FOREIGN
from proxy.store.opening import open_reader

_SCHEME: Final = "sqlite:///"
_OWNER: Final = "give it to the proxy's user, and run doctor as that user"

# What `proxy.store.opening` says, and how the finding is called then.
_BY_WORDS: Final = (
    (DAMAGED.why, Name.STORE_DAMAGED),
    ("its file is empty", Name.STORE_DAMAGED),
    (FOREIGN.why, Name.STORE_FOREIGN),
    ("newer version", Name.STORE_SCHEMA),
    ("keeps it locked", Name.STORE_HELD),
    ("cannot be opened", Name.STORE_WRITABLE),
)


async def examine(hop: Hop, settings: TrustStoreSettings, clock: Clock) -> None:
    """Check file, directory and disk, and then what is in the file."""
    if settings.url == IN_MEMORY:
        hop.ok(Name.STORE, "is in memory, and forgets with the proxy's end")
        return
    path = await asyncio.to_thread(_examine_file, hop, settings)
    if path is not None:
        await _read(hop, settings, path, clock)


def _examine_file(hop: Hop, settings: TrustStoreSettings) -> Path | None:
    """Check directory, disk and file; the path where there is something to read."""
    path = Path(settings.url.removeprefix(_SCHEME)).resolve()
    if not path.parent.is_dir():
        hop.fail(Name.STORE_DIRECTORY, f"the directory {path.parent} does not exist", "create it, for the proxy's user")
        hop.unknown(Name.STORE, f"{path}, which cannot be there")
        return None
    if not os.access(path.parent, os.W_OK | os.X_OK):
        hop.fail(Name.STORE_DIRECTORY, f"the directory {path.parent} is not writable for this user", _OWNER)
    _check_space(hop, path.parent)
    if not path.exists():
        _judge_missing(hop, path, must_exist=settings.must_exist)
        return None
    if not os.access(path, os.R_OK | os.W_OK):
        hop.fail(Name.STORE_WRITABLE, f"{path} is not readable and writable for this user", _OWNER)
        hop.unknown(Name.STORE, f"what is in {path}")
        return None
    return path


def _check_space(hop: Hop, directory: Path) -> None:
    free = shutil.disk_usage(directory).free
    if free < DOCTOR_SPACE_BYTES:
        hop.warn(Name.STORE_SPACE, f"the disk of {directory} has {free >> 20} MiB free", "make room on it")
    else:
        hop.ok(Name.STORE_SPACE, f"its disk has {free >> 30 or 1} GiB free")


def _judge_missing(hop: Hop, path: Path, *, must_exist: bool) -> None:
    if must_exist:
        remedy = "restore it, or set `must_exist: false` to start without memory"
        hop.fail(Name.STORE_MISSING, f"{path} does not exist, and `must_exist` is set", remedy)
    else:
        sentence = f"{path} does not exist yet: nothing is remembered"
        hop.warn(Name.STORE_MISSING, sentence, "start the proxy, which creates it; if it was there before, restore it")


async def _read(hop: Hop, settings: TrustStoreSettings, path: Path, clock: Clock) -> None:
    holders = await asyncio.to_thread(_held_by, path)
    try:
        reader = await open_reader(settings)
    except UserError as error:
        _judge(hop, str(error), holders)
        return
    if reader is None:
        hop.unknown(Name.STORE, f"{path}, which vanished meanwhile")
        return
    try:
        last = await reader.last_check()
    except TrustStoreUnavailable as refusal:
        hop.fail(Name.STORE, f"{path} cannot be read: {refusal.why}", "check file and disk, or restore it")
        return
    finally:
        await reader.close()
    hop.ok(Name.STORE, f"{path} can be read" + (f", and is open in {holders}" if holders else ""))
    if last is None:
        return
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
