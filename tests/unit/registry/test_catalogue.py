"""What the registry has: every repository, every tag, whatever it says of where its lists go on."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from proxy.config.settings import Credentials
from proxy.errors import RegistryTimedOut, RegistryUnreachable
from proxy.registry import catalogue
from proxy.registry.client import RegistryClient, connect
from proxy.registry.failures import Relayed
from tests.unit.registry.material import APP, FakeRegistry, answering, error, served, settings

CATALOGUE: Final = "/v2/_catalog"
TAGS: Final = "/v2/shop/app/tags/list"
WARDEN: Final = Credentials("warden", "secret")
BASIC: Final = "Basic d2FyZGVuOnNlY3JldA=="


def page(*names: str, what: str = "repositories") -> bytes:
    """A page of a list."""
    return json.dumps({what: names}).encode()


def paged(registry: FakeRegistry, path: str, pages: Mapping[str, tuple[bytes, str | None]]) -> None:
    """Let the registry answer a list by query: each has a page, and the line of its `Link`."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body, link = pages[request.rel_url.raw_query_string]
        return web.Response(body=body, headers={} if link is None else {"Link": link})

    registry.scripted[f"GET {path}"] = answer


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """What is logged meanwhile."""
    with capture_logs() as events:
        yield events


async def test_every_page_is_fetched(client: RegistryClient, registry: FakeRegistry) -> None:
    """The registry says where its list goes on, and is followed to the end."""
    pages: dict[str, tuple[bytes, str | None]] = {
        "": (page("app", "shop/api"), '</v2/_catalog?last=shop%2Fapi&n=2>; rel="next"'),
        "last=shop%2Fapi&n=2": (page("shop/web", "tools"), '</v2/_catalog?last=tools&n=2>; rel="next"'),
        "last=tools&n=2": (page(), None),
    }
    paged(registry, CATALOGUE, pages)
    assert await client.repositories() == ("app", "shop/api", "shop/web", "tools")
    assert registry.requests == [f"GET {CATALOGUE}{'?' if query else ''}{query}" for query in pages]
    assert set(registry.asked[0].headers) == {"Host", "Accept", "Via"}


async def test_tags_have_pages_too(client: RegistryClient, registry: FakeRegistry) -> None:
    """Not every registry gives all tags at once."""
    paged(
        registry,
        TAGS,
        {
            "": (page("v2", "v1", what="tags"), '</v2/shop/app/tags/list?last=v1>; rel="next"'),
            "last=v1": (page("V3", what="tags"), None),
        },
    )
    assert await client.tags_of(APP) == ("v2", "v1", "V3")


@pytest.mark.parametrize("body", [pytest.param(b'{"tags":null}', id="null"), pytest.param(b'{"tags":[]}', id="empty")])
async def test_a_repository_may_have_no_tags(client: RegistryClient, registry: FakeRegistry, body: bytes) -> None:
    """Registries say it in two ways."""
    registry.scripted[f"GET {TAGS}"] = answering(body=body)
    assert await client.tags_of(APP) == ()


async def test_no_such_repository_has_no_tags(client: RegistryClient, registry: FakeRegistry) -> None:
    """What may have been deleted meanwhile is no error."""
    registry.scripted[f"GET {TAGS}"] = answering(status=404)
    assert await client.tags_of(APP) == ()


@pytest.mark.parametrize(
    "link",
    [
        pytest.param('</v2/_catalog?last=a>; rel="next"', id="a path"),
        pytest.param("</v2/_catalog?last=a>;rel=next", id="without quotes"),
        pytest.param('<_catalog?last=a>; rel="next"', id="relative"),
        pytest.param('<?last=a>; rel="next"', id="a query"),
        pytest.param('<http://registry.internal:5000/v2/_catalog?last=a>; rel="next"', id="the registry's own name"),
        pytest.param('</mirror/v2/_catalog?last=a#top>; rel="next"', id="a longer path"),
        pytest.param('</v2/_catalog?last=z>; rel="prev first", </v2/_catalog?last=a>; REL="last Next"', id="two links"),
        pytest.param('</v2/_catalog?last=a>; title="b, <c>; rel=prev"; rel="next"', id="a title"),
    ],
)
async def test_the_registry_itself_is_asked_for_the_next_page(
    client: RegistryClient, registry: FakeRegistry, link: str
) -> None:
    """A link is believed for its query alone, so that no credential ever goes elsewhere."""
    paged(registry, CATALOGUE, {"": (page("a"), link), "last=a": (page("b"), None)})
    assert await client.repositories() == ("a", "b")
    assert registry.requests == [f"GET {CATALOGUE}", f"GET {CATALOGUE}?last=a"]


