"""A Notary that has signed `shop/api:1.0`, for commands that decide here: it is trusted on first use."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from proxy.assembly import Parts
from proxy.registry.client import RegistryClient
from tests.support.resolving import REPOSITORY, bench
from tests.unit.explanation.doubles import Registry


def asking_a_notary(
    *, remembered: bool = False, **policy: Any
) -> Callable[..., AbstractAsyncContextManager[tuple[Parts, bool]]]:
    """In place of `asking`, with a trust store; `remembered` is whether the repository was asked for before."""

    @asynccontextmanager
    async def asked(_settings: object) -> AsyncIterator[tuple[Parts, bool]]:
        async with bench(**policy) as desk:
            if remembered:
                await desk.resolver.evidence_for(REPOSITORY)
            yield Parts(desk.resolver, cast("RegistryClient", Registry()), desk.resolver.closure), True

    return asked
