"""Where the processor time goes: of one verification, and of the first contact with one collection."""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from functools import partial, wraps
from inspect import iscoroutinefunction
from itertools import count
from typing import Any, Final, cast
from unittest.mock import patch

import uvloop

from deploy.stack.images import index, push
from deploy.stack.proxy import write_configuration
from loadtest.bench.rounds import Effort, in_turns
from loadtest.bench.signed import Signed, usual, verified
from loadtest.bench.stage import Stage, anybody
from loadtest.bench.table import Found, Point
from proxy import verification as whole
from proxy.checks import Checks
from proxy.clock import Clock
from proxy.config import load
from proxy.config.settings import Settings
from proxy.names import Gun, Reference, Repository, Tag
from proxy.notary.sources import open_source
from proxy.policy.decisions import Allowed
from proxy.registry.client import connect
from proxy.registry.closure import Closure
from proxy.registry.headers import ClientCredentials
from proxy.renewal import Renewal
from proxy.resolver import Resolver
from proxy.store.opening import open_store
from proxy.store.protocol import TrustStore
from proxy.tuf import canonical, metadata
from proxy.tuf.keys import PublicKey
from proxy.tuf.messages import Fetch, Reply
from proxy.verification import Job, Verified
from proxy.verifier import Verifier
from tests.support.publishing import Publisher

VERIFICATION: Final = "parts of a verification, with keys never seen before"
CONTACT: Final = "parts of a first contact, one at a time"

_TIMES: Final = 50
_REST: Final = "the rest"
_ANYBODY: Final = ClientCredentials()


class Account:
    """Seconds of a processor by what they were spent on; what is spent within something else counts there alone."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self._on: list[str] = []
        self._since = time.process_time()

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Book this on `what` for as long as the block lasts, and not on what is around it."""
        self._book()
        self._on.append(what)
        try:
            yield
        finally:
            self._book()
            self._on.pop()

    def booked(self, what: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, booked."""

        @wraps(work)
        def wrapped(*given: Any, **named: Any) -> Any:  # noqa: ANN401  (whatever it takes and gives)
            with self.on(what):
                return work(*given, **named)

        return wrapped

    def each(self, times: int) -> dict[str, float]:
        """Milliseconds of one of so many."""
        return {what: 1000 * seconds / times for what, seconds in self.spent.items()}

    def _book(self) -> None:
        now = time.process_time()
        if self._on:
            self.spent[self._on[-1]] += now - self._since
        self._since = now


def parts(there: Stage, effort: Effort) -> Iterator[Found]:
    """Verifications in memory, then first contacts with the real Notary, registry and trust store."""
    times, rounds = min(_TIMES, effort.repositories), count()
    sides = {
        VERIFICATION: lambda: _verification(times),
        CONTACT: lambda: _first_contacts(there, times, f"parts-{next(rounds)}"),
    }
    for plot, samples in in_turns(effort, "parts", sides).items():
        for part in sorted(samples[0], key=samples[0].__getitem__, reverse=True):
            yield Point(plot, part, "CPU ms", 0.0, [each.get(part, 0.0) for each in samples])
        yield Point(plot, "together", "CPU ms", 0.0, [sum(each.values()) for each in samples])


def _verification(times: int) -> dict[str, float]:
    account, collections = Account(), [usual() for _ in range(times)]
    with ExitStack() as stack:
        for where, name, what in (
            (PublicKey, "verifies", "signatures"),
            (metadata, "make_key", "reading keys"),
            (canonical, "read", "reading JSON"),
            (canonical, "encode", "writing the canonical form"),
            (metadata, "decode_base64", "reading base64"),
            (whole, "compact", "packing it for memory"),
        ):
            stack.enter_context(patch.object(where, name, account.booked(what, getattr(where, name))))
        for each in collections:
            with account.on(_REST):
                verified(each)
    return account.each(times)


def _first_contacts(there: Stage, times: int, place: str) -> dict[str, float]:
    publisher, content = Publisher(there.trust, Signed), index([])
    names = [Repository(f"{place}/service-{number}") for number in range(times)]
    for name in names:
        push(there.there, name, content, "1.0")
        publisher.publish(f"{there.there.host}/{name}", "1.0", content.manifest.content)
    publisher.close()
    addresses = {"listen": {"address": "127.0.0.1:0"}, "probes": {"address": "127.0.0.1:0"}}
    settings = load(write_configuration(there.directory / place, {**anybody(there), **addresses}), {})
    return uvloop.run(_asked(settings, names)).each(times)


async def _asked(settings: Settings, names: list[Repository]) -> Account:
    """What a pull asks for in turn: may this client read, what is signed, what are its bytes."""
    account = Account()
    async with AsyncExitStack() as stack:
        opened = await open_store(settings.trust_store)
        stack.push_async_callback(opened.close)
        store = cast("TrustStore", _Booked(opened, account, "trust store"))
        registry = await stack.enter_async_context(connect(settings.registry))
        source = await stack.enter_async_context(open_source(settings.notaries["corp"]))
        verifier = await stack.enter_async_context(_BookedVerifier(account))

        async def fetch(gun: Gun, wish: Fetch) -> Reply:
            with account.on("Notary requests"):
                return await source.fetch(gun, wish)

        checks = Checks(settings.policy, store, {"corp": fetch}, Clock(), verifier=verifier)
        closure = Closure(registry.get_manifest, store)
        resolver = Resolver(settings.policy, store, Renewal(checks), registry, closure, checks.clock)
        for name in names:
            reference = Reference(name, Tag("1.0"))
            with account.on("registry requests"):
                await registry.lets_in(name, _ANYBODY)
            with account.on(_REST):
                decision = await resolver.resolve(reference, _ANYBODY)
            if decision.refusal is not None:
                raise decision.refusal
            allowed = cast("Allowed", decision.permission)
            with account.on("registry requests"):
                await registry.get_manifest(reference, allowed, _ANYBODY)
    return account


class _Booked:
    """A trust store whose every call is booked."""

    def __init__(self, store: TrustStore, account: Account, what: str) -> None:
        self._store, self._account, self._what = store, account, what

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (whatever the store has)
        found = getattr(self._store, name)
        return partial(self._call, found) if iscoroutinefunction(found) else found

    async def _call(self, work: Callable[..., Awaitable[object]], *given: object, **named: object) -> object:
        with self._account.on(self._what):
            return await work(*given, **named)


class _BookedVerifier(Verifier):
    """A verifier whose own part is booked, and not what it waits for."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account

    async def verify(self, job: Job, fetch: Callable[[Fetch], Awaitable[Reply]]) -> Verified:
        """As it does."""
        with self._account.on("verification"):
            return await super().verify(job, fetch)
