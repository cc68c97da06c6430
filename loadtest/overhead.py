"""`python -m loadtest.overhead`: what each request pays for reloads, and for traces, in microseconds of processor time.

Nothing is asserted: the figures are for people, and for whoever makes the usual path faster.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from proxy.config.settings import TracingSettings
from proxy.telemetry import configure, traces
from proxy.web.duty import Duty
from proxy.web.listener import Runner
from tests.support.collector import collector

ROUNDS: Final = 20_000
TRACED: Final = 300  # so few that none of their spans is dropped
FORM: Final = "/v2/{0.reference.repository}/manifests/{0.reference.target}"
TOLD: Final = {
    "request_id": "8a4c3f1e",
    "reference": "shop/api:1.0",
    "gun": "registry.example.com/shop/api",
    "rule": "shop/**",
    "mode": "enforce",
    "decision": "allowed",
    "refusal": None,
    "digest": f"sha256:{'a' * 64}",
    "stale": None,
}
FACTS: Final = {
    "path": "/v2/shop/api/manifests/1.0",
    "status": 200,
    "duration": 0.0004,
    "client": "10.0.0.7",
    "user_agent": "docker/29.1.2",
    "listener": "listen",
    "cache": "fresh",
}


def main() -> int:
    """Measure, and print one line for each part."""
    with Path("/dev/null").open("w") as nowhere:
        configure("json", stream=nowhere)
        asyncio.run(_measure())
        configure()
    return 0


async def _measure() -> None:
    await _reloads()
    await _traces()


async def _reloads() -> None:
    """The way to an application that another one can take the place of, beside the straight one."""

    async def hello(_: web.BaseRequest) -> web.Response:
        return answer

    answer, request = web.Response(), make_mocked_request("GET", "/v2/")
    runner = Runner(web.Application())
    await runner.setup()
    duty = await Duty.begin(web.Application())
    duty._handle = hello  # noqa: SLF001  (so that nothing but the way there is measured)
    runner.turn_to(duty)
    straight = await _best(lambda: hello(request))
    answered = await _best(lambda: runner._answer(request))  # noqa: SLF001  (the way there is what is measured)
    _report("an application that can be replaced", answered - straight)
    await runner.cleanup()


async def _traces() -> None:
    idle = await _best(_nothing)
    _report("nothing is traced", await _best(_warm) - idle)
    with collector() as seen:
        seen.status = 202  # so that it does not look at what it gets
        settings = TracingSettings(URL(seen.url))
        for what, work in (("a warm pull is traced: one span", _warm), ("a cold pull is traced: six spans", _cold)):
            here, whole = await _traced(settings, work)
            _report(what, here - idle)
            _report("  and with the thread that sends them", whole - idle)


async def _traced(settings: TracingSettings, work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Seconds of one round in this thread, and in all of this process until everything was sent; the best of five."""
    found = []
    for _ in range(5):
        whole = time.process_time()
        with traces.tracing(settings, "registry.example.com"):
            here = time.thread_time()
            for _ in range(TRACED):
                await work()
            here = time.thread_time() - here
        found.append((here / TRACED, (time.process_time() - whole) / TRACED))
    return min(each[0] for each in found), min(each[1] for each in found)


async def _nothing() -> None:
    """What a round costs by itself."""


async def _warm() -> None:
    with traces.request("GET", None, is_tls=True) as span:
        pass
    span.tell(FORM, TOLD, FACTS)


async def _cold() -> None:
    with traces.request("GET", None, is_tls=True) as span:
        with traces.verification("corp", "registry.example.com/shop/api"):
            for name in ("timestamp", "snapshot", "targets"):
                with traces.notary_file("corp", "registry.example.com/shop/api", name, "notary") as file:
                    file.note(status=200)
        with traces.manifest("shop/api", TOLD["digest"] or "", "registry") as manifest:
            manifest.note(status=200)
    span.tell(FORM, TOLD, FACTS)


async def _best(work: Callable[[], Awaitable[object]]) -> float:
    """Seconds of one round: the best of five, because whatever else the machine does only adds to it."""
    found = []
    for _ in range(5):
        begun = time.thread_time()
        for _ in range(ROUNDS):
            await work()
        found.append(time.thread_time() - begun)
    return min(found) / ROUNDS


def _report(what: str, seconds: float) -> None:
    sys.stdout.write(f"{what:<40}{seconds * 1e6:8.2f} us\n")


if __name__ == "__main__":
    sys.exit(main())
