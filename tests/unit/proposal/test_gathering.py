"""Registry and Notary are asked for everything, and a person is told what stands in the way."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from multidict import CIMultiDict
from yarl import URL

from proxy.assembly import Parts
from proxy.clock import Clock
from proxy.config.without_file import load_trial
from proxy.errors import NotaryUnreachable, NoTrustData, RegistryUnreachable, RootNotTrusted, UserError
from proxy.limits import CENSUS_AT_ONCE
from proxy.names import Gun, Repository, Tag
from proxy.proposal.gathering import Gathered, check_named, gather, other_names, repositories
from proxy.registry.client import RegistryClient
from proxy.registry.failures import Relayed
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply, Unavailable
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import NOW
from tests.unit.proposal.site import TRIAL

GUN = "registry.example.com/shop/api"
AWAY = RegistryUnreachable("it is away")
SETTINGS = load_trial(TRIAL, {}, NOW)


@dataclass
class Servers:
    """A registry and a Notary: `tags` or what is raised instead, collections by GUN, and who was asked about."""

    tags: dict[str, Iterable[str] | Exception] = field(default_factory=dict)
    catalogue: Exception | None = None
    account: str = ""
    collections: dict[str, NotarySimulator] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    bars: dict[str, str] = field(default_factory=dict)

    async def repositories(self) -> tuple[Repository, ...]:
        """The registry's list."""
        if self.catalogue:
            raise self.catalogue
        return tuple(map(Repository, self.tags))

    async def tags_of(self, repository: Repository) -> tuple[Tag, ...]:
        """The registry's tags of a repository."""
        found = self.tags[repository]
        if isinstance(found, Exception):
            raise found
        return tuple(map(Tag, found))

    async def fetch(self, gun: Gun, wish: Fetch) -> Reply:
        """Notary's answer."""
        self.asked.append(gun)
        if gun in self.away or "*" in self.away:
            return Unavailable("connection refused")
        answer = self.collections[gun].answer(wish.name) if gun in self.collections else None
        return Fetched(answer.body) if answer and answer.status == 200 else Missing()

    def sign(self, gun: str) -> None:
        """Let a repository have trust data."""
        self.collections[gun] = NotarySimulator(gun)
        self.collections[gun].publish()

    async def gather(self, *names: str) -> tuple[Gathered, ...]:
        """Ask about these repositories, or all."""
        renewal = SimpleNamespace(notaries={"notary": self.fetch})
        clock: Any = SimpleNamespace(now=lambda: NOW, seconds=Clock().seconds)
        parts = SimpleNamespace(registry=self, resolver=SimpleNamespace(renewal=renewal, clock=clock))
        return await gather(cast("Parts", parts), SETTINGS, map(Repository, names or self.tags), self._progress)

    @contextmanager
    def _progress(self, what: str, total: int) -> Iterator[Callable[[], None]]:
        """A bar that counts its steps."""
        self.bars[what] = f"0 of {total}"

        def step() -> None:
            self.bars[what] = f"{int(self.bars[what].split()[0]) + 1} of {total}"

        yield step


def relayed(status: int) -> Relayed:
    """The registry's own refusal."""
    return Relayed(status, CIMultiDict(), b"")


async def test_everything_is_gathered_in_order() -> None:
    """Trust data and tags of each repository, sorted by name; one step of each bar for each."""
    servers = Servers(tags={"shop/web": ["1"], "shop/api": ["1", "2"]})
    servers.sign(GUN)
    api, web = await servers.gather()
    assert (str(api.repository), str(api.gun)) == ("shop/api", GUN)
    assert api.tags == frozenset(map(Tag, "12"))
    assert api.collection is not None
    assert (web.collection, type(web.refusal), web.is_unreadable) == (None, NoTrustData, False)
    assert servers.bars == {"reading trust data": "2 of 2", "listing tags": "2 of 2"}


async def test_some_trust_data_cannot_be_read() -> None:
    """The rest is gathered all the same."""
    servers = Servers(tags={"shop/api": [], "shop/away": [], "shop/forged": []})
    servers.sign(GUN)
    servers.away.add("registry.example.com/shop/away")
    servers.collections["registry.example.com/shop/forged"] = servers.collections[GUN]
    _, away, forged = await servers.gather()
    assert (type(away.refusal), away.is_unreadable) == (NotaryUnreachable, True)
    assert (type(forged.refusal), forged.is_unreadable) == (RootNotTrusted, True)


async def test_notary_is_away() -> None:
    """It is given up after the first few, instead of waiting hundreds of times."""
    servers = Servers(tags={f"shop/{number}": [] for number in range(200)}, away={"*"})
    with pytest.raises(NotaryUnreachable):
        await servers.gather()
    assert servers.bars == {"reading trust data": f"{CENSUS_AT_ONCE} of 200"}
    assert len(set(servers.asked)) < 4 * CENSUS_AT_ONCE


