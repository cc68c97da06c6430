"""The proxy itself, run as users run it: `tagwarden serve` with a configuration file."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from certs.authority import Certificate
from deploy.stack.commands import Outcome, run
from deploy.stack.daemons import Daemon, running
from deploy.stack.ports import free_port
from deploy.stack.web import Answer, answers, ask

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Proxy:
    """A running proxy. `host` is `127.0.0.1:port`, where clients pull from, `candidates` where others look further."""

    url: str
    host: str
    probes: str
    configuration: Path
    daemon: Daemon
    ca_file: Path | None = None
    candidates: str | None = None

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, *, body: bytes | None = None
    ) -> Answer:
        """Send one request to the data plane."""
        return ask(f"{self.url}{path}", method=method, headers=headers, body=body, ca_file=self.ca_file)

    def events(self, name: str = "decision") -> list[dict[str, Any]]:
        """The structured events of one name that it has logged so far."""
        lines = (line for line in self.daemon.log.read_text().splitlines() if line.startswith("{"))
        return [event for event in map(json.loads, lines) if event.get("event") == name]


@contextmanager
def proxy(
    directory: Path,
    settings: Settings,
    *,
    port: int | None = None,
    certificate: Certificate | None = None,
    ca_file: Path | None = None,
    client_ca_file: Path | None = None,
    candidates_ca_file: Path | None = None,
    probe: str = "/readyz",
) -> Iterator[Proxy]:
    """Run the proxy for as long as the block lasts; its trust store is `directory/trust.db`.

    Args:
        directory: Its configuration, trust store and log.
        settings: The configuration without trust store and addresses to listen on, as it would stand in YAML.
        port: Of the data plane, on 127.0.0.1; default: a free one.
        certificate: Serves TLS with it; then `ca_file` says whom clients trust.
        ca_file: See `certificate`.
        client_ca_file: Whose certificates clients must show, beside `certificate`.
        candidates_ca_file: Opens the listener for candidates, with the same `certificate`, to those who show one of
            theirs.
        probe: What says that it has started; it is not ready before its registry has answered.

    Raises:
        DaemonFailed: It did not start.
    """
    host, probes = f"127.0.0.1:{port or free_port()}", f"127.0.0.1:{free_port()}"
    listen = {**settings.get("listen", {}), "address": host, **_tls(certificate, client_ca_file)}
    listeners: dict[str, Any] = {"listen": listen, "probes": {"address": probes}}
    candidates = f"127.0.0.1:{free_port()}" if candidates_ca_file else None
    if candidates:
        listeners["candidates"] = {"address": candidates, **_tls(certificate, candidates_ca_file)}
    configuration = write_configuration(directory, {**settings, **listeners})
    with serving(configuration, host, probes, probe=probe) as started:
        running = replace(started, candidates=candidates)
        yield replace(running, url=f"https://{host}", ca_file=ca_file) if certificate else running


@contextmanager
def serving(configuration: Path, host: str, probes: str, *, probe: str = "/readyz") -> Iterator[Proxy]:
    """Run the proxy with a configuration file that is there already; its log goes beside that.

    Args:
        configuration: What it is given with `-c`.
        host: The `listen.address` that stands in it.
        probes: The `probes.address` that stands in it.
        probe: What says that it has started.

    Raises:
        DaemonFailed: It did not start.
    """
    with running(
        [str(tagwarden()), "serve", "-c", str(configuration)],
        name="tagwarden",
        directory=configuration.parent,
        answers=lambda: answers(f"http://{probes}{probe}"),
    ) as daemon:
        yield Proxy(f"http://{host}", host, f"http://{probes}", configuration, daemon)


def write_configuration(directory: Path, settings: Settings) -> Path:
    """Write a configuration file, with a trust store beside it unless it names one."""
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    configuration = directory / "config.yaml"
    store = {"trust_store": {"url": f"sqlite:///{directory / 'trust.db'}"}}
    configuration.write_text(json.dumps({"version": 1, **store, **settings}, indent=2))  # JSON is YAML
    return configuration


def command(home: Path, *arguments: str) -> Outcome:
    """Run a command of `tagwarden` to its end."""
    return run([str(tagwarden()), *arguments], home=home)


def _tls(certificate: Certificate | None, client_ca_file: Path | None) -> Settings:
    if certificate is None:
        return {}
    files = {"certificate_file": certificate.certificate_file, "key_file": certificate.key_file}
    if client_ca_file:
        files["client_ca_file"] = client_ca_file
    return {"tls": {key: str(file.absolute()) for key, file in files.items()}}


def tagwarden() -> Path:
    """The command, as it is installed beside the Python that runs this."""
    return Path(sys.executable).parent / "tagwarden"
