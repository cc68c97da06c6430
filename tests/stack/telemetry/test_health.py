"""Health of the real program: what it waits for, what it does not start with, and that no crowd hides it."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from deploy.stack.daemons import running
from deploy.stack.notary import Notary
from deploy.stack.ports import free_port
from deploy.stack.proxy import Proxy, proxy, tagwarden, write_configuration
from deploy.stack.registry import Registry
from deploy.stack.registry import registry as run_registry
from deploy.stack.web import answers, ask
from tests.stack.configuration import configuration, wait_for

CROWD = 400


@contextmanager
def begun(directory: Path, settings: dict[str, object]) -> Iterator[str]:
    """A proxy that lives, ready or not; where its probes are."""
    probes = f"127.0.0.1:{free_port()}"
    listeners = {"listen": {"address": f"127.0.0.1:{free_port()}"}, "probes": {"address": probes}}
    file = write_configuration(directory, {**settings, **listeners})
    command, url = [str(tagwarden()), "serve", "-c", str(file)], f"http://{probes}"
    with running(command, name="tagwarden", directory=directory, answers=lambda: answers(f"{url}/healthz")):
        yield url


def readiness(url: str) -> tuple[int, str]:
    """What an orchestrator is told."""
    answer = ask(f"{url}/readyz")
    return answer.status, answer.body.decode()


@pytest.mark.parametrize("workers", [1, 2])
def test_it_waits_for_the_registry_once(notary: Notary, tmp_path: Path, workers: int) -> None:
    """It is not ready before that has answered anything; that it goes away later changes nothing. Notary never does."""
    port = free_port()
    settings = {
        "name": "registry.example.com",
        "workers": workers,
        "registry": {"url": f"http://127.0.0.1:{port}"},
        "notaries": {"corp": {"url": f"https://127.0.0.1:{free_port()}", "roots": "tofu"}},
        "repositories": {"**": {"signed_by": "released"}},
    }
    assert notary.url
    with begun(tmp_path / "proxy", settings) as url:
        waiting = (503, "registry: connection refused\n")
        assert wait_for(lambda: readiness(url), lambda seen: seen == waiting) == waiting
        with run_registry(tmp_path / "registry", port=port):
            assert wait_for(lambda: readiness(url), lambda seen: seen[0] == 200) == (200, "ok\n")
        assert readiness(url) == (200, "ok\n")
        assert ask(f"{url}/healthz").status == 200


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A disk of one MiB."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill(place: Path) -> Path:
    """Leave no room; the file to remove for some."""
    filler = place / "filler"
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(descriptor, b"x" * 512)
    except OSError:
        return filler
    finally:
        os.close(descriptor)


def test_a_full_disk_is_not_ready_and_nothing_starts_on_it(
    registry: Registry, notary: Notary, anchor: str, tmp_path: Path
) -> None:
    """What Notary says could not be remembered, so a rollback would go unseen."""
    settings = configuration(registry, notary, [anchor], {}) | {"repositories": {"**": {"signed_by": "released"}}}
    with small_disk(tmp_path / "disk") as disk:
        settings["trust_store"] = {"url": f"sqlite:///{disk}/trust.db"}
        with begun(tmp_path / "proxy", settings) as url:
            assert wait_for(lambda: readiness(url), lambda seen: seen[0] == 200) == (200, "ok\n")
            filler = fill(disk)
            full = (503, "trust store: the disk is full\n")
            assert wait_for(lambda: readiness(url), lambda seen: seen == full) == full
            assert b"\ntagwarden_trust_store_up 0.0\n" in ask(f"{url}/metrics").body
            filler.unlink()
            assert wait_for(lambda: readiness(url), lambda seen: seen[0] == 200) == (200, "ok\n")
        filler = fill(disk)
        refused = subprocess.run(
            [str(tagwarden()), "serve", "-c", str(tmp_path / "proxy" / "config.yaml")],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert refused.returncode == 2
        assert f"tagwarden: the trust store {disk}/trust.db cannot be used, the disk " in refused.stderr
        filler.unlink()
        with begun(tmp_path / "proxy", settings) as url:
            assert wait_for(lambda: readiness(url), lambda seen: seen[0] == 200) == (200, "ok\n")


def test_a_crowd_of_clients_keeps_no_probe_from_an_answer(
    registry: Registry, notary: Notary, anchor: str, tmp_path: Path
) -> None:
    """Connections that are held open on the usual port take nothing from the other one."""
    settings = configuration(registry, notary, [anchor], {}) | {"repositories": {"**": {"signed_by": "released"}}}
    with proxy(tmp_path, settings) as serving, ExitStack() as crowd:
        for _ in range(CROWD):
            client = crowd.enter_context(socket.create_connection(_address(serving)))
            client.sendall(b"GET /v2/shop/x/manifests/1.0 HTTP/1.1\r\nHost: r\r\n")
        for path in ("/healthz", "/readyz", "/metrics"):
            assert ask(f"{serving.probes}{path}").status == 200
        assert ask(f"{serving.url}/metrics").status == 404


def _address(serving: Proxy) -> tuple[str, int]:
    host, _, port = serving.host.rpartition(":")
    return host, int(port)
