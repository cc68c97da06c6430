"""A tag that everybody has in memory: how many pulls a second, and how long one waits."""

from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import Final

from loadtest.bench.load import Sample, Side, pairs, percentile, wrk
from loadtest.bench.paced import Paced, paced
from loadtest.bench.rounds import Effort, in_turns
from loadtest.bench.stage import MANIFEST, Stage
from loadtest.bench.table import Found, Point, Row

DESIGNS: Final = "throughput, as a multiple of nginx"
LOADS: Final = "latency over load"
LATE: Final = "how late the load itself was"

_CONNECTIONS: Final = 64
_PAIRS_PER_SECOND: Final = 100.0
_CACHE: Final = "nginx proxy_cache hit"
_DIRECT: Final = "registry direct"
_MEBIBYTE: Final = 1 << 20


def warm(there: Stage, effort: Effort) -> Iterator[Found]:
    """As many pulls as one core gives."""
    sides = {
        "ours": there.ours,
        "tokens": there.ours_tokens,
        "plain": there.ours_plain,
        "two": there.ours_by_two,
        "nginx": there.nginx,
        "registry": there.registry,
    }
    found = in_turns(effort, "warm tag", _asking(there, effort, sides))
    rate = _each(found, lambda sample: sample.per_second)
    cpu = _each(found, lambda sample: sample.cpu_us)
    ours, cached = rate["ours"], rate["nginx"]
    yield Row("warm tag GET", _CACHE, "requests/s", ours, cached, 0.67, 1.0, is_more=True)
    yield Row("warm tag GET", _CACHE, "CPU us", cpu["ours"], cpu["nginx"], None, None, is_more=False)
    yield from _waits("warm tag GET", _CACHE, found["ours"], found["nginx"])
    memory = _each(found, lambda sample: sample.memory / _MEBIBYTE)
    yield Row("warm tag GET, memory", _CACHE, "MiB", memory["ours"], memory["nginx"], None, None, is_more=False)
    yield Row("warm tag GET", _DIRECT, "requests/s", ours, rate["registry"], 30, 40, is_more=True)
    yield Row("warm tag GET", _DIRECT, "CPU us", cpu["ours"], cpu["registry"], None, None, is_more=False)
    yield Row("warm tag GET, token registry", _CACHE, "requests/s", rate["tokens"], cached, 0.4, 0.67, is_more=True)
    yield Row("warm tag GET, token registry", _CACHE, "CPU us", cpu["tokens"], cpu["nginx"], None, None, is_more=False)
    yield Row("warm tag GET, fast path off", _CACHE, "requests/s", rate["plain"], cached, None, None, is_more=True)
    yield Row("warm tag GET, fast path off", _CACHE, "CPU us", cpu["plain"], cpu["nginx"], None, None, is_more=False)
    yield Row("two workers, beside the load", "one worker", "requests/s", rate["two"], ours, 1.7, None, is_more=True)
    yield Row("two workers, memory", "one worker", "MiB", memory["two"], memory["ours"], None, None, is_more=False)
    designs = {
        "nginx": "nginx, proxy_cache",
        "two": "tagwarden, two workers beside the load",
        "ours": "tagwarden",
        "tokens": "tagwarden, token registry",
        "plain": "tagwarden, fast path off",
        "registry": "the registry itself",
    }
    for name, design in designs.items():
        yield _times(design, rate[name], cached)


def warm_tls(there: Stage, effort: Effort) -> Iterator[Found]:
    """The same over TLS, on connections that are kept."""
    sides = {"ours": there.ours_tls, "nginx": there.nginx_tls}
    found = in_turns(effort, "warm tag over TLS", _asking(there, effort, sides))
    rate = _each(found, lambda sample: sample.per_second)
    cpu = _each(found, lambda sample: sample.cpu_us)
    against = f"nginx TLS{_CACHE.removeprefix('nginx')}"
    yield Row("warm tag GET over TLS", against, "requests/s", rate["ours"], rate["nginx"], 0.55, 0.7, is_more=True)
    yield Row("warm tag GET over TLS", against, "CPU us", cpu["ours"], cpu["nginx"], None, None, is_more=False)
    yield from _waits("warm tag GET over TLS", against, found["ours"], found["nginx"])
    yield _times("tagwarden with TLS, beside nginx with TLS", rate["ours"], rate["nginx"])


