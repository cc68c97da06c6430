"""Lists of tags, for those who want them shortened."""

import json
from typing import Final

import pytest
from aiohttp import web
from multidict import CIMultiDict

from proxy.errors import RegistryUnreachable
from proxy.limits import TAGS_BYTES
from proxy.registry.client import RegistryClient, TagsPage
from proxy.registry.failures import Relayed
from proxy.registry.headers import ClientCredentials
from tests.unit.registry.material import APP, FakeRegistry, answering

PATH: Final = "/v2/shop/app/tags/list"
ALICE: Final = ClientCredentials("Bearer alice")


async def test_a_page_is_fetched_as_the_client_asks_for_it(client: RegistryClient, registry: FakeRegistry) -> None:
    """Query and credential are the client's; names and link are the registry's."""
    page = {"name": "shop/app", "tags": ["v2", "v1", "sha256-ab.sig"]}
    link = '</v2/shop/app/tags/list?last=v1&n=3>; rel="next"'
    registry.scripted[f"GET {PATH}"] = answering(body=json.dumps(page).encode(), Link=link)
    assert await client.tags(APP, "n=3&last=%2E", ALICE) == TagsPage(("v2", "v1", "sha256-ab.sig"), link)
    [asked] = registry.asked
    assert str(asked) == f"GET {PATH}?n=3&last=%2E"
    assert asked.headers["Authorization"] == "Bearer alice"
    assert set(asked.headers) == {"Host", "Accept", "Authorization", "Via"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"name":"shop/app","tags":null}', id="null, as registries say it"),
        pytest.param(b'{"name":"shop/app","tags":[]}', id="an empty list"),
    ],
)
async def test_no_tags_are_a_page_too(client: RegistryClient, registry: FakeRegistry, body: bytes) -> None:
    """A repository whose tags are all gone still is one."""
    registry.scripted[f"GET {PATH}"] = answering(body=body)
    assert await client.tags(APP, "", ALICE) == TagsPage((), None)
    assert registry.requests == [f"GET {PATH}"]


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
async def test_the_registrys_no_is_the_clients(client: RegistryClient, registry: FakeRegistry, status: int) -> None:
    """Who may not read the list hears it from the registry."""
    registry.scripted[f"GET {PATH}"] = answering(status=status, body=b"no", WWW_Authenticate="Basic")
    with pytest.raises(Relayed) as raised:
        await client.tags(APP, "", ALICE)
    assert (raised.value.status, raised.value.body) == (status, b"no")
    assert raised.value.headers["WWW-Authenticate"] == "Basic"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="no JSON"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'["v1"]', id="a list"),
        pytest.param(b"{}", id="without tags"),
        pytest.param(b'{"errors":[]}', id="an error with status 200"),
        pytest.param(b'{"tags":"v1"}', id="a string"),
        pytest.param(b'{"tags":{"v1":1}}', id="an object"),
        pytest.param(b'{"tags":["v1",2]}', id="a number among them"),
        pytest.param(b'{"tags":false}', id="false"),
        pytest.param(b'{"tags":["\xff"]}', id="no UTF-8"),
        pytest.param(b'{"tags":["' + b"x" * TAGS_BYTES + b'"]}', id="too long"),
    ],
)
async def test_what_is_no_list_is_an_outage(client: RegistryClient, registry: FakeRegistry, body: bytes) -> None:
    """Half a list is never taken for one."""
    registry.scripted[f"GET {PATH}"] = answering(body=body)
    with pytest.raises(RegistryUnreachable) as refusal:
        await client.tags(APP, "", ALICE)
    assert "list of tags is" in refusal.value.why


@pytest.mark.parametrize("status", [204, 301, 304, 307])
async def test_a_redirect_is_no_list(client: RegistryClient, registry: FakeRegistry, status: int) -> None:
    """It is not followed."""
    registry.scripted[f"GET {PATH}"] = answering(status=status, Location="/elsewhere")
    with pytest.raises(RegistryUnreachable) as refusal:
        await client.tags(APP, "", ALICE)
    assert refusal.value.why == f"it answered {status} where a list of tags was asked for"


async def test_two_links_are_none(client: RegistryClient, registry: FakeRegistry) -> None:
    """Which of them leads on cannot be told, and a list that ends early is never taken for a whole one."""

    async def answer(_request: web.Request) -> web.Response:
        links = [("Link", '</v2/shop/app/tags/list?last=a>; rel="next"'), ("Link", "</v2/>")]
        return web.Response(body=b'{"tags":["v1"]}', headers=CIMultiDict(links))

    registry.scripted[f"GET {PATH}"] = answer
    with pytest.raises(RegistryUnreachable) as refusal:
        await client.tags(APP, "", ALICE)
    assert refusal.value.why == "the link to its next list of tags is none"
