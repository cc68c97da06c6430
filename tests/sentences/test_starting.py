"""What somebody reads whose proxy does not start, and what the log says of one that does, and that ends."""

import json
import logging
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from threading import Timer
from typing import IO, Final

import pytest
import structlog

from tests.sentences.transcripts import Transcript
from tests.unit.config.site import compose

LOOPBACK: Final = "127.0.0.1"
TYPED: Final = "tagwarden serve -c config.yaml"
PATIENCE_SECONDS: Final = 60.0
BY_CHANCE: Final = "what was in use before is checked when it is asked for"
"""Said where the trust store is lost so soon after the start that nothing was read of it yet."""


@pytest.fixture(autouse=True)
def logs_stay_here() -> Iterator[None]:
    """The command sets up logging for its process, which is that of all tests."""
    root = logging.getLogger()
    handlers, level, configured = root.handlers[:], root.level, structlog.get_config()
    yield
    structlog.configure(**configured)
    root.handlers[:] = handlers
    root.setLevel(level)


def configuration(**sections: str) -> str:
    """A right file, with a trust store beside it, and ports that the system chooses."""
    anywhere = f"{{address: '{LOOPBACK}:0'}}"
    usual = {"trust_store": "{url: 'sqlite:///trust.db'}", "listen": anywhere, "probes": anywhere}
    return compose(**{**usual, **sections})


def _is_empty(path: Path) -> None:
    path.write_bytes(b"")


def _is_something_else(path: Path) -> None:
    path.write_text("version: 1\n" * 1000)


def _lost_its_end(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 4096)


def _is_newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
        other.execute("UPDATE compatibility SET oldest = '9999'")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another program writes, and takes its time."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_opentelemetry_is_missing(transcript: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wants traces hears what to install, before a start and at it."""
    monkeypatch.setattr("proxy.config.extras.find_spec", lambda _: None)
    transcript.write("config.yaml", configuration(tracing="{endpoint: 'http://collector:4318'}"))
    transcript.situation("Traces are configured, and the extra otel is not installed.")
    assert transcript.run("tagwarden config check -c config.yaml") == 2
    assert transcript.run(TYPED) == 2
    transcript.check("starting-tracing")


