"""What people hear of the registry itself: what it has instead of a misspelt name, and whether it lets us in."""

from dataclasses import dataclass, field

import pytest
from multidict import CIMultiDict

from proxy.errors import RegistryUnreachable
from proxy.http_auth.login import TokenRefused, TokenUnavailable
from proxy.names import Reference, Repository, Tag
from proxy.registry.failures import Relayed
from proxy.registry.nearby import alike, gap, in_words

LOCKED = Relayed(401, CIMultiDict(), b"")
AWAY = RegistryUnreachable("connection refused")


@dataclass
class Lists:
    """A registry that lists tags by repository, or does not list them."""

    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    catalogue: Exception | None = None
    of_tags: Exception | None = None

    async def repositories(self) -> tuple[Repository, ...]:
        """Its repositories."""
        if self.catalogue:
            raise self.catalogue
        return tuple(map(Repository, self.tags))

    async def tags_of(self, repository: Repository) -> tuple[Tag, ...]:
        """The tags of one."""
        if self.of_tags:
            raise self.of_tags
        return tuple(map(Tag, self.tags.get(repository, ())))


SHOP = {"shop/api": ("1.0", "latest"), "shop/web": ("1.0",), "tools/build": ("7",)}


@pytest.mark.parametrize(
    ("lists", "asked", "said"),
    [
        pytest.param(Lists(SHOP), "shop/ap:1.0", "has no shop/ap; it has shop/api: misspelt?", id="repository"),
        pytest.param(Lists(SHOP), "build:7", "has no build; it has tools/build: misspelt?", id="without-its-namespace"),
        pytest.param(
            Lists(SHOP), "shop/api:latst", "has no shop/api:latst; it has shop/api:latest: misspelt?", id="tag"
        ),
        pytest.param(Lists(SHOP), "shop/api:2.7.1", "has no shop/api:2.7.1", id="new-tag"),
        pytest.param(Lists(SHOP), "elsewhere/x:1", "has no elsewhere/x", id="nothing-like-it"),
        pytest.param(Lists(SHOP, of_tags=LOCKED), "shop/ap:1", "has no shop/ap:1", id="lists-no-tags"),
        pytest.param(Lists(SHOP, catalogue=AWAY), "shop/ap:1", "has no shop/ap", id="lists-no-repositories"),
    ],
)
async def test_what_is_missing(lists: Lists, asked: str, said: str) -> None:
    """The repository or only the tag, and names that are nearly the same, as far as the registry lists them."""
    name, _, tag = asked.partition(":")
    assert str(await gap(lists, Reference(Repository(name), Tag(tag)))) == said


def test_only_a_few_names_are_offered() -> None:
    """The nearest of many; never the name itself."""
    assert alike("shop/api", ["shop/api", *(f"shop/api{number}" for number in range(9))]) == (
        "shop/api8",
        "shop/api7",
        "shop/api6",
    )


def _from(cause: Exception) -> RegistryUnreachable:
    failure = RegistryUnreachable(str(cause))
    failure.__cause__ = cause
    return failure


@pytest.mark.parametrize(
    ("failure", "account", "said"),
    [
        pytest.param(LOCKED, "", "it answered 401 (set registry.credentials_file)", id="nobody"),
        pytest.param(LOCKED, "bob", "it does not let bob in (401; mend registry.credentials_file)", id="refused"),
        pytest.param(
            _from(TokenRefused("the token server answered 401")),
            "bob",
            "it does not let bob in (the token server answered 401; mend registry.credentials_file)",
            id="no-token-for-bob",
        ),
        pytest.param(
            _from(TokenUnavailable("the token server answered 500")),
            "bob",
            "the token server answered 500",
            id="broken",
        ),
        pytest.param(Relayed(500, CIMultiDict(), b""), "bob", "it answered 500", id="fails"),
        pytest.param(AWAY, "", "connection refused", id="away"),
    ],
)
def test_credentials_that_were_given_are_not_asked_for(
    failure: Relayed | RegistryUnreachable, account: str, said: str
) -> None:
    """Who was refused is named; whoever gave nothing hears what to give."""
    assert in_words(failure, account) == said
