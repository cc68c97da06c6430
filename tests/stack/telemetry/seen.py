"""What a running proxy shows of itself: numbers, and the audit stream."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from prometheus_client.parser import text_string_to_metric_families

from certs.authority import Certificate
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.web import ask
from tests.stack.configuration import wait_for

Labels: TypeAlias = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Watched:
    """A proxy with an audit file, and what is seen of it."""

    proxy: Proxy
    file: Path

    def numbers(self) -> dict[tuple[str, Labels], float]:
        """All samples now, by name and labels."""
        answer = ask(f"{self.proxy.probes}/metrics")
        assert answer.status == 200
        families = text_string_to_metric_families(answer.body.decode())
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def number(self, name: str, **labels: str) -> float | None:
        """One of them; None where there is no such series."""
        return self.numbers().get((f"tagwarden_{name}", frozenset(labels.items())))

    def series(self, name: str, label: str) -> dict[str, float]:
        """All of one name, by the value of a label."""
        return {
            dict(labels)[label]: value
            for (found, labels), value in self.numbers().items()
            if found == f"tagwarden_{name}"
        }

    def reaches(self, wanted: float, name: str, **labels: str) -> bool:
        """Wait until a number is what it should be."""
        return wait_for(lambda: self.number(name, **labels), lambda seen: seen == wanted) == wanted

    def audited(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The lines of the audit stream, of one kind or all."""
        lines = [json.loads(line) for line in self.file.read_text().splitlines()]
        return [line for line in lines if kind in (None, line["audit"])]

    def pull(self, name: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> int:
        """Ask for `REPOSITORY:TAG`; the status."""
        repository, _, tag = name.rpartition(":")
        return self.proxy.request(method, f"/v2/{repository}/manifests/{tag}", headers).status

    def pulls(self, name: str, wanted: int) -> bool:
        """Ask until it is answered so."""
        return wait_for(lambda: self.pull(name), lambda seen: seen == wanted) == wanted


@contextmanager
def watched(directory: Path, settings: dict[str, Any], certificate: Certificate | None = None) -> Iterator[Watched]:
    """Run a proxy with an audit file; with a certificate it serves TLS."""
    file = directory / "audit.jsonl"
    logged = {**settings, "log": {"format": "json", "audit_file": str(file)}}
    with run_proxy(directory, logged, certificate=certificate) as running:
        yield Watched(running, file)


def eventually(look: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether something comes true in a while."""
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
