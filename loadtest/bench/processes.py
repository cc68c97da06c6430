"""Which core a process works on, and what CPU and memory it takes: as the kernel counts them (proc(5))."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from loadtest.big_memory import resident

SERVER_CORE: Final = 0
LOAD_CORE: Final = 1

_TICKS: Final = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> tuple[int, ...]:
    """A process and all that it started, and they."""
    found = [pid]
    for each in found:
        with suppress(OSError):
            children = Path(f"/proc/{each}/task/{each}/children").read_text()
            found += [int(child) for child in children.split()]
    return tuple(found)


def pin(pids: Iterable[int], core: int) -> None:
    """Have processes work on one core, with all their threads; on a machine of one core nothing is to be done."""
    if core not in os.sched_getaffinity(0):
        return
    for pid in pids:
        with suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {core})


@contextmanager
def on_load_core() -> Iterator[None]:
    """Have this thread work where no server does, for as long as the block lasts."""
    before = os.sched_getaffinity(0)
    if LOAD_CORE in before:
        os.sched_setaffinity(0, {LOAD_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU that processes have taken so far, user and system."""
    return sum(map(_of, pids))


def memory(pids: Iterable[int]) -> int:
    """Bytes that processes have in memory now, together; what they share counts for each of them.

    One that has ended meanwhile, as nginx's cache loader does after a minute, has none.
    """
    held = 0
    for pid in pids:
        with suppress(OSError, StopIteration):
            held += resident(pid)
    return held


def _of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS
