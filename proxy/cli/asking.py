"""What commands that only ask stand on: the parts of the proxy over a store that they cannot change."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from proxy.assembly import Parts, assemble
from proxy.cli.quiet import quiet
from proxy.config.settings import Settings
from proxy.errors import Refusal, TrustStoreUnavailable
from proxy.names import Repository
from proxy.store.opening import open_reader
from proxy.store.overlay import Overlay
from proxy.store.protocol import TrustReader


@asynccontextmanager
async def asking(settings: Settings) -> AsyncIterator[tuple[Parts, bool]]:
    """The parts, and whether anything was remembered to start from. Raises `UserError`."""
    with quiet():
        below = await open_reader(settings.trust_store)
        store = Overlay(below)
        try:
            async with assemble(settings, store) as parts:
                yield parts, below is not None
        finally:
            await store.close()


async def is_first_use(settings: Settings, store: TrustReader, repository: Repository, name: str | None = None) -> bool:
    """Whether nothing but trust on first use could anchor the trust data of a repository.

    To be asked before anything new is seen; `name` is the registry's where it is not the configured one (`ns_allowed`).
    """
    policy = settings.policy
    try:
        entry = policy.entry_for(repository)
        gun = entry.gun(name or policy.name, repository)
    except Refusal:
        return False  # no collection is asked for
    try:
        remembered = await store.load(entry.notary, gun)
    except TrustStoreUnavailable:
        return True
    is_known = remembered is not None and bool(remembered.stored.files)  # what was forgotten on purpose has none
    return entry.pins.is_tofu and not is_known
