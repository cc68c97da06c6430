"""Layers, down and up: what a gigabyte costs, and whether memory stays flat."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from loadtest.bench.load import Sample, Side, wrk
from loadtest.bench.processes import LOAD_CORE, cpu_seconds, pin
from loadtest.bench.rounds import Effort, in_turns
from loadtest.bench.stage import REPOSITORY, Stage
from loadtest.bench.table import Found, Row
from loadtest.big_bodies import MIB, Upload, pieces
from loadtest.big_memory import memory_of, resident

_MEMORY_AIM: Final = 64 * MIB
_GROWTH_AIM: Final = 1.2
_GIGABYTE: Final = 1e9


def downloads(there: Stage, effort: Effort) -> Iterator[Found]:
    """A layer, read by one, by 16 and by 64 at once."""
    path = _layer(there, effort.mebibytes)
    pin([there.there.daemon.pid], LOAD_CORE)
    peaks: list[float] = []
    before = resident(there.ours.pids[0])
    for streams, aim, stretch in ((1, None, None), (16, 1.0, 0.5), (64, 1.0, 0.5)):
        peaks.clear()
        sides = {"ours": _remembering(_reading(there, effort, there.ours, path, streams), there.ours, peaks)}
        sides["unspliced"] = _reading(there, effort, there.ours_unspliced, path, streams)
        sides["nginx"] = _reading(there, effort, there.nginx, path, streams)
        found = in_turns(effort, f"blob, {streams} streams", sides)
        cpu = {name: [each.cpu_per_gb for each in samples] for name, samples in found.items()}
        name = f"blob, {streams} streams"
        yield Row(name, "nginx tuned", "CPU s/GB", cpu["ours"], cpu["nginx"], aim, stretch, is_more=False)
        speed = {name: [each.gb_per_second for each in samples] for name, samples in found.items()}
        yield Row(name, "nginx tuned", "GB/s", speed["ours"], speed["nginx"], None, None, is_more=True)
        name = f"{name}, splice: false"
        yield Row(name, "nginx tuned", "CPU s/GB", cpu["unspliced"], cpu["nginx"], None, None, is_more=False)
    held, name = peaks[-effort.rounds :], "memory at 64 blob streams"
    yield Row(name, "64 MiB", "bytes", held, [_MEMORY_AIM], 1.0, None, is_more=False)
    yield Row(name, "itself, before any", "bytes", held, [before], _GROWTH_AIM, None, is_more=False)


def downloads_tls(there: Stage, effort: Effort) -> Iterator[Found]:
    """A layer over TLS."""
    path = _layer(there, effort.mebibytes)
    pin([there.there.daemon.pid], LOAD_CORE)
    sides = {"ours": there.ours_tls, "nginx": there.nginx_tls}
    asked = {name: _reading(there, effort, side, path, 16) for name, side in sides.items()}
    found = in_turns(effort, "blob over TLS", asked)
    cpu = {name: [each.cpu_per_gb for each in samples] for name, samples in found.items()}
    yield Row("blob over TLS, 16 streams", "nginx TLS", "CPU s/GB", cpu["ours"], cpu["nginx"], 1.0, None, is_more=False)


def uploads(there: Stage, effort: Effort) -> Iterator[Found]:
    """A layer, sent in one chunked PATCH as docker does."""
    pin([there.there.daemon.pid], LOAD_CORE)
    sides = {"ours": there.ours, "nginx": there.nginx}
    found = in_turns(effort, "upload", {name: _sending(there, effort, side) for name, side in sides.items()})
    against = "nginx, request buffering off"
    yield Row("upload", against, "CPU s/GB", found["ours"], found["nginx"], 1.2, 1.0, is_more=False)


def _reading(there: Stage, effort: Effort, side: Side, path: str, streams: int) -> Callable[[], Sample]:
    return lambda: wrk(there.directory, side, path, streams, effort.seconds)


def _remembering(measure: Callable[[], Sample], side: Side, peaks: list[float]) -> Callable[[], Sample]:
    """The same, noting how much memory the process had at most."""

    def measured() -> Sample:
        with memory_of(side.pids[0]) as memory:
            sample = measure()
        peaks.append(memory.peak)
        return sample

    return measured


def _sending(there: Stage, effort: Effort, side: Side) -> Callable[[], float]:
    place = replace(there.running, url=side.url, host=urlsplit(side.url).netloc)

    def measured() -> float:
        before = cpu_seconds(side.pids)
        with Upload(place, REPOSITORY) as upload:
            for piece in pieces(effort.mebibytes):
                upload.send(piece)
            moved = upload.finish()
        return (cpu_seconds(side.pids) - before) * _GIGABYTE / moved.size

    return measured


def _layer(there: Stage, mebibytes: int) -> str:
    content = b"".join(pieces(mebibytes))
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if not there.there.has_blob(REPOSITORY, digest):
        there.there.put_blob(REPOSITORY, digest, content)
    return f"/v2/{REPOSITORY}/blobs/{digest}"
