"""Health and metrics, on a port of its own: whatever clients do to the others, this one answers.

`/healthz` answers while the loop lives, `/readyz` while requests are welcome, `/metrics` with numbers.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import structlog
from aiohttp import hdrs, web

from proxy.flights import Flights
from proxy.web.answers import BANNER

log = structlog.get_logger()

Ready: TypeAlias = Callable[[], Awaitable[Mapping[str, str | None]]]
"""What has to be well, and of each part why it is not; None where it is."""

Metrics: TypeAlias = Callable[[str], Awaitable[tuple[bytes, str]]]
"""All numbers and their type, for whoever accepts such types."""


class _Probes:
    """Answers probes; what `/readyz` says is logged when it changes."""

    def __init__(self, ready: Ready, metrics: Metrics) -> None:
        self._ready = ready
        self._metrics = metrics
        self._asking: Flights[str, Mapping[str, str | None]] = Flights()
        self._said: str | None = None

    async def healthz(self, _request: web.Request) -> web.Response:
        """The loop lives."""
        return web.Response(text="ok\n")

    async def readyz(self, _request: web.Request) -> web.Response:
        """Every part that is not well has a line; who asks at the same time gets the same answer."""
        try:
            parts = await self._asking.join("ready", self._ask, name="readiness")
        except Exception:
            log.exception("unexpected error", path="/readyz")
            return web.Response(status=503, text="not ready: unexpected error, the log says more\n")
        failing = {name: why for name, why in parts.items() if why is not None}
        self._tell("; ".join(f"{name}: {why}" for name, why in failing.items()))
        if not failing:
            return web.Response(text="ok\n")
        return web.Response(status=503, text="".join(f"{name}: {why}\n" for name, why in failing.items()))

    async def metrics(self, request: web.Request) -> web.Response:
        """All numbers, in the format that is asked for."""
        body, content_type = await self._metrics(request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})

    async def _ask(self) -> Mapping[str, str | None]:
        return await self._ready()

    def _tell(self, why: str) -> None:
        before, self._said = self._said, why
        if why and why != before:
            log.warning("not ready", why=why)
        elif before and not why:
            log.info("ready")


def build(ready: Ready, metrics: Metrics) -> web.Application:
    """Make the application."""
    app, probes = web.Application(), _Probes(ready, metrics)
    app.on_response_prepare.append(_sign)
    app.router.add_get("/healthz", probes.healthz)
    app.router.add_get("/readyz", probes.readyz)
    app.router.add_get("/metrics", probes.metrics)
    return app


async def _sign(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = BANNER
