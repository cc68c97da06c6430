"""Health for orchestrators, on a port of its own.

`/healthz` answers while the loop lives, `/readyz` while the trust store answers.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import structlog
from aiohttp import web

from proxy.web.answers import BANNER

log = structlog.get_logger()

Ready: TypeAlias = Callable[[], Awaitable[object]]

_READY: Final = web.AppKey[Ready]("ready")


def build(ready: Ready) -> web.Application:
    """Make the application; `ready` returns if the trust store answers, and raises if it does not."""
    app = web.Application()
    app[_READY] = ready
    app.on_response_prepare.append(_sign)
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz)
    return app


async def _sign(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = BANNER


async def _healthz(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _readyz(request: web.Request) -> web.Response:
    try:
        await request.app[_READY]()
    except Exception as failure:  # noqa: BLE001  (whatever is wrong with the store, the proxy is not ready)
        log.warning("not ready", why=str(failure))
        return web.Response(status=503, text="not ready; the log says why\n")
    return web.Response(text="ok\n")