async def test_notary_is_away_for_the_only_repository() -> None:
    """One is enough to say so where there is only one."""
    servers = Servers(tags={"shop/api": []}, away={"*"})
    with pytest.raises(NotaryUnreachable):
        await servers.gather()


@pytest.mark.parametrize(
    "failure",
    [pytest.param(relayed(403), id="no-right"), pytest.param(AWAY, id="away")],
)
async def test_tags_that_are_not_shown_are_not_known(failure: Exception) -> None:
    """That keeps nobody from reading what is signed."""
    servers = Servers(tags={"shop/api": failure})
    servers.sign(GUN)
    [api] = await servers.gather()
    assert (api.tags, api.unlisted) == (None, "403" if failure is not AWAY else "it is away")
    assert api.collection is not None


@pytest.mark.parametrize(
    ("name", "listed", "words"),
    [
        pytest.param("shop/ap", ("shop/api",), "the registry has no shop/ap; it has shop/api: misspelt?", id="near"),
        pytest.param("else", ("shop/api",), "the registry has no else: push it first, or mend its name", id="far"),
    ],
)
async def test_a_repository_that_nobody_has(name: str, listed: tuple[str, ...], words: str) -> None:
    """What a person named has to be somewhere; what is not pushed yet may be signed."""
    servers = Servers(tags={name: [], **{each: ["1.0"] for each in listed}})
    servers.sign(GUN)
    found = await servers.gather()
    with pytest.raises(UserError, match=re.escape(words)):
        await check_named(cast("RegistryClient", servers), found)
    await check_named(cast("RegistryClient", servers), [each for each in found if each.collection])


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param(401, "--registry-credentials", id="no-credentials"),
        pytest.param(403, "--registry-credentials", id="no-right"),
        pytest.param(404, "has no list of repositories (it answered 404)", id="no-catalogue"),
        pytest.param(405, "has no list of repositories (it answered 405)", id="catalogue-off"),
    ],
)
async def test_a_registry_that_does_not_list(status: int, words: str) -> None:
    """The sentence says what to give or to name instead."""
    with pytest.raises(UserError) as told:
        await repositories(cast("Any", Servers(catalogue=relayed(status))))
    assert words in str(told.value)
    assert "tagwarden propose ... REPO..." in str(told.value)


async def test_a_registry_that_fails() -> None:
    """Any other answer is none: asked again, it may be another."""
    with pytest.raises(RegistryUnreachable, match="it answered 500"):
        await repositories(cast("Any", Servers(catalogue=relayed(500))))


async def test_an_empty_registry() -> None:
    """There is nothing to propose, and the sentence says what may be the reason."""
    with pytest.raises(UserError, match="lists no repositories"):
        await repositories(cast("Any", Servers()))
    assert await repositories(cast("Any", Servers(tags={"shop/api": []}))) == ("shop/api",)


async def test_the_name_that_people_do_sign_for() -> None:
    """Where nothing has trust data under the given name, others are tried, and the right one is named."""
    servers = Servers(tags={"shop/api": [], "shop/web": []})
    servers.sign("localhost:5001/shop/web")
    with pytest.raises(UserError, match=r"shop/web has under localhost:5001; .*use --name localhost:5001"):
        await servers.gather()


async def test_no_name_is_found() -> None:
    """Then nothing is signed, as far as can be told."""
    [api] = await Servers(tags={"shop/api": []}).gather()
    assert isinstance(api.refusal, NoTrustData)


async def test_other_names_are_not_tried_where_notary_fails() -> None:
    """Trust data that does not verify is trust data: the name is right."""
    servers = Servers(tags={"shop/api": []})
    servers.sign("localhost:5001/shop/api")
    servers.collections[GUN] = servers.collections["localhost:5001/shop/api"]
    [api] = await servers.gather()
    assert isinstance(api.refusal, RootNotTrusted)


@pytest.mark.parametrize(
    ("name", "registry", "others"),
    [
        pytest.param(
            "hub",
            "http://127.0.0.1:5001",
            ("127.0.0.1:5001", "127.0.0.1", "localhost:5001", "localhost", "hub:5001"),
            id="loopback",
        ),
        pytest.param(
            "hub:5000", "https://r.example.com", ("r.example.com:443", "r.example.com", "hub:443", "hub"), id="https"
        ),
        pytest.param("r:5000", "http://r:5000", ("r",), id="own-address"),
        pytest.param(
            "r",
            "http://[::1]:5000",
            ("localhost:5000", "localhost", "127.0.0.1:5000", "127.0.0.1", "r:5000"),
            id="ipv6",
        ),
    ],
)
def test_names_to_try(name: str, registry: str, others: tuple[str, ...]) -> None:
    """The registry's own address with and without its port; only what can stand in the name of an image."""
    assert other_names(name, URL(registry)) == others
