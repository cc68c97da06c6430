"""When something is wrong: a mistake gets one clear line, an outage gets its code, and nothing gets through."""

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from certs.authority import Authority
from deploy.stack import docker_trust, keys, notary_client
from deploy.stack.commands import Outcome
from deploy.stack.daemons import DaemonFailed
from deploy.stack.images import Image, image, push
from deploy.stack.notary import Notary
from deploy.stack.notary import notary as run_notary
from deploy.stack.people import Person
from deploy.stack.ports import free_port
from deploy.stack.proxy import Proxy, command, write_configuration
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from deploy.stack.web import ask
from tests.stack.configuration import configuration

Signers = dict[str, Person]


@pytest.fixture
def signed_image(registry: Registry, owner: Person, signers: Signers, repository: str) -> Image:
    """An image that alice signed as `1.0`."""
    content, gun = image(f"signed {repository}"), f"{registry.host}/{repository}"
    push(registry, repository, content, "1.0")
    docker_trust.add_signer(owner, gun, "alice", signers["alice"].public_key)
    notary_client.sign_as(signers["alice"], gun, "1.0", content.digest, content.length)
    return content


@pytest.fixture
def settings(registry: Registry, notary: Notary, signers: Signers, anchor: str) -> dict[str, Any]:
    """A configuration that is right, and wants alice."""
    right = configuration(registry, notary, [anchor], signers)
    right["repositories"] = {"**": {"signed_by": {"any_of": ["alice"]}, "fresh_for": "1s"}}
    return right


def _serve(directory: Path, settings: dict[str, Any], **more: Any) -> Outcome:
    address = f"127.0.0.1:{free_port()}"
    listeners = {"listen": {"address": address}, "probes": {"address": f"127.0.0.1:{free_port()}"}}
    file = write_configuration(directory, {**listeners, **settings, **more})
    return command(directory, "serve", "-c", str(file))


def _is_for_a_person(outcome: Outcome) -> bool:
    return outcome.status == 2 and "Traceback" not in outcome.output


def test_no_configuration(tmp_path: Path) -> None:
    """A configuration that is not there is named, with what to check."""
    outcome = command(tmp_path, "serve", "-c", str(tmp_path / "nothing.yaml"))
    assert _is_for_a_person(outcome), outcome.output
    assert outcome.output.count("\n") == 1
    assert "nothing.yaml" in outcome.output


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        pytest.param({"nane": "x"}, "nane", id="unknown-key"),
        pytest.param({"signers": {"alice": {"keys": ["missing.pub"]}}}, "missing.pub", id="unreadable-key"),
        pytest.param({"repositories": {"**": {"signed_by": {"any_of": ["nobody"]}}}}, "nobody", id="unknown-signer"),
        pytest.param({"repositories": {"**": {"signed_by": "releesed"}}}, "signed_by", id="unknown-rule"),
        pytest.param({"registry": {"url": "ftp://x"}}, "registry.url", id="wrong-url"),
    ],
)
def test_broken_configuration(tmp_path: Path, settings: dict[str, Any], broken: dict[str, Any], words: str) -> None:
    """Each mistake in the configuration is one line that names file and place, and nothing starts."""
    outcome = _serve(tmp_path, settings, **broken)
    assert _is_for_a_person(outcome), outcome.output
    assert outcome.output.count("\n") == 1, outcome.output
    assert "config.yaml" in outcome.output
    assert words in outcome.output


