"""`python -m loadtest.reload`: mixed traffic over TLS while the configuration and the certificate change every second.

Nobody may lose a request by that: pulls by tag and by digest, blobs, pushes, on connections that stay and on new ones.
"""

import argparse
import itertools
import json
import os
import secrets
import shutil
import signal
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from certs.authority import Authority, Certificate
from deploy.stack import keys, notary_client
from deploy.stack.images import Blob, Image, image, push
from deploy.stack.notary import notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy, proxy
from deploy.stack.registry import MANIFEST_TYPES, Registry, registry

ACCEPT: Final = {"Accept": ", ".join(MANIFEST_TYPES)}
REPOSITORY: Final = "shop/app"
_BLOB_BYTES: Final = 8 << 20
_EVERY_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.02
_PAUSE_SECONDS: Final = 0.02

Connect: TypeAlias = Callable[[], HTTPSConnection]
Errand: TypeAlias = Callable[[HTTPSConnection], None]


class Wrong(Exception):
    """An answer that is not the right one."""


@dataclass
class Traffic:
    """What became of all requests: how many of each kind were answered, and what went wrong with others."""

    answered: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many were answered."""
        return sum(self.answered.values())


@dataclass
class Measured:
    """What happened in so many seconds."""

    traffic: Traffic
    reloads: int
    shown: int
    seconds: float

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.traffic.answered.items()))
        lost = f"{len(self.traffic.lost)} lost"
        return f"{self.reloads} reloads, {self.shown} certificates shown in {self.seconds:.0f} s: {kinds}; {lost}"


@dataclass(frozen=True)
class Stage:
    """A proxy over TLS, whose files `shown` are replaced by the one and the other of `pairs`."""

    proxy: Proxy
    authority: Authority
    pairs: tuple[Certificate, Certificate]
    shown: Certificate
    content: Image
    blob: Blob

    def connect(self) -> HTTPSConnection:
        """A new connection."""
        host, _, port = self.proxy.host.rpartition(":")
        context = ssl.create_default_context(cafile=self.authority.certificate_file)
        return HTTPSConnection(host, int(port), timeout=_PATIENCE_SECONDS, context=context)

    def errands(self) -> dict[str, Errand]:
        """What clients do."""
        manifests = f"/v2/{REPOSITORY}/manifests"
        return {
            "tags": lambda line: _get(line, f"{manifests}/1.0", self.content.digest),
            "digests": lambda line: _get(line, f"{manifests}/{self.content.digest}", self.content.digest),
            "blobs": lambda line: _get(line, f"/v2/{REPOSITORY}/blobs/{self.blob.digest}", self.blob.digest),
            "pushes": _push,
        }


@contextmanager
def stage(directory: Path, workers: int) -> Iterator[Stage]:
    """Run everything."""
    authority = Authority.open(directory / "certs")
    pairs = authority.issue("one"), authority.issue("two")
    shown = Certificate(directory / "tls.crt", directory / "tls.key")
    put(pairs[0], shown)
    with ExitStack() as stack:
        store: Registry = stack.enter_context(registry(directory / "registry"))
        server = stack.enter_context(notary(directory / "notary", authority))
        owner, gun = Person.settle("owner", directory / "owner", server), f"{store.host}/{REPOSITORY}"
        content = push(store, REPOSITORY, image("reload"), "1.0")
        blob = Blob("application/octet-stream", os.urandom(_BLOB_BYTES))
        store.put_blob(REPOSITORY, blob.digest, blob.content)
        notary_client.initialise(owner, gun)
        notary_client.add_target(owner, gun, "1.0", content.digest, content.length)
        corp = {"url": server.url, "ca_file": str(server.ca_file.absolute()), "roots": ["owner"]}
        settings = {
            "name": store.host,
            "workers": workers,
            "registry": {"url": store.url},
            "notaries": {"corp": corp},
            "roots": {"owner": {"public_key_ids": list(keys.root_key_ids(server, gun))}},
            "repositories": {"**": {"signed_by": "released"}},
        }
        place = directory / "proxy"
        running = stack.enter_context(proxy(place, settings, certificate=shown, ca_file=authority.certificate_file))
        yield Stage(running, authority, pairs, shown, content, blob)


def put(pair: Certificate, shown: Certificate) -> None:
    """Put a pair in the place of another, the certificate first: for a moment it has not its own key."""
    shutil.copyfile(pair.certificate_file, shown.certificate_file)
    shutil.copyfile(pair.key_file, shown.key_file)


def measure(at: Stage, seconds: float) -> Measured:
    """Let clients work for so long while everything changes every second."""
    stopping, traffic, lock = threading.Event(), Traffic(), threading.Lock()
    threads = [
        threading.Thread(target=_work, args=(at.connect, kind, errand, stopping, traffic, lock, stays))
        for kind, errand in at.errands().items()
        for stays in (True, False)
    ]
    certificates: set[bytes] = set()
    begun, reloads, log = time.monotonic(), 0, _Log(at.proxy.daemon.log)
    for thread in threads:
        thread.start()
    try:
        for number in itertools.count():
            turn = time.monotonic()
            if turn - begun >= seconds:
                break
            put(at.pairs[number % 2], at.shown)
            _change(at.proxy, log, number)
            reloads += 1
            certificates.add(_shown(at.connect()))
            stopping.wait(max(0.0, turn + _EVERY_SECONDS - time.monotonic()))
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
        log.close()
    return Measured(traffic, reloads, len(certificates), time.monotonic() - begun)


def _change(running: Proxy, log: "_Log", number: int) -> None:
    """Change a rule, and wait until it has effect."""
    settings: dict[str, Any] = json.loads(running.configuration.read_text())
    settings["blocked"] = [{"digest": f"sha256:{number:064x}", "reason": "changes every second"}]
    beside = running.configuration.with_suffix(".new")
    beside.write_text(json.dumps(settings))
    beside.rename(running.configuration)
    os.kill(running.daemon.pid, signal.SIGHUP)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not any("blocked" in each["changed"] for each in log.read("reloaded")):
        if time.monotonic() > deadline:
            raise RuntimeError("the changed configuration is not taken")
        time.sleep(_POLL_SECONDS)


class _Log:
    """What a proxy writes, each line once: there is much of it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open()
        self._half = ""

    def read(self, name: str) -> list[dict[str, Any]]:
        """The events of one name since the last time."""
        *lines, self._half = (self._half + self._file.read()).split("\n")
        return [json.loads(line) for line in lines if f'"event":"{name}"' in line]

    def close(self) -> None:
        self._file.close()


