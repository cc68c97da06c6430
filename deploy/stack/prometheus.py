"""Prometheus on a free loopback port, which asks one target every second."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from deploy.stack.daemons import Daemon, running
from deploy.stack.ports import free_port
from deploy.stack.programs import program
from deploy.stack.web import answers, ask

JOB = "tagwarden"


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str
    daemon: Daemon

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What an expression comes to now: samples, each with `metric` and `value`.

        Raises:
            ValueError: the expression is none.
        """
        found = self._get(f"/api/v1/query?query={quote(expression)}")["result"]
        return list(found)

    def rules(self) -> list[dict[str, Any]]:
        """All rules, with their `health` and `state`."""
        return [rule for group in self._get("/api/v1/rules")["groups"] for rule in group["rules"]]

    def _get(self, path: str) -> dict[str, Any]:
        answer = json.loads(ask(f"{self.url}{path}").body)
        if answer["status"] != "success":
            raise ValueError(answer["error"])
        data: dict[str, Any] = answer["data"]
        return data


@contextmanager
def prometheus(directory: Path, target: str, rules: Sequence[Path] = ()) -> Iterator[Prometheus]:
    """Run it for as long as the block lasts.

    Args:
        directory: For its configuration, data and log.
        target: URL of what it asks for `/metrics`, as the job `JOB`.
        rules: Files of rules, evaluated every second.

    Raises:
        DaemonFailed: It did not start.
    """
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    configuration = directory / "prometheus.yml"
    job = {"job_name": JOB, "static_configs": [{"targets": [urlsplit(target).netloc]}]}
    every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    files = [str(file.absolute()) for file in rules]
    configuration.write_text(json.dumps({"global": every, "rule_files": files, "scrape_configs": [job]}))
    host = f"127.0.0.1:{free_port()}"
    command = [
        program("prometheus"),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={host}",
    ]
    with running(
        command, name="prometheus", directory=directory, answers=lambda: answers(f"http://{host}/-/ready")
    ) as daemon:
        yield Prometheus(f"http://{host}", daemon)
