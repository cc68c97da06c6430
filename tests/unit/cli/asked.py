"""A Notary that has signed `shop/api:1.0`, for commands that decide here: it is trusted on first use."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from proxy.assembly import Parts
from proxy.cli.quiet import quiet
from proxy.registry.client import RegistryClient
from proxy.upkeep import Upkeep
from tests.support.resolving import REPOSITORY, bench
from tests.unit.explanation.doubles import Registry


def asking_a_notary(
    *, remembered: bool = False, **policy: Any
) -> Callable[..., AbstractAsyncContextManager[tuple[Parts, bool]]]:
    """In place of `asking`, with a trust store; `remembered` is whether the repository was asked for before."""

    @asynccontextmanager
    async def asked(_settings: object) -> AsyncIterator[tuple[Parts, bool]]:
        with quiet():
            async with bench(**policy) as desk:
                if remembered:
                    await desk.resolver.evidence_for(REPOSITORY)
                upkeep = Upkeep(desk.resolver.renewal, desk.store)
                yield Parts(desk.resolver, cast("RegistryClient", Registry()), desk.resolver.closure, upkeep), True

    return asked
