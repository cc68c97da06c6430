"""The proxy itself, run as users run it: `tagwarden serve` with a configuration file."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.stack.commands import Outcome, run
from deploy.stack.daemons import Daemon, running
from deploy.stack.ports import free_port
from deploy.stack.web import Answer, answers, ask

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Proxy:
    """A running proxy. `host` is `127.0.0.1:port`, where clients pull from."""

    url: str
    host: str
    probes: str
    configuration: Path
    daemon: Daemon

    def request(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request to the data plane."""
        return ask(f"{self.url}{path}", method=method, headers=headers)

    def events(self, name: str = "decision") -> list[dict[str, Any]]:
        """The structured events of one name that it has logged so far."""
        lines = (line for line in self.daemon.log.read_text().splitlines() if line.startswith("{"))
        return [event for event in map(json.loads, lines) if event.get("event") == name]


@contextmanager
def proxy(directory: Path, settings: Settings, *, port: int | None = None) -> Iterator[Proxy]:
    """Run the proxy for as long as the block lasts; its trust store is `directory/trust.db`.

    Args:
        directory: Its configuration, trust store and log.
        settings: The configuration without listeners and trust store, as it would stand in YAML.
        port: Of the data plane, on 127.0.0.1; default: a free one.

    Raises:
        DaemonFailed: It did not start.
    """
    host, probes = f"127.0.0.1:{port or free_port()}", f"127.0.0.1:{free_port()}"
    configuration = write_configuration(
        directory, {**settings, "listen": {"address": host}, "probes": {"address": probes}}
    )
    with serving(configuration, host, probes) as started:
        yield started


@contextmanager
def serving(configuration: Path, host: str, probes: str) -> Iterator[Proxy]:
    """Run the proxy with a configuration file that is there already; its log goes beside that.

    Args:
        configuration: What it is given with `-c`.
        host: The `listen.address` that stands in it.
        probes: The `probes.address` that stands in it.

    Raises:
        DaemonFailed: It did not start.
    """
    with running(
        [str(tagwarden()), "serve", "-c", str(configuration)],
        name="tagwarden",
        directory=configuration.parent,
        answers=lambda: answers(f"http://{probes}/readyz"),
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


def tagwarden() -> Path:
    """The command, as it is installed beside the Python that runs this."""
    return Path(sys.executable).parent / "tagwarden"