def test_what_only_the_machine_knows(transcript: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the port is free, and what is there, where the trust store should be."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        address = f"{LOOPBACK}:{taken.getsockname()[1]}"
        transcript.told[address] = f"{LOOPBACK}:5000"
        transcript.write("config.yaml", configuration(listen=f"{{address: '{address}'}}"))
        transcript.situation("Somebody else has the port.")
        assert transcript.run(TYPED) == 2
    path = transcript.directory / "trust.db"
    whole = path.read_bytes()
    transcript.write("config.yaml", configuration())
    for title, meddle in (
        ("The file of the trust store is empty.", _is_empty),
        ("It is another kind of file.", _is_something_else),
        ("It lost its end.", _lost_its_end),
        ("A newer version wrote it.", _is_newer),
    ):
        path.write_bytes(whole)
        meddle(path)
        transcript.situation(title)
        assert transcript.run(TYPED) == 2
    path.write_bytes(whole)
    monkeypatch.setattr("proxy.store.sqlite.STORE_BUSY_SECONDS", 0.05)
    transcript.situation("Another program holds it.")
    with held(path):
        assert transcript.run(TYPED) == 3
    path.unlink()
    transcript.write("config.yaml", configuration(trust_store="{url: 'sqlite:///trust.db', must_exist: true}"))
    transcript.situation("It is gone, and somebody said that this must not happen.")
    assert transcript.run(TYPED) == 2
    transcript.write("config.yaml", configuration(trust_store="{url: 'sqlite:///state/trust.db'}"))
    transcript.situation("There is no such directory.")
    assert transcript.run(TYPED) == 2
    transcript.write("config.yaml", configuration(log="{audit_file: logs/audit.jsonl}"))
    transcript.situation("Nor is there one for the audit file.")
    assert transcript.run(TYPED) == 2
    transcript.check("serve-start")


def test_what_sqlite_says(transcript: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its result codes, each in words and with a cure."""
    transcript.write("config.yaml", configuration())
    for title, code in (
        ("The user may not read the file.", "SQLITE_CANTOPEN"),
        ("The user may only read it.", "SQLITE_READONLY_DIRECTORY"),
        ("A policy of the system forbids to lock it.", "SQLITE_PERM"),
        ("The disk is full.", "SQLITE_FULL"),
        ("The disk is broken.", "SQLITE_IOERR_READ"),
        ("Something that nobody has thought of.", "SQLITE_TOOBIG"),
    ):
        error = sqlite3.OperationalError("in SQLite's words")
        error.sqlite_errorname = code
        monkeypatch.setattr("sqlite3.dbapi2.connect", _raising(error))
        transcript.situation(title)
        assert transcript.run(TYPED) == 2
    transcript.check("serve-sqlite")


def _raising(error: Exception) -> Callable[..., None]:
    def raise_it(*_: object, **__: object) -> None:
        raise error

    return raise_it


@dataclass
class Running:
    """A proxy in a process of its own, and what is still to be read of its log."""

    process: subprocess.Popen[str]
    log: IO[str]

    def until(self, event: str) -> str:
        """The log up to and including the next event of that name."""
        lines: list[str] = []
        while not lines or json.loads(lines[-1])["event"] != event:
            lines.append(self.log.readline())
        return "".join(line for line in lines if BY_CHANCE not in line)


@contextmanager
def running(directory: Path) -> Iterator[Running]:
    """Start the proxy; it is gone in the end, whatever happens."""
    command = [sys.executable, "-m", "proxy", *TYPED.split()[1:]]
    with subprocess.Popen(command, cwd=directory, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        impatient = Timer(PATIENCE_SECONDS, process.kill)
        impatient.start()
        try:
            yield Running(process, process.stderr)
        finally:
            impatient.cancel()
            process.kill()


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.create_server((LOOPBACK, 0)) as free:
        return int(free.getsockname()[1])


def readiness(port: int) -> str:
    """What an orchestrator is told."""
    with closing(HTTPConnection(LOOPBACK, port, timeout=PATIENCE_SECONDS)) as connection:
        connection.request("GET", "/readyz")
        return connection.getresponse().read().decode()


def test_a_life(transcript: Transcript) -> None:
    """It starts on nothing, loses its trust store, waits for a silent registry, and is told to stop twice."""
    listen, probes = free_port(), free_port()
    transcript.told |= {f":{listen}": ":5000", f":{probes}": ":9596"}
    asking = f"curl http://{LOOPBACK}:{probes}/readyz"
    with socket.create_server((LOOPBACK, 0)) as registry:
        sections = {
            "registry": f"{{url: 'http://{LOOPBACK}:{registry.getsockname()[1]}'}}",
            "listen": f"{{address: '{LOOPBACK}:{listen}'}}",
            "probes": f"{{address: '{LOOPBACK}:{probes}'}}",
        }
        transcript.write("config.yaml", configuration(**sections))
        with running(transcript.directory) as proxy, ExitStack() as waiting:
            transcript.situation("The first start.")
            started = proxy.until("serving")
            transcript.told[json.loads(started.splitlines()[-1])["generation"]] = "GENERATION"
            transcript.note(f"{TYPED} &", started)
            transcript.situation("Somebody removes its trust store.")
            (transcript.directory / "trust.db").unlink()
            transcript.note(f"rm trust.db; {asking}", readiness(probes) + proxy.until("not ready"))
            transcript.situation("It is told to stop while a client waits for a registry that says nothing.")
            client = waiting.enter_context(socket.create_connection((LOOPBACK, listen)))
            client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: registry.example.com\r\n\r\n")
            waiting.enter_context(registry.accept()[0])
            proxy.process.terminate()
            transcript.note("kill %1", proxy.until("draining"))
            transcript.note(asking, readiness(probes) + proxy.until("not ready"))
            proxy.process.terminate()
            transcript.note("kill %1", proxy.until("ended at once: told to stop a second time"))
            assert proxy.process.wait() == 128 + signal.SIGTERM
    transcript.check("serve-life")