def latency(there: Stage, effort: Effort) -> Iterator[Found]:
    """HEAD and GET of a warm tag, as docker asks, where there is little else to do."""

    def ask(side: Side) -> Callable[[], list[float]]:
        return lambda: pairs(side, MANIFEST, _PAIRS_PER_SECOND, effort.seconds)

    sides = {"ours": there.ours, "nginx": there.nginx, "registry": there.registry}
    found = in_turns(effort, "latency", {name: ask(side) for name, side in sides.items()})
    for share, aim, stretch in ((0.5, 1.3, 1.1), (0.99, 2.0, 1.3), (0.999, None, None)):
        waits = {name: [percentile(each, share) for each in rounds] for name, rounds in found.items()}
        name = f"warm HEAD+GET at low load, p{100 * share:g}"
        yield Row(name, _CACHE, "us", waits["ours"], waits["nginx"], aim, stretch, is_more=False)
        yield Row(name, _DIRECT, "us", waits["ours"], waits["registry"], None, None, is_more=False)


def loads(there: Stage, effort: Effort) -> Iterator[Found]:
    """A warm GET while the server has so much to do, in percent of what it can do at most."""
    sides = {"nginx": there.nginx, "tagwarden": there.ours, "tagwarden, fast path off": there.ours_plain}
    most = in_turns(effort, "what each can do", _asking(there, effort, sides))
    rates = {name: median(each.per_second for each in samples) for name, samples in most.items()}

    def ask(name: str, load: int) -> Callable[[], Paced]:
        return lambda: paced(sides[name], MANIFEST, rates[name] * load / 100, effort.seconds)

    for load in effort.loads:
        found = in_turns(effort, f"at {load} % of that", {name: ask(name, load) for name in sides})
        for name, rounds in found.items():
            for share in (0.5, 0.99, 0.999):
                waits = [percentile(each.waits, share) for each in rounds]
                yield Point(LOADS, f"{name}, p{100 * share:g}", "us", load, waits)
            yield Point(LATE, f"{name}, p50", "us", load, [percentile(each.late, 0.5) for each in rounds])
            yield Point(LATE, f"{name}, p99", "us", load, [percentile(each.late, 0.99) for each in rounds])


def _asking(there: Stage, effort: Effort, sides: Mapping[str, Side]) -> dict[str, Callable[[], Sample]]:
    def ask(side: Side) -> Callable[[], Sample]:
        return lambda: wrk(there.directory, side, MANIFEST, _CONNECTIONS, effort.seconds)

    return {name: ask(side) for name, side in sides.items()}


def _each(found: Mapping[str, list[Sample]], of: Callable[[Sample], float]) -> dict[str, list[float]]:
    return {name: [of(each) for each in samples] for name, samples in found.items()}


def _waits(name: str, against: str, ours: list[Sample], theirs: list[Sample]) -> Iterator[Row]:
    """What a request waits under as much load as there can be: connections times what each takes."""
    for share, of in (("50", "p50"), ("99", "p99"), ("99.9", "p999")):
        mine, other = ([float(getattr(each, of)) for each in samples] for samples in (ours, theirs))
        yield Row(f"{name}, full load, p{share}", against, "us", mine, other, None, None, is_more=False)


def _times(design: str, ours: list[float], theirs: list[float]) -> Point:
    """How often as many as nginx, round by round."""
    return Point(DESIGNS, design, "times", 0.0, [mine / other for mine, other in zip(ours, theirs, strict=True)])
