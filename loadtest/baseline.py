"""`python -m loadtest.baseline`: a warm tag GET through the proxy beside the registry's own.

Both are asked in turns, several rounds each, by wrk on the same machine; what is reported are medians and
their ratio. Absolute figures mean nothing on another machine, or on this one an hour later.
"""

import os
import re
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from certs.authority import Authority
from deploy.stack import keys, notary_client
from deploy.stack.images import image, push
from deploy.stack.notary import notary
from deploy.stack.people import Person
from deploy.stack.programs import program
from deploy.stack.proxy import proxy
from deploy.stack.registry import registry

ROUNDS: Final = 5
SECONDS: Final = 3
CONNECTIONS: Final = 32

_ACCEPT: Final = "Accept: application/vnd.docker.distribution.manifest.v2+json"
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Round:
    """One round of load: requests a second, CPU of the server in microseconds a request."""

    per_second: float
    cpu: float


def main() -> None:
    """Start the stack, measure, print the table."""
    with tempfile.TemporaryDirectory(prefix="tagwarden-") as name:
        _measure(Path(name))


def _measure(directory: Path) -> None:
    authority = Authority.open(directory / "certs")
    with registry(directory / "registry") as source, notary(directory / "notary", authority) as trust:
        content = push(source, "shop/api", image("baseline"), "1.0")
        owner, gun = Person.settle("owner", directory / "owner", trust), f"{source.host}/shop/api"
        notary_client.initialise(owner, gun)
        notary_client.add_target(owner, gun, "1.0", content.digest, content.length)
        settings = {
            "name": source.host,
            "registry": {"url": source.url},
            "notaries": {"corp": {"url": trust.url, "ca_file": str(trust.ca_file), "roots": ["owner"]}},
            "roots": {"owner": {"public_key_ids": keys.root_key_ids(trust, gun)}},
            "repositories": {"**": {"signed_by": "released"}},
        }
        with proxy(directory / "proxy", settings) as running:
            path = "/v2/shop/api/manifests/1.0"
            sides: Mapping[str, Callable[[], Round]] = {
                "registry": lambda: _load(f"{source.url}{path}", source.daemon.pid),
                "proxy": lambda: _load(f"{running.url}{path}", running.daemon.pid),
            }
            _report(_in_turns(sides))


def _in_turns(sides: Mapping[str, Callable[[], Round]]) -> dict[str, list[Round]]:
    rounds: dict[str, list[Round]] = {name: [] for name in sides}
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS} ...", flush=True)
        for name, measure in sides.items():
            rounds[name].append(measure())
    return rounds


def _load(url: str, pid: int) -> Round:
    before = _cpu_seconds(pid)
    command = [program("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-H", _ACCEPT, url]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    requests = re.search(r"(\d+) requests in", printed)
    per_second = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    if not requests or not per_second or "Non-2xx" in printed:
        raise RuntimeError(f"wrk did not measure what it should: {printed}")
    return Round(float(per_second[1]), 1e6 * (_cpu_seconds(pid) - before) / int(requests[1]))


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _report(rounds: Mapping[str, list[Round]]) -> None:
    medians = {
        name: (statistics.median(each.per_second for each in side), statistics.median(each.cpu for each in side))
        for name, side in rounds.items()
    }
    print(f"{'':10}{'requests/s':>12}{'spread':>16}{'CPU us/request':>16}")
    for name, side in rounds.items():
        rates = [each.per_second for each in side]
        print(f"{name:10}{medians[name][0]:12.0f}{min(rates):9.0f}..{max(rates):<5.0f}{medians[name][1]:16.0f}")
    print(f"ratio proxy / registry: {medians['proxy'][0] / medians['registry'][0]:.2f} requests/s")


if __name__ == "__main__":
    main()
