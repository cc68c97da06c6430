"""What it costs to tell of a warm pull, in microseconds: its line, its audit line, its numbers.

A warm pull is decided in a few hundred microseconds, and this is a part of every one of them. Nothing is asserted: the
figures are for people, and for whoever makes the usual path faster.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import prometheus_client
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from proxy.errors import TagNotSigned
from proxy.names import Digest, Gun, Reference, Repository, Tag
from proxy.policy.decisions import Decision, RoleEvidence, allow
from proxy.policy.entries import Mode
from proxy.policy.patterns import RepositoryPattern
from proxy.telemetry import configure, meters, metrics, shared
from proxy.web.exchange import ADMISSIONS, EXCHANGE, LISTENER, Exchange, record
from tests.support.resolving import entry

ROUNDS: Final = 20_000
NOW: Final = datetime.now(UTC)
LATER: Final = NOW + timedelta(days=30)
DIGEST: Final = Digest(f"sha256:{'a' * 64}")
REFERENCE: Final = Reference(Repository("shop/api"), Tag("1.0"))
ENTRY: Final = entry(pattern=RepositoryPattern("shop/**"))
ALLOWED: Final = Decision(
    reference=REFERENCE,
    mode=Mode.ENFORCE,
    rule="shop/**",
    gun=Gun("registry.example.com/shop/api"),
    notary="corp",
    permission=allow(DIGEST, 1573, ("ci", "alice"), ENTRY, "shop/**", LATER),
    roles={name: RoleEvidence(7, LATER) for name in ("root", "timestamp", "snapshot", "targets", "targets/releases")},
    checked_at=NOW,
)
REFUSED: Final = Decision(REFERENCE, Mode.ENFORCE, refusal=TagNotSigned("1.0", unreleased=False), checked_at=NOW)


def main() -> int:
    """Measure, and print one line for each part."""
    with tempfile.TemporaryDirectory() as directory, Path("/dev/null").open("w") as nowhere:
        configure("json", stream=nowhere)
        report("nothing is counted, one line", line(ALLOWED))
        with alone():
            report("one process counts", line(ALLOWED))
            report("  of that, the numbers alone", numbers)
        with together():
            report("several processes count", line(ALLOWED))
            report("  of that, the numbers alone", numbers)
        report("a refusal, in the log alone", line(REFUSED))
        configure("json", stream=nowhere, audit_file=Path(directory, "audit.jsonl"))
        report("a refusal, in the audit file too", line(REFUSED))
        report("an allowed pull, with an audit file", line(ALLOWED))
        configure()
    return 0


def line(decision: Decision) -> Callable[[], None]:
    """The end of one request."""
    app = web.Application()
    app[LISTENER] = "listen"
    app[ADMISSIONS] = None
    agent = (
        "docker/29.1.2 go/go1.25.5 git-commit/de45c2a kernel/6.12.57 os/linux arch/amd64 UpstreamClient(Docker-Client)"
    )
    request = make_mocked_request("GET", f"/v2/{REFERENCE.repository}/manifests/1.0", {"User-Agent": agent}, app=app)

    def tell() -> None:
        request[EXCHANGE] = Exchange(reference=REFERENCE, decision=decision, authorised=True)
        record(request, 200, _now)

    return tell


def _now() -> datetime:
    return NOW


def numbers() -> None:
    """All that a warm pull counts."""
    with metrics.REQUESTS_IN_FLIGHT:
        metrics.DECISION_SECONDS.observe(0.0003, "fresh")
        metrics.DECISIONS.inc("shop/**", "enforce", "allowed", "none")


@contextmanager
def alone() -> Iterator[None]:
    """Count as one process does."""
    meters.begin(prometheus_client.CollectorRegistry())
    yield
    meters.end()


@contextmanager
def together() -> Iterator[None]:
    """Count as a worker does."""
    with shared.directory():
        shared.begin("1")
        yield
        meters.end()


def report(what: str, work: Callable[[], None]) -> None:
    """Print how long one round takes: the best of five, because whatever else the machine does only adds to it."""
    best = min(_seconds(work) for _ in range(5))
    sys.stdout.write(f"{what:<40}{best / ROUNDS * 1e6:8.1f} us\n")


def _seconds(work: Callable[[], None]) -> float:
    begun = time.process_time()
    for _ in range(ROUNDS):
        work()
    return time.process_time() - begun


if __name__ == "__main__":
    sys.exit(main())
