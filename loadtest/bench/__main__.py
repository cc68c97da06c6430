"""`python -m loadtest.bench`: run all scenarios, print the tables, keep them as text and JSON, and draw them."""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from loadtest.bench import blobs, cold, connections, parts, plots, sizes, table, warm
from loadtest.bench.rounds import Effort
from loadtest.bench.stage import Stage, stage
from loadtest.bench.table import Found, Point
from proxy import telemetry

ALL: Final[dict[str, Callable[[Stage, Effort], Iterator[Found]]]] = {
    "warm": warm.warm,
    "latency": warm.latency,
    "loads": warm.loads,
    "warm-tls": warm.warm_tls,
    "connections": connections.connections,
    "blobs": blobs.downloads,
    "blobs-tls": blobs.downloads_tls,
    "uploads": blobs.uploads,
    "verification": cold.verifying,
    "parts": parts.parts,
    "sizes": sizes.sizes,
    "repositories": cold.repositories,
    "together": cold.together,
}


def main() -> None:
    """Measure what is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=ALL, default=list(ALL))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each round and side")
    parser.add_argument("--mib", type=int, default=32, help="of a blob")
    parser.add_argument("--repositories", type=int, default=1000, help="that nobody asked for yet")
    parser.add_argument("--clients", type=int, default=1000, help="on one cold tag at once")
    parser.add_argument("--loads", type=int, nargs="+", default=[10, 25, 50, 75, 90], help="percent of the most")
    parser.add_argument("--tags", type=int, nargs="+", default=[10, 100, 1_000, 10_000, 50_000], help="of collections")
    parser.add_argument("--directory", type=Path, help="where tables, JSON and pictures go")
    wanted = parser.parse_args()
    curves = tuple(wanted.loads), tuple(wanted.tags)
    amounts = wanted.mib, wanted.repositories, wanted.clients
    effort = Effort(wanted.rounds, wanted.seconds, *amounts, *curves, lambda line: print(line, flush=True))
    found: list[Found] = []
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tagwarden-bench-")))
        log = stack.enter_context((directory / "bench.log").open("w"))
        telemetry.configure("json", stream=log)  # of what is measured in this process, as the proxy itself writes it
        stack.callback(telemetry.configure)
        there = stack.enter_context(stage(directory))
        for number, name in enumerate(wanted.only, 1):
            effort.say(f"{name}, {number} of {len(wanted.only)}")
            found += ALL[name](there, effort)
    print(table.as_text(found))
    if wanted.directory:
        _keep(found, wanted)


def _keep(found: list[Found], wanted: argparse.Namespace) -> None:
    directory: Path = wanted.directory
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "bench.txt").write_text(table.as_text(found) + "\n")
    (directory / "bench.md").write_text(table.as_markdown(found) + "\n")
    about = {name: value for name, value in vars(wanted).items() if name != "directory"}
    table.write_json(found, directory / "bench.json", **about, cores=os.cpu_count())
    plots.draw([each for each in found if isinstance(each, Point)], directory)


if __name__ == "__main__":
    main()
