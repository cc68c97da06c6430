"""Memory of a running process, as the kernel counts it (proc(5))."""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Final

_SAMPLE_SECONDS: Final = 0.05
_RESET_PEAK: Final = "5"


@dataclass
class Memory:
    """Resident bytes of a process: at the start, at each sample, and at most, also between samples."""

    start: int
    samples: list[int]
    peak: int = 0

    @property
    def median(self) -> int:
        """Bytes below which half of the samples are."""
        return int(statistics.median([self.start, *self.samples]))

    @property
    def growth(self) -> int:
        """Bytes by which the highest point was over the start."""
        return self.peak - self.start


@contextmanager
def memory_of(pid: int) -> Iterator[Memory]:
    """Watch a process for as long as the block lasts; `peak` is known when it has ended."""
    process = Path(f"/proc/{pid}")
    (process / "clear_refs").write_text(_RESET_PEAK)
    memory, over = Memory(_resident(process, "VmRSS"), []), Event()

    def sample() -> None:
        while not over.wait(_SAMPLE_SECONDS):
            memory.samples.append(_resident(process, "VmRSS"))

    sampler = Thread(target=sample, name="memory", daemon=True)
    sampler.start()
    try:
        yield memory
    finally:
        over.set()
        sampler.join()
        memory.peak = max(_resident(process, "VmHWM"), *memory.samples, memory.start)  # the kernel's own lags a little


def resident(pid: int | str = "self") -> int:
    """Return how many bytes of a process are in memory now."""
    return _resident(Path(f"/proc/{pid}"), "VmRSS")


def bytes_read(pid: int) -> int:
    """Return how many bytes a process has read so far, from files and sockets alike."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("rchar:")))


def _resident(process: Path, field: str) -> int:
    lines = (process / "status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{field}:"))) << 10
