"""All hops of one installation: side by side where they do not need each other, each within its time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import TypeVar

from proxy.clock import Clock
from proxy.config.settings import BundleSettings, NotarySettings, Settings
from proxy.doctor import bundle, configuration, naming, notary, past, registry, repositories, store
from proxy.doctor.findings import Finding, Hop, Name
from proxy.limits import DOCTOR_HOP_SECONDS, DOCTOR_TRUST_DATA_SECONDS
from proxy.names import Gun, Repository
from proxy.store.protocol import TrustReader

_Result = TypeVar("_Result")


def count_hops(settings: Settings) -> int:
    """How often `examine` calls `done`."""
    return 6 + len(settings.notaries)


async def examine(
    settings: Settings,
    named: Sequence[Repository] = (),
    *,
    clock: Clock | None = None,
    addresses: Sequence[str] | None = None,
    done: Callable[[], object] = lambda: None,
) -> tuple[Finding, ...]:
    """Test every hop alone.

    Args:
        settings: the configuration, which loaded.
        named: repositories to look at; default: some of the catalogue.
        clock: ours.
        addresses: of this machine, not on loopback; default: those that the kernel lists.
        done: called after each hop.

    Returns:
        What was found, hop by hop, in the order of a pull.
    """
    clock = clock or Clock()
    titles = ("configuration", "name", "registry", "past the proxy", "trust store", "repositories")
    config, name, door, around, memory, content = (Hop(title) for title in titles)
    signatures = {each: Hop(f"notary {each}") for each in settings.notaries}
    configuration.examine(config, settings, clock.now())
    done()
    async with AsyncExitStack() as opened:
        _, catalogue, _, reader = await asyncio.gather(
            within(name, Name.NAME_ANSWER, naming.examine(name, settings, clock), done),
            within(door, Name.REGISTRY_API, registry.examine(door, settings.registry, named, clock), done),
            within(
                around, Name.REGISTRY_PAST_PROXY, past.examine(around, settings.registry.url, clock, addresses), done
            ),
            within(memory, Name.STORE, _store(memory, settings, clock, opened), done),
        )
        chosen = repositories.choose(settings, named, catalogue or ())
        readable = await asyncio.gather(
            *(_notary(hop, settings, settings.notaries[each], chosen, clock, done) for each, hop in signatures.items())
        )
        looking = repositories.examine(
            content, settings, chosen, frozenset(filter(None, readable)), clock, named, reader=reader
        )
        await within(content, Name.REPOSITORIES, looking, done, DOCTOR_TRUST_DATA_SECONDS)
    hops = (config, name, door, around, *signatures.values(), memory, content)
    return tuple(finding for hop in hops for finding in hop.findings)


async def _store(hop: Hop, settings: Settings, clock: Clock, opened: AsyncExitStack) -> TrustReader | None:
    return await store.examine(hop, settings.trust_store, settings.notaries, clock, opened, settings.probes)


async def _notary(
    hop: Hop,
    settings: Settings,
    one: NotarySettings | BundleSettings,
    chosen: Sequence[Repository],
    clock: Clock,
    done: Callable[[], object],
) -> str | None:
    """The name of a Notary whose trust data can be read."""
    if isinstance(one, BundleSettings):
        graces = (entry.expiry_grace for entry in settings.policy.entries if entry.notary == one.name)
        examining = bundle.examine(hop, one, max(graces, default=None), clock)
        return one.name if await within(hop, Name.NOTARY_DIRECTORY, examining, done) else None
    examining = notary.examine(hop, one, _gun_on(settings, one.name, chosen), clock)
    return one.name if await within(hop, Name.NOTARY_API, examining, done) else None


def _gun_on(settings: Settings, name: str, chosen: Sequence[Repository]) -> Gun | None:
    """A collection that this proxy has to read on a Notary."""
    for repository in chosen:
        where = settings.policy.whereabouts(repository)
        if where.get("notary") == name:
            return Gun(where["gun"])
    return None


async def within(
    hop: Hop, name: Name, work: Awaitable[_Result], done: Callable[[], object], seconds: float = DOCTOR_HOP_SECONDS
) -> _Result | None:
    """Give a hop its time, and no more; None where that was not enough."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        hop.unknown(name, f"the rest, which took longer than {seconds:g} s")
        return None
    except Exception as defect:  # noqa: BLE001  (a defect of this program must not hide what other hops found)
        hop.fail(name, f"this program failed at it ({type(defect).__name__})", "report that as a defect of Tagwarden")
        return None
    finally:
        done()
