"""Which repositories a person means, by the words that they typed."""

from collections.abc import AsyncIterator
from typing import Final

import pytest

from proxy.errors import RegistryUnreachable, UserError
from proxy.inspection.selection import select
from proxy.policy.entries import Policy
from proxy.policy.patterns import RepositoryPattern
from proxy.registry.client import RegistryClient, connect
from tests.support.resolving import NAME, entry
from tests.unit.registry.material import FakeRegistry, answering, served, settings

CATALOGUE: Final = b'{"repositories":["base","shop/api","shop/team/web","shop/web","tools/x"]}'
POLICY: Final = Policy(
    NAME, (entry(pattern=RepositoryPattern("shop/**")), entry(pattern=RepositoryPattern("base"))), ()
)


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    """A registry with five repositories."""
    async with served(FakeRegistry()) as fake:
        fake.scripted["GET /v2/_catalog"] = answering(body=CATALOGUE)
        yield fake


@pytest.fixture
async def client(registry: FakeRegistry) -> AsyncIterator[RegistryClient]:
    """The client of that registry."""
    async with connect(settings(registry.url)) as connected:
        yield connected


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        pytest.param([], ["base", "shop/api", "shop/team/web", "shop/web"], id="all that have an entry"),
        pytest.param(["shop/*"], ["shop/api", "shop/web"], id="a pattern of one segment"),
        pytest.param(["**"], ["base", "shop/api", "shop/team/web", "shop/web", "tools/x"], id="everything"),
        pytest.param([f"{NAME}/shop/**"], ["shop/api", "shop/team/web", "shop/web"], id="after the registry's name"),
        pytest.param(["tools/*", "shop/web", "shop/*"], ["tools/x", "shop/web", "shop/api"], id="each once"),
    ],
)
async def test_patterns_are_looked_up_in_the_catalogue(
    client: RegistryClient, registry: FakeRegistry, words: list[str], chosen: list[str]
) -> None:
    """The registry knows what there is; an entry decides only where nothing was typed."""
    assert list(await select(words, POLICY, client)) == chosen
    assert registry.requests == ["GET /v2/_catalog"]


async def test_names_need_no_catalogue(client: RegistryClient, registry: FakeRegistry) -> None:
    """Whoever names repositories needs no right to list them; tags and digests are passed over."""
    words = ["shop/new", f"{NAME}/base:1.0", f"base@sha256:{'0' * 64}"]
    assert list(await select(words, POLICY, client)) == ["shop/new", "base"]
    assert registry.requests == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(
            ["none/*"], "the registry shows no repository that none/* stands for: check the pattern", id="none"
        ),
        pytest.param(["shop/**/x"], '"shop/**/x" has "**" in the wrong place', id="no pattern"),
        pytest.param(["Shop"], "[reference_invalid]", id="no name"),
    ],
)
async def test_a_word_that_stands_for_nothing_is_a_mistake(
    client: RegistryClient, words: list[str], sentence: str
) -> None:
    """It is told which word, and why."""
    with pytest.raises(UserError) as raised:
        await select(words, POLICY, client)
    assert sentence in str(raised.value)


async def test_entries_may_match_nothing(client: RegistryClient) -> None:
    """A configuration for other repositories than the registry has is worth a sentence."""
    with pytest.raises(UserError) as raised:
        await select([], Policy(NAME, (entry(pattern=RepositoryPattern("other/*")),), ()), client)
    assert str(raised.value) == (
        "none of the registry's repositories (5) has an entry in `repositories`: add one, or check registry.url"
    )


@pytest.mark.parametrize("status", [401, 403, 404, 405])
async def test_a_registry_that_lists_nothing(client: RegistryClient, registry: FakeRegistry, status: int) -> None:
    """Its status is told, and the two ways out."""
    registry.scripted["GET /v2/_catalog"] = answering(status=status)
    with pytest.raises(UserError) as raised:
        await select([], POLICY, client)
    assert str(raised.value) == (
        f"the registry does not list its repositories (it answered {status}): give registry.credentials_file an "
        "account that may read the catalogue, or name the repositories"
    )


async def test_a_registry_that_is_away(client: RegistryClient, registry: FakeRegistry) -> None:
    """That is no mistake of the person who asks."""
    registry.scripted["GET /v2/_catalog"] = answering(body=b"<html>")
    with pytest.raises(RegistryUnreachable):
        await select(["*"], POLICY, client)