def test_port_in_use(tmp_path: Path, settings: dict[str, Any]) -> None:
    """A port that somebody else has is named, with the key to change."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        outcome = _serve(tmp_path, settings, listen={"address": address})
    assert _is_for_a_person(outcome), outcome.output
    last = outcome.output.splitlines()[-1]
    assert last == f"tagwarden: listen.address: cannot listen on {address} (address already in use): choose another one"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"this is no database, and long enough to be looked at as one" * 100, id="not-a-database"),
        pytest.param(b"SQLite format 3\x00" + b"\xff" * 8192, id="damaged-database"),
    ],
)
def test_corrupt_store_at_start(tmp_path: Path, settings: dict[str, Any], content: bytes) -> None:
    """A trust store that cannot be read is named, and the proxy does not start without its memory."""
    (tmp_path / "trust.db").write_bytes(content)
    outcome = _serve(tmp_path, settings)
    assert _is_for_a_person(outcome), outcome.output
    assert "trust.db" in outcome.output.splitlines()[-1]
    assert (tmp_path / "trust.db").read_bytes() == content


def test_store_in_a_directory_that_is_not_there(tmp_path: Path, settings: dict[str, Any]) -> None:
    """A missing directory is named."""
    outcome = _serve(tmp_path, settings, trust_store={"url": f"sqlite:///{tmp_path}/nowhere/trust.db"})
    assert _is_for_a_person(outcome), outcome.output
    assert "nowhere/trust.db" in outcome.output.splitlines()[-1]


def _refusal(running: Proxy, repository: str, target: str = "1.0") -> tuple[int, str | None]:
    answer = running.request("GET", f"/v2/{repository}/manifests/{target}")
    return answer.status, answer.headers["X-Tagwarden-Refusal"]


@pytest.mark.usefixtures("signed_image")
def test_store_corrupted_while_running(tmp_path: Path, settings: dict[str, Any], repository: str) -> None:
    """Damage to the trust store is no fresh start: what is in memory serves, and after a restart it is a 503."""
    with run_proxy(tmp_path, settings) as running:
        assert running.request("GET", f"/v2/{repository}/manifests/1.0").status == 200
        with closing(sqlite3.connect(tmp_path / "trust.db")) as database, database:
            [(table, column)] = _blobs(database)
            database.execute(f"UPDATE {table} SET {column} = zeroblob(10)")  # noqa: S608  (names of our own schema)
        assert running.request("GET", f"/v2/{repository}/manifests/1.0").status == 200
    with run_proxy(tmp_path, settings) as running:
        assert _refusal(running, repository) == (503, "trust_store_unavailable")


def _blobs(database: sqlite3.Connection) -> list[tuple[str, str]]:
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return [
        (table, column)
        for table in tables
        for _, column, kind, *_ in database.execute(f"PRAGMA table_info({table})")
        if kind == "BLOB" and table == "files" and column not in ("sha256", "seal")
    ]


def test_notary_away(
    tmp_path: Path, registry: Registry, settings: dict[str, Any], repository: str, signed_image: Image
) -> None:
    """Without Notary the proxy starts and answers 503 with its code; the registry's other doors stay open."""
    settings["notaries"]["corp"] = {"url": f"https://localhost:{free_port()}", "roots": ["owner"]}
    with run_proxy(tmp_path, settings) as running:
        answer = running.request("GET", f"/v2/{repository}/manifests/1.0")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
        [error] = json.loads(answer.body)["errors"]
        assert error["code"] == "UNAVAILABLE"
        assert "Notary corp cannot be reached (connection refused)" in error["message"]
        assert answer.reason == f"Service Unavailable: {error['message']}"
        assert running.request("GET", "/v2/").status == 200
        blob = signed_image.blobs[0].digest
        assert running.request("GET", f"/v2/{repository}/blobs/{blob}").status == 200
    assert registry.has_blob(repository, blob)


@pytest.mark.usefixtures("signed_image")
def test_registry_away(tmp_path: Path, settings: dict[str, Any], repository: str) -> None:
    """Without the registry the proxy starts, is not ready, and answers 502 with its code."""
    settings["registry"] = {"url": f"http://127.0.0.1:{free_port()}"}
    with run_proxy(tmp_path, settings, probe="/healthz") as running:
        assert ask(f"{running.probes}/readyz").status == 503
        assert _refusal(running, repository) == (502, "registry_unreachable")
        assert running.request("GET", "/v2/").status == 502


@contextmanager
def _second_notary(directory: Path, authority: Authority, port: int) -> Iterator[Notary]:
    with run_notary(directory, authority, port=port) as running:
        yield running


def test_rolled_back_notary_is_refused_after_a_restart(
    tmp_path: Path, authority: Authority, registry: Registry, signers: Signers, repository: str
) -> None:
    """A Notary that comes back with older trust data, or with none, is refused by a proxy that remembers."""
    port, gun = free_port(), f"{registry.host}/{repository}"
    content = push(registry, repository, image("remembered"), "1.0")
    with _second_notary(tmp_path / "notary-1", authority, port) as first:
        someone = Person.settle("someone", tmp_path / "someone", first)
        notary_client.initialise(someone, gun)
        for number in range(3):
            notary_client.add_target(someone, gun, f"1.{number}", content.digest, content.length)
        settings = configuration(registry, first, keys.root_key_ids(first, gun), signers)
        settings["repositories"] = {"**": {"signed_by": "released"}}
        with run_proxy(tmp_path / "proxy", settings) as running:
            assert running.request("GET", f"/v2/{repository}/manifests/1.0").status == 200
    with _second_notary(tmp_path / "notary-2", authority, port), run_proxy(tmp_path / "proxy", settings) as running:
        assert _refusal(running, repository) == (403, "no_trust_data")
    with _second_notary(tmp_path / "notary-3", authority, port) as other:
        thief = Person.settle("thief", tmp_path / "thief", other)
        notary_client.initialise(thief, gun)
        notary_client.add_target(thief, gun, "1.0", content.digest, content.length)
        with run_proxy(tmp_path / "proxy", settings) as running:
            assert _refusal(running, repository) in {(403, "root_not_trusted"), (403, "root_rotation_broken")}


def test_daemon_that_cannot_start_says_why(tmp_path: Path) -> None:
    """The fixture itself tells a proxy that ended from one that is slow."""
    with pytest.raises(DaemonFailed, match="ended with status 2"), run_proxy(tmp_path, {"name": "x"}):
        raise AssertionError("it started")
