"""Which application answers: the one of now; each request is seen through by the one that it began with."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Self, TypeAlias

from aiohttp import web, web_app

from proxy.tasks import spawn
from proxy.web.fast_path import FAST_PATH

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_MIDDLEWARES: Final = web_app._cached_build_middleware  # noqa: SLF001  (nothing public empties it)
"""What aiohttp remembers of each application that had a request: a thousand of them, with all that belongs to them."""


class Duty:
    """An application at work; made by `begin`. Once it is to `end`, it does so with its last request."""

    def __init__(self, runner: web.AppRunner, server: web.Server) -> None:
        self.app = runner.app
        self.fast_path = runner.app.get(FAST_PATH)
        self.make_request = server.request_factory
        self._handle: Handler = server.request_handler
        self._runner = runner
        self._under_way = 0
        self._is_over = False
        self._closing: asyncio.Task[None] | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left of it."""
        return self._closing is not None and self._closing.done()

    @classmethod
    async def begin(cls, app: web.Application) -> Self:
        """Start an application that nobody asks yet."""
        runner = web.AppRunner(app)
        await runner.setup()
        if runner.server is None:
            raise RuntimeError("an application that was set up has no server")
        return cls(runner, runner.server)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        self._under_way += 1
        try:
            return await self._handle(request)
        finally:
            self._under_way -= 1
            self._end_if_done()

    def end(self) -> None:
        """Nobody new asks this one; what it answered is told before anything of the next."""
        self._is_over = True
        if self.fast_path is not None:
            self.fast_path.close()
        self._end_if_done()

    async def close(self) -> None:
        """End it now, or wait until it has ended."""
        if self._closing is None:
            self._closing = spawn(self._close(), name="end of an application")
        await asyncio.shield(self._closing)

    def _end_if_done(self) -> None:
        if self._is_over and not self._under_way and self._closing is None:
            self._closing = spawn(self._close(), name="end of a replaced application")

    async def _close(self) -> None:
        await self._runner.cleanup()
        _MIDDLEWARES.cache_clear()  # the one that is on duty is remembered again with its next request
