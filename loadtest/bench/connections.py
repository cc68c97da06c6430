"""What a new connection costs the server: plain, over TLS with all signatures, and resumed by a ticket."""

import ssl
import time
from collections.abc import Callable, Iterator
from typing import Final

from loadtest.bench.load import Side, Spoilt, connected, read, request
from loadtest.bench.processes import cpu_seconds, on_load_core
from loadtest.bench.rounds import Effort, in_turns
from loadtest.bench.stage import MANIFEST, Stage
from loadtest.bench.table import Found, Row

_VERSIONS: Final = {"1.3": ssl.TLSVersion.TLSv1_3, "1.2": ssl.TLSVersion.TLSv1_2}
_AIM: Final = 1.6
_AGAINST: Final = "nginx TLS, same certificate"


def connections(there: Stage, effort: Effort) -> Iterator[Found]:
    """Connect, ask once, hang up: one after the other. What counts is the server's own time."""
    name = "plain connection"
    plain = {"ours": there.ours, "nginx": there.nginx}
    found = in_turns(effort, name, {each: _plainly(side, effort.seconds) for each, side in plain.items()})
    against = "nginx proxy_cache hit"
    yield Row(f"{name}, one GET", against, "CPU us", found["ours"], found["nginx"], None, None, is_more=False)
    for version, resumed in (("1.3", False), ("1.3", True), ("1.2", True)):
        name = f"TLS {version} connection, {'resumed' if resumed else 'full'}"
        sides = {"ours": there.ours_tls, "nginx": there.nginx_tls}
        measured = {each: _by_tls(side, version, effort.seconds, resumed=resumed) for each, side in sides.items()}
        found = in_turns(effort, name, measured)
        aim = None if resumed else _AIM
        yield Row(f"{name}, one GET", _AGAINST, "CPU us", found["ours"], found["nginx"], aim, None, is_more=False)


def _plainly(side: Side, seconds: float) -> Callable[[], float]:
    asked = request(side, MANIFEST)

    def once() -> None:
        with connected(side) as line:
            line.sendall(asked)
            read(line, has_body=True)

    return lambda: _each(side, seconds, once)


def _by_tls(side: Side, version: str, seconds: float, *, resumed: bool) -> Callable[[], float]:
    """Measure it. What is returned raises `Spoilt` where a connection was resumed that should not, or was not."""
    context = ssl.create_default_context(cafile=str(side.ca_file))
    context.minimum_version = context.maximum_version = _VERSIONS[version]
    asked = request(side, MANIFEST)

    def measured() -> float:
        with on_load_core():
            session = _ask(side, context, asked, None) if resumed else None

        def once() -> None:
            nonlocal session
            later = _ask(side, context, asked, session)
            session = later if resumed else None

        return _each(side, seconds, once)

    return measured


def _each(side: Side, seconds: float, once: Callable[[], None]) -> float:
    """Do it again and again; microseconds of the server for each."""
    count = 0
    with on_load_core():
        before, end = cpu_seconds(side.pids), time.perf_counter() + seconds
        while time.perf_counter() < end:
            once()
            count += 1
    return 1e6 * (cpu_seconds(side.pids) - before) / count


def _ask(side: Side, context: ssl.SSLContext, asked: bytes, session: ssl.SSLSession | None) -> ssl.SSLSession | None:
    """One connection and one request on it; answers what resumes it, which TLS 1.3 has after the first bytes."""
    with connected(side, context, session) as line:
        if not isinstance(line, ssl.SSLSocket):
            raise TypeError(line)
        line.sendall(asked)
        read(line, has_body=True)
        if line.session_reused is not (session is not None):
            raise Spoilt(f"{side.url}: resumed is {line.session_reused}, with {session}")
        return line.session
