"""Load: wrk for many requests at a time, one patient client for what a single one waits."""

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from deploy.stack.programs import program
from deploy.stack.registry import MANIFEST_TYPES
from loadtest.bench.processes import LOAD_CORE, cpu_seconds, memory, on_load_core

# What docker sends, in length too.
HEADERS: Final[Mapping[str, str]] = {
    "User-Agent": "docker/20.10.24+dfsg1 go/go1.19.8 git-commit/5d6db84 kernel/6.1.0-18-amd64 os/linux arch/amd64",
    "Accept": ", ".join(MANIFEST_TYPES),
}

_TELL: Final = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('{"requests":%d,"us":%d,"bytes":%d,"errors":%d,"p50":%d,"p99":%d,"p999":%d}',
    summary.requests, summary.duration, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
"""


@dataclass(frozen=True)
class Side:
    """A server under load: where it is asked, its processes, and what clients send besides `HEADERS`."""

    url: str
    pids: tuple[int, ...]
    headers: Mapping[str, str]
    ca_file: Path | None = None


@dataclass(frozen=True)
class Sample:
    """One round: requests and gigabytes a second, CPU in microseconds a request and in seconds a gigabyte, waits in us.

    `memory` is what the server's processes had at the end, in bytes.
    """

    per_second: float
    gb_per_second: float
    cpu_us: float
    cpu_per_gb: float
    p50: float
    p99: float
    p999: float
    memory: int


class Spoilt(RuntimeError):
    """What was measured is not what should have been; the text says why."""


def wrk(directory: Path, side: Side, path: str, connections: int, seconds: int) -> Sample:
    """Ask for one thing as often as it goes, over connections that are kept. Raises `Spoilt`."""
    script = directory / "tell.lua"
    script.write_text(_TELL)
    sent = [part for name, value in {**HEADERS, **side.headers}.items() for part in ("-H", f"{name}: {value}")]
    command = [program("taskset"), "-c", str(LOAD_CORE), program("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s"]
    command += ["--timeout", "30s", "-s", str(script), *sent, f"{side.url}{path}"]
    before = cpu_seconds(side.pids)
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    cpu = cpu_seconds(side.pids) - before
    told = json.loads(printed[printed.index('{"requests"') :])
    if told["errors"] or not told["bytes"]:
        raise Spoilt(f"{side.url}{path}: {told}")
    return Sample(
        per_second=1e6 * told["requests"] / told["us"],
        gb_per_second=told["bytes"] / told["us"] / 1000,
        cpu_us=1e6 * cpu / max(1, told["requests"]),  # none ended where they are large and the time is short
        cpu_per_gb=1e9 * cpu / told["bytes"],
        p50=told["p50"],
        p99=told["p99"],
        p999=told["p999"],
        memory=memory(side.pids),
    )


def pairs(side: Side, path: str, per_second: float, seconds: float) -> list[float]:
    """Microseconds that HEAD and GET of one thing take together, at a steady pace, on one connection."""
    asked = [request(side, path, method) for method in ("HEAD", "GET")]
    waits = []
    with on_load_core(), connected(side) as line:
        began = time.perf_counter()
        for number in range(int(per_second * seconds)):
            time.sleep(max(0.0, began + number / per_second - time.perf_counter()))
            at = time.perf_counter()
            for each in asked:
                line.sendall(each)
                read(line, has_body=each.startswith(b"GET"))
            waits.append(1e6 * (time.perf_counter() - at))
    return waits


def percentile(waits: Sequence[float], share: float) -> float:
    """The wait that this share of all did not exceed."""
    return sorted(waits)[min(len(waits) - 1, int(share * len(waits)))]


def request(side: Side, path: str, method: str = "GET") -> bytes:
    """What a client sends, as docker words it."""
    headers = {"Host": urlsplit(side.url).netloc, **HEADERS, **side.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode()


@contextmanager
def connected(
    side: Side, context: ssl.SSLContext | None = None, session: ssl.SSLSession | None = None
) -> Iterator[socket.socket]:
    """A connection, over TLS where the side has a `ca_file` or a context is given; it waits for at most ten seconds."""
    place = urlsplit(side.url)
    if context is None and side.ca_file is not None:
        context = ssl.create_default_context(cafile=str(side.ca_file))
    with socket.create_connection((place.hostname or "", place.port or 80), timeout=10) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is None:
            yield plain
            return
        with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as dressed:
            yield dressed


def read(line: socket.socket, *, has_body: bool) -> int:
    """Read one answer; answers how long its body is. Raises `Spoilt` unless it is a 200 that is whole."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(line)
    head, _, body = data.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise Spoilt(head.decode())
    lines = (each.partition(b":") for each in head.lower().split(b"\r\n"))
    length = int(next(value for name, _, value in lines if name == b"content-length")) if has_body else 0
    while len(body) < length:
        body += _some(line)
    return length


def _some(line: socket.socket) -> bytes:
    data = line.recv(65536)
    if not data:
        raise Spoilt("the server hung up")
    return data
