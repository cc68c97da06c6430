"""How aiohttp is made to listen: limits, nothing decoded, and one voice also for what its parser turns away."""

import orjson
import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from proxy.limits import CLIENT_KEEPALIVE_SECONDS, CLIENT_LINGER_SECONDS, DRAIN_SECONDS, HTTP_LINE_BYTES
from proxy.web.answers import API_VERSION, BANNER

log = structlog.get_logger()


class Connection(RequestHandler):
    """One client's connection; a request that is no HTTP gets a 400 in the registry's form, and no traceback."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what never became a request; whatever fails later is answered by the application.

        Raises:
            ConnectionError: the client left or was cut off; aiohttp closes the connection without another word.
        """
        if isinstance(exc, ConnectionError):
            raise exc
        if status != 400 or request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        log.info("no HTTP", client=request.remote, why=type(exc).__name__)
        error = {"code": "UNSUPPORTED", "message": "this request is no valid HTTP [reference_invalid]", "detail": None}
        response = web.Response(
            status=400,
            headers={**API_VERSION, "Server": BANNER, "Content-Type": "application/json", "Cache-Control": "no-store"},
            body=orjson.dumps({"errors": [error]}),
        )
        response.force_close()
        return response


class _Listener(web.Server):
    """Makes a `Connection` for every client."""

    def __call__(self) -> RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs the data plane's application; use it in place of `web.AppRunner`.

    A client that leaves cancels its handler, so that the registry is not read for nobody. Bodies are passed on as
    they are, so nothing is decompressed. Registry tokens need longer lines than aiohttp allows by itself.
    """

    def __init__(self, app: web.Application) -> None:
        """Run `app` under the limits of this program."""
        super().__init__(
            app,
            access_log=None,
            auto_decompress=False,
            handler_cancellation=True,
            keepalive_timeout=CLIENT_KEEPALIVE_SECONDS,
            lingering_time=CLIENT_LINGER_SECONDS,
            max_line_size=HTTP_LINE_BYTES,
            max_field_size=HTTP_LINE_BYTES,
            shutdown_timeout=DRAIN_SECONDS,
        )

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Listener(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            **made._kwargs,  # noqa: SLF001  (the only way to another class of connection)
        )