@pytest.mark.parametrize(
    "link",
    [
        pytest.param("/v2/_catalog?last=a", id="no link at all"),
        pytest.param('</v2/_catalog?last=a; rel="next"', id="half a link"),
        pytest.param('</v2/_catalog?last=a>; rel="next', id="half a quotation"),
        pytest.param('</v2/shop/app/tags/list?last=a>; rel="next"', id="another list"),
        pytest.param('<http://[:/v2/_catalog?last=a>; rel="next"', id="no address"),
        pytest.param('</v2/_catalog?last=a b>; rel="next"', id="a space"),
        pytest.param('</v2/_catalog?last=a>; rel="next", </v2/_catalog?last=b>; rel="next"', id="two next ones"),
    ],
)
async def test_a_link_that_leads_nowhere_is_an_outage(
    client: RegistryClient, registry: FakeRegistry, link: str
) -> None:
    """A list that ends early is never taken for a whole one."""
    paged(registry, CATALOGUE, {"": (page("a"), link)})
    with pytest.raises(RegistryUnreachable) as refusal:
        await client.repositories()
    assert refusal.value.why == "the link to its next list of repositories is none"
    assert len(registry.requests) == 1


async def test_a_link_to_something_else_is_the_end(client: RegistryClient, registry: FakeRegistry) -> None:
    """Only the next page is asked for."""
    paged(registry, CATALOGUE, {"": (page("a"), '</v2/>; rel="help"; title="next"')})
    assert await client.repositories() == ("a",)


@pytest.mark.parametrize(
    "links",
    [
        pytest.param({"": "last=a", "last=a": "last=a"}, id="to itself"),
        pytest.param({"": "last=a", "last=a": "last=b", "last=b": "last=a"}, id="in a circle"),
        pytest.param({"": ""}, id="to the beginning"),
    ],
)
async def test_a_loop_is_no_list(client: RegistryClient, registry: FakeRegistry, links: Mapping[str, str]) -> None:
    """Who is sent where they have been stops asking."""
    pages = {query: (page("a"), f'</v2/_catalog?{after}>; rel="next"') for query, after in links.items()}
    paged(registry, CATALOGUE, pages)
    with pytest.raises(RegistryUnreachable) as refusal:
        await client.repositories()
    assert refusal.value.why == "its list of repositories has no end"
    assert len(registry.requests) == len(links)


