"""The proxy's real application in front of a real registry, with a resolver that refuses what each case wants."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web
from yarl import URL

from deploy.stack.images import push
from deploy.stack.registry import Registry
from proxy.config.settings import Blobs, Delete, Doors, Push, RegistrySettings
from proxy.names import Digest, Gun, Reference, Repository, Tag
from proxy.policy.decisions import Allowed, Decision, Unenforced, allow
from proxy.policy.entries import Mode
from proxy.registry.client import connect
from proxy.registry.closure import Closure
from proxy.registry.headers import ClientCredentials
from proxy.store.overlay import Overlay
from proxy.web.app import Services, build
from proxy.web.listener import Runner
from tests.stack.screens.cases import CASES, IMAGE, Case
from tests.unit.registry.material import ENTRY

_NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
_CASES: Final = {case.repository: case for case in CASES}
_STRICT: Final = frozenset({"blob_not_admitted", "push_refused", "delete_refused"})


@dataclass(frozen=True)
class Stage:
    """Two listeners of the proxy: one as it is by default, and a `strict` one, whose other doors are shut too."""

    default: str
    strict: str

    @property
    def hosts(self) -> tuple[str, str]:
        """Both, as `127.0.0.1:port`."""
        return self.default, self.strict

    def host_of(self, case: Case) -> str:
        """Where a case is met."""
        return self.strict if case.name in _STRICT else self.default


class CaseResolver:
    """Decides as the case of the repository wants; the image of cases about something else than manifests is signed."""

    def relaxed(self, _repository: Repository) -> Unenforced | None:
        """Everything is enforced."""
        return None

    def check_blocked(self, _repository: Repository, _digest: Digest) -> None:
        """Nothing is blocked but by a case."""

    def lists_signed_tags(self, _repository: Repository) -> bool:
        """Lists are the registry's own."""
        return False

    def whereabouts(self, _repository: Repository, *, name: str | None = None) -> Mapping[str, str]:
        """Nobody asks; lists are the registry's own."""
        assert name is None
        return {}

    async def resolve(
        self, reference: Reference, _credentials: ClientCredentials, *, name: str | None = None
    ) -> Decision:
        """Refuse as the case does."""
        assert name is None
        case = _CASES[reference.repository]
        decision = _decided(reference)
        if case.name in _STRICT:
            return replace(decision, permission=_permission(Digest(IMAGE.digest), IMAGE.length))
        return replace(decision, refusal=case.refusal)

    async def resolve_blob(
        self, repository: Repository, digest: Digest, _credentials: ClientCredentials, *, name: str | None = None
    ) -> Decision:
        """Refuse the one layer of the case that is about blobs."""
        assert name is None
        refusal = _CASES[repository].refusal
        decision = _decided(Reference(repository, digest))
        if digest == getattr(refusal, "digest", None):
            return replace(decision, refusal=refusal)
        return replace(decision, permission=_permission(digest, None))

    async def signed_tags(self, _repository: Repository, *, name: str | None = None) -> frozenset[Tag]:
        """None; nobody asks."""
        assert name is None
        return frozenset()


@asynccontextmanager
async def staged(registry: Registry) -> AsyncIterator[Stage]:
    """Serve every case in front of a registry, which gets the one image."""
    for repository in ("digest_not_signed", *sorted(_STRICT)):
        push(registry, f"shop/{repository}", IMAGE, "1.0")
    async with AsyncExitStack() as stack:
        default, strict = [
            await stack.enter_async_context(_served(registry, doors))
            for doors in (Doors(), Doors(Push.REFUSE, Delete.REFUSE, Blobs.ADMITTED))
        ]
        yield Stage(default, strict)


@asynccontextmanager
async def _served(registry: Registry, doors: Doors) -> AsyncIterator[str]:
    @asynccontextmanager
    async def open_services() -> AsyncIterator[Services]:
        async with connect(RegistrySettings(URL(registry.url), None, None, doors=doors)) as client:
            closure = Closure(client.get_manifest, Overlay(None))
            yield Services(client, CaseResolver(), closure, doors, lambda: _NOW)

    runner = Runner(build(open_services, name="registry.example.com"))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _decided(reference: Reference) -> Decision:
    gun = Gun(f"registry.example.com/{reference.repository}")
    return Decision(reference, Mode.ENFORCE, rule="shop/**", gun=gun, notary="corp", checked_at=_NOW)


def _permission(digest: Digest, length: int | None) -> Allowed:
    return allow(digest, length, ("alice",), ENTRY, "shop/**", _NOW + timedelta(hours=1))
