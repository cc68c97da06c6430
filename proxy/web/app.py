"""The application: one handler behind one grammar, and the doors behind it.

Nothing is routed by aiohttp: `proxy.web.paths` reads the raw target and alone decides. Whatever a door raises ends in
`proxy.web.middleware`.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self, TypeAlias

from aiohttp import hdrs, web

from proxy.admissions import Admissions
from proxy.config.settings import Doors, Network
from proxy.errors import MethodNotAllowed, PathUnknown
from proxy.registry.client import RegistryClient
from proxy.registry.closure import Closure
from proxy.web import paths, routes
from proxy.web.answers import API_VERSION, BANNER
from proxy.web.blobs import BlobReads
from proxy.web.candidates import Candidates
from proxy.web.closed import ClosedDigests
from proxy.web.deciding import Resolver
from proxy.web.exchange import ADMISSIONS, EXCHANGE, LISTENER
from proxy.web.fast_path import FAST_PATH, FastPath, Pledging
from proxy.web.forwarded import TRUSTED_PROXIES
from proxy.web.lists import Lists
from proxy.web.middleware import NOW, answer_for_everything
from proxy.web.pulls import Pulls
from proxy.web.returns import Returns
from proxy.web.writes import Writes


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Services:
    """What requests are answered with; opened and closed together with the application.

    Two applications over one of these share it all: what one of them closed is closed for the other, and what `returns`
    said is said. `admissions` is told what became of tags. `pledging` is what stands by its decisions, for the fast
    path; None for no such path.
    """

    registry: RegistryClient
    resolver: Resolver
    closure: Closure
    doors: Doors
    now: Callable[[], datetime] = _now
    closed: ClosedDigests = field(default_factory=ClosedDigests)
    admissions: Admissions | None = None
    pledging: Pledging | None = None
    returns: Returns = field(default_factory=Returns)


OpenServices: TypeAlias = Callable[[], AbstractAsyncContextManager[Services]]


@dataclass(frozen=True, slots=True)
class _DataPlane:
    """What stands behind the doors; `name` is the registry's, `ns_allowed` are others that a mirror may ask for."""

    pulls: Pulls
    blobs: BlobReads
    writes: Writes
    lists: Lists
    returns: Returns
    name: str
    ns_allowed: frozenset[str]

    @classmethod
    def over(cls, services: Services, name: str, ns_allowed: frozenset[str], *, candidates: bool, splice: bool) -> Self:
        """Make the doors of one application; with `candidates` every read passes, and writes are as anywhere."""
        registry, doors, closed = services.registry, services.doors, services.closed
        resolver = Candidates(services.resolver) if candidates else services.resolver
        guard = BlobReads(registry, services.resolver, doors, closed)
        return cls(
            Pulls(registry, resolver, services.closure, closed, doors.push),
            BlobReads(registry, resolver, doors, closed, straight=splice),
            Writes(registry, services.resolver, doors, guard, ns_allowed),
            Lists(registry, resolver),
            services.returns,
            name,
            ns_allowed,
        )


_OPEN: Final = web.AppKey[OpenServices]("open_services")
_CANDIDATES: Final = web.AppKey("candidates", bool)
_NAME: Final = web.AppKey("name", str)
_NS_ALLOWED: Final = web.AppKey[frozenset[str]]("ns_allowed")
_SPLICE: Final = web.AppKey("splice", bool)
_DATA_PLANE: Final = web.AppKey("data_plane", _DataPlane)


def build(
    open_services: OpenServices,
    *,
    name: str,
    trusted_proxies: tuple[Network, ...] = (),
    ns_allowed: frozenset[str] = frozenset(),
    candidates: bool = False,
    splice: bool = True,
) -> web.Application:
    """Make the application.

    Args:
        open_services: opens what the application works with; entered when it starts, left when it stops.
        name: the registry's own, which decided answers state.
        trusted_proxies: peers that are believed about who the client is and how it came.
        ns_allowed: the registries that `?ns=` may name; any other is ignored.
        candidates: whether every read is answered, for scanners and co-signers (design: Pushers and candidates).
        splice: whether large blobs go straight from the registry's connection to the client's.
    """
    app = web.Application(middlewares=[answer_for_everything])
    app[_OPEN] = open_services
    app[_NAME] = name
    app[_NS_ALLOWED] = ns_allowed
    app[_CANDIDATES] = candidates
    app[_SPLICE] = splice
    app[LISTENER] = "candidates" if candidates else "listen"
    app[TRUSTED_PROXIES] = trusted_proxies
    app.cleanup_ctx.append(_work_with_services)
    app.on_response_prepare.append(_sign)
    app.router.add_route(hdrs.METH_ANY, "/{anything:.*}", _handle, expect_handler=_wait_with_continue)
    return app


async def _work_with_services(app: web.Application) -> AsyncIterator[None]:
    async with app[_OPEN]() as services:
        app[NOW] = services.now
        app[ADMISSIONS] = services.admissions
        app[_DATA_PLANE] = _DataPlane.over(
            services, app[_NAME], app[_NS_ALLOWED], candidates=app[_CANDIDATES], splice=app[_SPLICE]
        )
        if services.pledging is None or app[_CANDIDATES]:
            yield
            return
        fast = app[FAST_PATH] = FastPath(
            services.pledging, services.registry, services.closure, services.admissions, services.now
        )
        yield
        fast.close()


async def _handle(request: web.Request) -> web.StreamResponse:
    plane = request.app[_DATA_PLANE]
    plane.returns.check(request)
    route = paths.find(request.raw_path)
    request[EXCHANGE].route = route.form
    if request.method not in route.methods:
        request[EXCHANGE].allow = route.methods
        raise MethodNotAllowed(request.method)
    namespace = paths.namespace(request.raw_path)
    name = namespace if namespace in plane.ns_allowed else None
    request[EXCHANGE].name = name or plane.name
    reads = request.method in ("GET", "HEAD")
    match route:
        case routes.ApiRootWithoutSlash():
            return web.Response(status=301, headers={**API_VERSION, hdrs.LOCATION: routes.ApiRoot.form})
        case routes.ManifestRoute(reference) if reads:
            answering = plane.pulls.answer(request, reference, name)
        case routes.BlobRoute() if reads:
            answering = plane.blobs.answer(request, route, name)
        case routes.ManifestRoute() | routes.BlobRoute() if request.method == "DELETE":
            answering = plane.writes.delete(request, route)
        case routes.ManifestRoute() | routes.UploadStart() | routes.Upload():
            answering = plane.writes.push(request, route)
        case routes.TagsList():
            answering = plane.lists.tags(request, route, name)
        case routes.ApiRoot() | routes.Catalog() | routes.Referrers():
            answering = plane.lists.answer(request, route)
        case _:
            raise PathUnknown(request.raw_path)
    return await answering


async def _wait_with_continue(_request: web.Request) -> None:
    """Leave `Expect: 100-continue` to the code that reads the body, which may not want it."""


async def _sign(request: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = BANNER
    exchange = request.get(EXCHANGE)
    if exchange is not None:
        exchange.status = response.status
        response.headers["X-Request-Id"] = exchange.request_id