def _shown(connection: HTTPSConnection) -> bytes:
    """The certificate that whoever connects now is shown."""
    connection.connect()
    try:
        shown = connection.sock.getpeercert(binary_form=True) if isinstance(connection.sock, ssl.SSLSocket) else None
        return shown or b""
    finally:
        connection.close()


def _work(
    connect: Connect,
    kind: str,
    errand: Errand,
    stopping: threading.Event,
    traffic: Traffic,
    lock: threading.Lock,
    stays: bool,  # noqa: FBT001  (given to a thread, in its place)
) -> None:
    """Do one errand after the other, on a connection that stays or each on a new one."""
    line = connect()
    while not stopping.wait(_PAUSE_SECONDS):
        try:
            errand(line)
        except (OSError, HTTPException, Wrong) as failure:
            with lock:
                traffic.lost.append(f"{kind}: {failure!r}")
            line.close()
            continue
        with lock:
            traffic.answered[kind] = traffic.answered.get(kind, 0) + 1
        if not stays:
            line.close()
            line = connect()
    line.close()


def _get(line: HTTPSConnection, path: str, digest: str) -> None:
    """Read something whose digest is known."""
    line.request("GET", path, headers=ACCEPT)
    answer = line.getresponse()
    body = answer.read()
    if answer.status != 200 or f"sha256:{sha256(body).hexdigest()}" != digest:
        raise Wrong(f"{answer.status}, {len(body)} bytes")


def _push(line: HTTPSConnection) -> None:
    """Upload a blob of its own, in two steps."""
    body = secrets.token_bytes(1 << 16)
    line.request("POST", f"/v2/{REPOSITORY}/blobs/uploads/")
    begun = line.getresponse()
    begun.read()
    place = urlsplit(begun.headers["Location"] or "")
    if begun.status != 202:
        raise Wrong(f"{begun.status} to the beginning of an upload")
    target = f"{place.path}?{place.query}&digest=sha256:{sha256(body).hexdigest()}"
    line.request("PUT", target, body, {"Content-Type": "application/octet-stream"})
    ended = line.getresponse()
    ended.read()
    if ended.status != 201:
        raise Wrong(f"{ended.status} to an upload")


def main() -> int:
    """Measure with one process and with two, and say what was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="for how long")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="with how many processes")
    arguments = parser.parse_args()
    lost = 0
    for workers in arguments.workers:
        with tempfile.TemporaryDirectory() as place, stage(Path(place), workers) as running:
            measured = measure(running, arguments.seconds)
        print(f"workers: {workers}: {measured}")
        for each in measured.traffic.lost:
            print(f"  lost: {each}")
        lost += len(measured.traffic.lost)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
