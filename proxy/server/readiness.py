"""Whether requests are welcome, part by part (design: `probes`).

Notary is no part of it: its being away is no reason to send clients elsewhere, where it is away too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from proxy.clock import Clock
from proxy.errors import Refusal
from proxy.last_check import LastCheck
from proxy.limits import READY_SECONDS
from proxy.registry.client import RegistryClient
from proxy.store.protocol import TrustStore

_log = structlog.get_logger()


@dataclass(slots=True)
class Readiness:
    """`check_serving` raises `Undecided` unless a configuration is loaded and clients are served.

    `registry` is replaced with the configuration; that one of them answered is remembered.
    """

    check_serving: Callable[[], None]
    store: TrustStore
    registry: RegistryClient
    clock: Clock = field(default_factory=Clock)
    _has_answered: bool = False

    async def parts(self) -> Mapping[str, str | None]:
        """What has to be well, and of each part why it is not."""
        names = ("serving", "trust store", "registry")
        found = await asyncio.gather(_why(self._serving()), _why(self._store()), _why(self._registry()))
        return dict(zip(names, found, strict=True))

    async def _serving(self) -> None:
        self.check_serving()

    async def _store(self) -> None:
        await check_store(self.store, self.clock)

    async def _registry(self) -> None:
        """It answered once: from then on its being away is an answer that clients get here as well as anywhere."""
        if not (self._has_answered or self.registry.has_answered):
            await self.registry.greet()
        self._has_answered = True


async def check_store(store: TrustStore, clock: Clock) -> None:
    """See that a trust store can be read and written, and that our clock keeps us from neither.

    Other proxies may have better clocks. Raises `TrustStoreUnavailable`, and `Undecided` for a clock that is behind.
    """
    newest, last = LastCheck(), await store.last_check()
    if last is not None:
        newest.note(last)
    newest.hold_against(clock.now())
    await store.check_writable(timed=True)


async def _why(part: Awaitable[None]) -> str | None:
    try:
        async with asyncio.timeout(READY_SECONDS):
            await part
    except TimeoutError:
        return f"no answer within {READY_SECONDS:g} s"
    except Refusal as refusal:
        return str(getattr(refusal, "why", refusal))
    except Exception:  # noqa: BLE001  (a defect of ours: whatever it is, requests are not welcome)
        _log.exception("unexpected error", path="/readyz")
        return "unexpected error, the log says more"
    return None