async def test_endless_pages_are_no_list(
    client: RegistryClient, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that always has one more page is not followed for ever."""
    monkeypatch.setattr(catalogue, "CATALOGUE_PAGES", 4)
    count = 0

    async def answer(_request: web.Request) -> web.StreamResponse:
        nonlocal count
        count += 1
        return web.Response(body=page(), headers={"Link": f'</v2/_catalog?next={count}>; rel="next"'})

    registry.scripted[f"GET {CATALOGUE}"] = answer
    with pytest.raises(RegistryUnreachable) as refusal:
        await client.repositories()
    assert refusal.value.why == "its list of repositories has no end"
    assert count == 4


async def test_too_many_names_are_no_list(
    client: RegistryClient, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Part of a list is never shown as the whole."""
    monkeypatch.setattr(catalogue, "CATALOGUE_REPOSITORIES", 2)
    registry.scripted[f"GET {CATALOGUE}"] = answering(body=page("a", "b", "a"))
    assert await client.repositories() == ("a", "b")
    registry.scripted[f"GET {CATALOGUE}"] = answering(body=page("a", "b", "c"))
    with pytest.raises(RegistryUnreachable) as refusal:
        await client.repositories()
    assert refusal.value.why == "its list of repositories has more than 2 names"


async def test_a_list_that_drags_on_ends(
    client: RegistryClient, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pages together have a time that they may take."""
    monkeypatch.setattr(catalogue, "CATALOGUE_SECONDS", 0.0)
    registry.scripted[f"GET {CATALOGUE}"] = answering(body=page("a"))
    with pytest.raises(RegistryTimedOut):
        await client.repositories()


async def test_odd_names_are_left_out_and_counted(
    client: RegistryClient, registry: FakeRegistry, logged: list[Any]
) -> None:
    """What nobody can pull through the proxy is no repository; the log says how many there were."""
    odd = ["Shop/App", "../etc", "", "a\x1b[2J", "\ud800", "x" * 256]
    registry.scripted[f"GET {CATALOGUE}"] = answering(body=page("shop/app", *odd))
    assert await client.repositories() == ("shop/app",)
    [event] = logged
    assert (event["event"], event["of"], event["count"]) == ("names left out", "repositories", len(odd))
    assert event["first"][0] == "Shop/App"
    json.dumps(event["first"], ensure_ascii=False).encode()


@pytest.mark.parametrize("status", [401, 403, 404, 405, 429, 500])
async def test_a_registry_may_have_no_catalogue(client: RegistryClient, registry: FakeRegistry, status: int) -> None:
    """Its answer says why, and a page of an error is no page of a list."""
    registry.scripted[f"GET {CATALOGUE}"] = answering(status=status, body=page("a"))
    with pytest.raises(Relayed) as raised:
        await client.repositories()
    assert raised.value.status == status
    assert len(registry.requests) == 1


@pytest.mark.parametrize("status", [401, 403, 429, 500])
async def test_a_no_to_tags_is_told(client: RegistryClient, registry: FakeRegistry, status: int) -> None:
    """Only 404 means that there is nothing."""
    registry.scripted[f"GET {TAGS}"] = answering(status=status)
    with pytest.raises(Relayed) as raised:
        await client.tags_of(APP)
    assert raised.value.status == status


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>", id="a page for people"),
        pytest.param(page("a", what="tags"), id="another list"),
        pytest.param(b'{"repositories":["a"],"repositories":["b"]}', id="a name twice"),
        pytest.param(b'{"repositories":[1]}', id="a number"),
        pytest.param('{"repositories":[]}'.encode("utf-16"), id="another encoding"),
    ],
)
async def test_what_is_no_catalogue_is_an_outage(client: RegistryClient, registry: FakeRegistry, body: bytes) -> None:
    """A registry that says 200 to everything has none."""
    registry.scripted[f"GET {CATALOGUE}"] = answering(body=body)
    with pytest.raises(RegistryUnreachable) as refusal:
        await client.repositories()
    assert refusal.value.why == "its list of repositories is none"


class Guarded(FakeRegistry):
    """A registry that wants tokens, for the catalogue and for each repository, and gives them to the warden."""

    gives = True

    async def answer(self, request: Any) -> Any:
        """A token for a scope, a page for the token of its scope, a challenge to everybody else."""
        self.asked.append(await self.record(request))
        if request.path == "/token":
            if request.headers.get("Authorization") != BASIC:
                return web.Response(status=401)
            return web.json_response({"token": request.query["scope"] if self.gives else "nothing"})
        scope = "registry:catalog:*" if request.path == CATALOGUE else "repository:shop/app:pull"
        if request.headers.get("Authorization") != f"Bearer {scope}":
            challenge = f'Bearer realm="{self.url}/token",service="r",scope="{scope}"'
            return error(401, "UNAUTHORIZED", {"WWW-Authenticate": challenge})
        return await self.scripted[f"GET {request.path}"](request)


@pytest.fixture
async def guarded() -> AsyncIterator[Guarded]:
    """A registry that wants tokens, with two pages of repositories and one of tags."""
    async with served(Guarded()) as fake:
        assert isinstance(fake, Guarded)
        paged(
            fake,
            CATALOGUE,
            {
                "": (page("a"), '<https://elsewhere.example.com/v2/_catalog?last=a>; rel="next"'),
                "last=a": (page(), None),
            },
        )
        paged(fake, TAGS, {"": (page("v1", what="tags"), None)})
        yield fake


async def test_a_token_is_fetched_for_each_list(guarded: Guarded) -> None:
    """One for the catalogue serves all its pages; tags want one for their repository."""
    async with connect(settings(guarded.url, WARDEN)) as client:
        assert await client.repositories() == ("a",)
        assert await client.tags_of(APP) == ("v1",)
    assert guarded.requests == [
        f"GET {CATALOGUE}",
        "GET /token?service=r&scope=registry:catalog:*",
        f"GET {CATALOGUE}",
        f"GET {CATALOGUE}?last=a",
        f"GET {TAGS}",
        "GET /token?service=r&scope=repository:shop/app:pull",
        f"GET {TAGS}",
    ]


async def test_a_no_to_the_token_is_the_registrys_no(guarded: Guarded) -> None:
    """An account without the right gets a token that opens nothing; it is shown once."""
    guarded.gives = False
    async with connect(settings(guarded.url, WARDEN)) as client:
        with pytest.raises(Relayed) as raised:
            await client.repositories()
    assert raised.value.status == 401
    assert len(guarded.requests) == 3


async def test_without_a_token_nothing_can_be_asked(guarded: Guarded) -> None:
    """Where the token server gives none, the sentence says that it was the token server."""
    async with connect(settings(guarded.url)) as client:
        with pytest.raises(RegistryUnreachable) as refusal:
            await client.repositories()
    assert refusal.value.why == "the token server answered 401"


async def test_a_password_is_shown_at_once(registry: FakeRegistry) -> None:
    """Where no token is asked for, the credential itself is what the registry wants; a no to it is not repeated."""
    registry.scripted[f"GET {CATALOGUE}"] = answering(body=page("a"))
    registry.asks_for = BASIC
    async with connect(settings(registry.url, WARDEN)) as client:
        assert await client.repositories() == ("a",)
    registry.scripted[f"GET {CATALOGUE}"] = answering(status=401, WWW_Authenticate="Basic realm=r")
    async with connect(settings(registry.url, WARDEN)) as client:
        with pytest.raises(Relayed) as raised:
            await client.repositories()
    assert raised.value.status == 401
    assert registry.requests == [f"GET {CATALOGUE}"] * 2
