"""`python -m loadtest.big`: ten gigabytes through the proxy, up and down, in a memory that does not grow.

Bodies are made and checked piece by piece, so nothing but the registry ever holds one. Then the other side stands
still for a while, once the reader and once the registry: whoever sends must be held back, not collected from.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from certs.authority import Authority
from deploy.stack.proxy import Proxy, proxy
from deploy.stack.registry import Registry, registry
from loadtest.big_bodies import HELD_SECONDS, MIB, Download, Moved, Upload, pieces
from loadtest.big_memory import Memory, bytes_read, memory_of

GROWTH_BYTES: Final = 16 * MIB
"""How much the proxy's memory may grow while a body goes through, however long that is."""

HELD_BYTES: Final = 48 * MIB
"""How much may be on the way when nobody takes anything: buffers of the kernel, on four sockets, and of the proxy."""

SMALL: Final = 256
"""Mebibytes of a body that is no less telling: sixteen times what memory may grow."""

REPOSITORY: Final = "big/body"
_WARM: Final = 64
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Stage:
    """A proxy over a registry that keeps its content on disk, both warm."""

    proxy: Proxy
    registry: Registry


@dataclass(frozen=True)
class Measured:
    """One body that went through, what memory the proxy took meanwhile, and how much was sent to who stood still."""

    moved: Moved
    memory: Memory
    held_at: int | None = None

    @property
    def flat(self) -> bool:
        """Whether memory did not grow, and nothing was collected from a sender."""
        return self.memory.growth <= GROWTH_BYTES and (self.held_at is None or self.held_at <= HELD_BYTES)


@contextmanager
def stage(directory: Path, authority: Authority | None = None) -> Iterator[Stage]:
    """Run both for as long as the block lasts; with an authority, clients come over https."""
    certificate = authority.pair("proxy") if authority else None
    ca_file = authority.certificate_file if authority else None
    with registry(directory / "registry", on_disk=True) as source:
        settings = {
            "name": source.host,
            "registry": {"url": source.url},
            "notaries": {"corp": {"url": "https://localhost:1", "roots": ["owner"]}},  # blobs ask no Notary
            "roots": {"owner": {"public_key_ids": ["0" * 64]}},
            "repositories": {"**": {"signed_by": "released"}},
        }
        with proxy(directory / "proxy", settings, certificate=certificate, ca_file=ca_file) as running:
            prepared = Stage(running, source)
            download(prepared, upload(prepared, _WARM).moved.digest)
            yield prepared


def upload(on: Stage, mebibytes: int) -> Measured:
    """Upload a body."""
    with memory_of(on.proxy.daemon.pid) as memory, Upload(on.proxy, REPOSITORY) as opened:
        for piece in pieces(mebibytes):
            opened.send(piece)
        moved = opened.finish()
    return Measured(moved, memory)


def download(on: Stage, digest: str) -> Measured:
    """Download a body."""
    with memory_of(on.proxy.daemon.pid) as memory, Download(on.proxy, REPOSITORY, digest) as opened:
        moved = opened.finish()
    return Measured(moved, memory)


def upload_to_a_standstill(on: Stage, mebibytes: int) -> Measured:
    """Upload a body to a registry that takes nothing until nothing more fits on the way."""
    held_at: int | None = None

    def wake() -> None:
        nonlocal held_at
        held_at = opened.size
        on.registry.daemon.resume()

    with memory_of(on.proxy.daemon.pid) as memory, Upload(on.proxy, REPOSITORY) as opened:
        on.registry.daemon.hang()
        for piece in pieces(mebibytes):
            opened.send(piece, wake)
        on.registry.daemon.resume()
        moved = opened.finish()
    return Measured(moved, memory, held_at)


def download_with_a_pause(on: Stage, digest: str) -> Measured:
    """Download a body, and stop reading after its beginning until the registry reads no more of it."""
    before = bytes_read(on.registry.daemon.pid)
    with memory_of(on.proxy.daemon.pid) as memory, Download(on.proxy, REPOSITORY, digest) as opened:
        opened.read()
        held_at = _settled(lambda: bytes_read(on.registry.daemon.pid)) - before
        moved = opened.finish()
    return Measured(moved, memory, held_at)


def _settled(look: Callable[[], int]) -> int:
    """Look until nothing has changed for a while."""
    seen, since = look(), time.monotonic()
    while time.monotonic() - since < HELD_SECONDS:
        time.sleep(_POLL_SECONDS)
        now = look()
        if now != seen:
            seen, since = now, time.monotonic()
    return seen


def main() -> None:
    """Measure and say so; exit 1 where memory grew, 2 where there is no room."""
    parser = argparse.ArgumentParser(description="bodies of any size through the proxy, in a memory that does not grow")
    parser.add_argument("--mib", type=int, default=10 << 10, help="size of the body (default: %(default)s)")
    parser.add_argument("--https", action="store_true", help="serve clients over TLS")
    arguments = parser.parse_args()
    mebibytes: int = arguments.mib
    with tempfile.TemporaryDirectory(prefix="tagwarden-") as name:
        free = shutil.disk_usage(name).free // MIB
        if free < mebibytes + _WARM + 2 * SMALL:
            sys.exit(_no_room(mebibytes, free, Path(name).parent))
        authority = Authority.open(Path(name) / "certs") if arguments.https else None
        with stage(Path(name), authority) as prepared:
            grown = [each for each in _measure(prepared, mebibytes) if not each.flat]
    sys.exit(1 if grown else 0)


def _no_room(mebibytes: int, free: int, place: Path) -> int:
    print(f"{mebibytes} MiB do not fit into {place}, which has {free} MiB left: set TMPDIR to a roomier directory")
    return 2


def _measure(on: Stage, mebibytes: int) -> Iterator[Measured]:
    up = upload(on, mebibytes)
    yield _said("upload", up)
    yield _said("download", download(on, up.moved.digest))
    held = upload_to_a_standstill(on, SMALL)
    yield _said("upload to a registry that stands still for a while", held)
    yield _said("download by a reader who stands still for a while", download_with_a_pause(on, held.moved.digest))


def _said(what: str, measured: Measured) -> Measured:
    moved, memory = measured.moved, measured.memory
    held = "" if measured.held_at is None else f", held back after {measured.held_at / MIB:.1f} MiB"
    print(f"{what}: {moved.size // MIB} MiB in {moved.seconds:.1f} s ({moved.rate:.0f} MiB/s){held}")
    before, meanwhile, most = (each / MIB for each in (memory.start, memory.median, memory.peak))
    print(f"    memory of the proxy: {before:.1f} MiB before, {meanwhile:.1f} MiB meanwhile, {most:.1f} MiB at most")
    if not measured.flat:
        print(f"    TOO MUCH: {GROWTH_BYTES // MIB} MiB of growth are allowed, and {HELD_BYTES // MIB} MiB held back")
    return measured


if __name__ == "__main__":
    main()
