"""Trust stores with collections in them, and what is brought to them."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from proxy.config.settings import TrustStoreSettings
from proxy.names import Gun, RoleName, Tag
from proxy.policy.entries import Blocklist, Entry, Policy
from proxy.store.opening import open_store
from proxy.store.protocol import Remembered
from proxy.store.sql import SqlTrustStore
from proxy.trust.belonging import Belonging
from proxy.trust.holding import Piece, pieces
from proxy.trust.uniting import Union
from proxy.trust.verifying import Judge
from proxy.tuf.collection import Stored
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read
from tests.support.resolving import NAME, HeldClock, entry
from tests.support.signed_roles import NOW

NOTARY: Final = "corp"
API: Final = Gun(f"{NAME}/shop/api")


def judge_under(*entries: Entry, blocked: Mapping[str, str] | None = None) -> Judge:
    """A verifier under these entries, by default one for everything, trusted on first use."""
    policy = Policy(NAME, entries or (entry(),), (), blocked=Blocklist(keys=blocked or {}))
    return Judge(Belonging(policy, (NAME,)))


def repository(gun: str = API, *tags: str) -> NotarySimulator:
    """Trust data with some tags, and a delegation."""
    sim = NotarySimulator(gun)
    sim.delegate("targets/alice")
    for tag in tags or ("1.0",):
        sim.sign(tag, role="targets/alice")
    sim.publish()
    return sim


def sign_more(sim: NotarySimulator, tag: str) -> None:
    """One more tag is signed and published."""
    sim.sign(tag, role="targets/alice")
    sim.bump("targets/alice", "snapshot", "timestamp")
    sim.publish()


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqlTrustStore]:
    """A store in a file, made where there is none."""
    store = await open_store(TrustStoreSettings(f"sqlite:///{path}", must_exist=False))
    assert isinstance(store, SqlTrustStore)
    try:
        yield store
    finally:
        await store.close()


async def remember(
    store: SqlTrustStore,
    sim: NotarySimulator,
    at: datetime = NOW,
    *,
    past: bytes = b"",
    more: Mapping[RoleName, bytes] | None = None,
) -> Remembered:
    """Let a store remember what the simulated Notary serves, as the proxy would; `more` are floors besides."""
    gun = Gun(sim.gun)
    known = await store.load(NOTARY, gun)
    collection = read(sim, known.stored if known and known.stored.files else None)
    await store.commit(
        NOTARY,
        gun,
        Stored({**collection.files, **(more or {})}),
        expected=known.generation if known else None,
        checked_at=at,
        past=past,
        new_tags=collection.tags(),
    )
    return await loaded(store, gun)


async def loaded(store: SqlTrustStore, gun: Gun = API) -> Remembered:
    """What a store remembers."""
    known = await store.load(NOTARY, gun)
    assert known is not None
    return known


async def everything(store: SqlTrustStore) -> list[Piece]:
    """All pieces of a store."""
    return [piece async for piece in pieces(store, lambda _: None)]


@dataclass
class Taken:
    """What became of a union, by GUN."""

    became: dict[str, str]
    why: dict[str, str]
    damaged: list[str]


async def unite(
    store: SqlTrustStore, brought: Iterable[Piece], judge: Judge | None = None, clock: HeldClock | None = None
) -> Taken:
    """Unite pieces with a store."""
    union = Union(store, judge or judge_under(), clock or HeldClock())
    await union.begin()
    for piece in brought:
        await union.take(piece)
    await union.end()
    became = {str(each.gun): each.became.value for each in union.outcomes}
    return Taken(became, {str(each.gun): each.why for each in union.outcomes if each.why}, union.damaged)


async def has(store: SqlTrustStore, tag: str, gun: Gun = API) -> bool:
    """Whether the collection ever had a tag."""
    return await store.ever_had(NOTARY, gun, Tag(tag))
