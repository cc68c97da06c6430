"""Where trust data is fetched from: a server, or a directory in its place."""

from types import TracebackType
from typing import Protocol, Self

from proxy.config.settings import BundleSettings, NotarySettings
from proxy.names import Gun
from proxy.notary.client import NotarySource
from proxy.notary.directory import DirectorySource
from proxy.tuf.messages import Fetch, Reply


class Source(Protocol):
    """An entry of `notaries`, `name` being its key there; an async context manager, made in a running event loop."""

    name: str

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def fetch(self, gun: Gun, wish: Fetch) -> Reply:
        """Fetch one file of a collection, within the wish's size; never raises for what others do."""
        ...


def open_source(settings: NotarySettings | BundleSettings) -> Source:
    """What an entry of `notaries` names. Raises `UserError` for TLS files that cannot be used."""
    return DirectorySource(settings) if isinstance(settings, BundleSettings) else NotarySource(settings)
