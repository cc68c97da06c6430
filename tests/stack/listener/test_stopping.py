"""How the program stops: idle clients, downloads under way, and a second signal."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.stack.images import Blob
from deploy.stack.ports import free_port
from deploy.stack.proxy import Proxy, tagwarden, write_configuration
from deploy.stack.registry import Registry
from deploy.stack.web import answers, ask
from tests.stack.configuration import wait_for
from tests.stack.listener.shop import ROOT, Shop


@dataclass
class Running:
    """The program as an own child, so that how it ended can be seen."""

    proxy: Proxy
    child: "subprocess.Popen[bytes]"

    def tell(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.child.send_signal(number)

    def says(self, event: str) -> bool:
        """Wait for an event in the log."""
        return bool(wait_for(lambda: self.proxy.events(event), bool))

    def ends(self) -> int:
        """Wait for the end, and return the exit status."""
        return self.child.wait(20)


@contextmanager
def child(directory: Path, settings: dict[str, Any], template: Proxy) -> Iterator[Running]:
    """Run the program without anybody who ends it, but in the end."""
    host, probes = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    file = write_configuration(directory, {**settings, "listen": {"address": host}, "probes": {"address": probes}})
    log = directory / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen([tagwarden(), "serve", "-c", str(file)], stderr=sink)
    try:
        assert wait_for(lambda: answers(f"http://{probes}/readyz"), bool), log.read_text()
        daemon = replace(template.daemon, pid=process.pid, log=log)
        yield Running(replace(template, url=f"http://{host}", host=host, daemon=daemon), process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()


@pytest.fixture
def running(tmp_path: Path, settings: dict[str, Any], plain: Proxy) -> Iterator[Running]:
    """A program to be stopped."""
    with child(tmp_path, settings, plain) as started:
        yield started


@pytest.fixture(scope="module")
def layer(registry: Registry, shop: Shop) -> str:
    """The path of a blob that is more than all buffers on the way hold."""
    blob = Blob("application/octet-stream", os.urandom(1 << 20) * 16)
    registry.put_blob(shop.repository, blob.digest, blob.content)
    return f"/v2/{shop.repository}/blobs/{blob.digest}"


def connected(running: Running) -> socket.socket:
    """A connection to the program that takes little ahead."""
    host, _, port = running.proxy.host.rpartition(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    connection.settimeout(20)
    connection.connect((host, int(port)))
    return connection


def downloading(running: Running, path: str) -> socket.socket:
    """A download that has begun, of which nobody takes more."""
    connection = connected(running)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n".encode())
    assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
    return connection


def test_idle_connections_do_not_hold_it(running: Running) -> None:
    """Clients that keep their connections are hung up on, and the program ends well."""
    with connected(running) as idle, connected(running) as silent:
        idle.sendall(ROOT)
        assert idle.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
        running.tell(signal.SIGTERM)
        assert running.ends() == 0
        assert (idle.recv(1000), silent.recv(1000)) == (b"", b"")
    assert running.says("stopped")


def test_a_download_under_way_is_finished(running: Running, layer: str) -> None:
    """Nothing is lost because the program stops, and nobody new is served."""
    with downloading(running, layer) as connection:
        running.tell(signal.SIGINT)
        assert running.says("draining")
        with pytest.raises(ConnectionRefusedError):
            ask(f"{running.proxy.url}/v2/")
        received = 0
        while chunk := connection.recv(1 << 20):
            received += len(chunk)
    assert received > 15 << 20
    assert running.ends() == 0


def test_an_upload_under_way_is_finished(running: Running, shop: Shop) -> None:
    """A push loses no layer to a rolling update: what the client still has to send is taken, and confirmed."""
    begun = ask(f"{running.proxy.url}/v2/{shop.repository}/blobs/uploads/", method="POST")
    place, half = urlsplit(begun.headers["Location"]), b"a" * (1 << 20)
    with connected(running) as connection:
        head = f"PATCH {place.path}?{place.query} HTTP/1.1\r\nHost: r\r\nContent-Type: application/octet-stream\r\n"
        connection.sendall(f"{head}Content-Length: {2 * len(half)}\r\n\r\n".encode() + half)
        running.tell(signal.SIGTERM)
        assert running.says("draining")
        connection.sendall(half)
        answer = connection.recv(1000)
    assert answer.startswith(b"HTTP/1.1 202 ")
    assert f"Range: 0-{2 * len(half) - 1}\r\n".encode() in answer
    assert running.ends() == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_the_second_signal_ends_it_at_once(running: Running, layer: str, second: signal.Signals) -> None:
    """Whoever does not want to wait for a download that stands still does not have to."""
    with downloading(running, layer):
        running.tell(signal.SIGTERM)
        assert running.says("draining")
        running.tell(second)
        assert running.ends() == 128 + second
    assert running.says("ended at once: told to stop a second time")


def test_open_files_are_raised(running: Running) -> None:
    """As many clients as the limits allow need more files than systems give by default."""
    limits = Path(f"/proc/{running.child.pid}/limits").read_text().splitlines()
    [files] = [line.split() for line in limits if line.startswith("Max open files")]
    assert int(files[3]) == min(int(files[4]), 40_256)
