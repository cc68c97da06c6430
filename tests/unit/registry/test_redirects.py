"""Redirects of manifests are followed inside, as far as is allowed, and no client ever sees one."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import pytest
from yarl import URL

from proxy.errors import ContentMismatch, RegistryUnreachable
from proxy.limits import MANIFEST_REDIRECTS
from proxy.manifests import MediaType
from proxy.names import Reference, Tag
from proxy.registry.client import UNKNOWN_DIGEST, RegistryClient, connect
from proxy.registry.failures import Relayed
from proxy.registry.headers import ClientCredentials
from proxy.registry.redirects import Redirects
from tests.unit.registry.material import APP, Answer, FakeRegistry, allowed, answering, digest, image, served, settings

BODY: Final = image()
DIGEST: Final = digest(BODY)
TAGGED: Final = Reference(APP, Tag("v1"))
PATH: Final = f"/v2/shop/app/manifests/{DIGEST}"
TAG_PATH: Final = "/v2/shop/app/manifests/v1"
UNKNOWN_PATH: Final = f"/v2/shop/app/manifests/{UNKNOWN_DIGEST}"
ALICE: Final = ClientCredentials("Bearer alice")

REGISTRY: Final = URL("https://registry.internal:5001")
RULES: Final = Redirects(REGISTRY, frozenset({"cdn.example.com", "store.example.com:8443", "[2001:db8::1]"}))
AT: Final = REGISTRY / "v2/shop/app/manifests/v1"


# --- where they may lead ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "url"),
    [
        pytest.param("/elsewhere?x=%2F&y", "https://registry.internal:5001/elsewhere?x=%2F&y", id="path"),
        pytest.param("v2", "https://registry.internal:5001/v2/shop/app/manifests/v2", id="relative"),
        pytest.param("?n=1", "https://registry.internal:5001/v2/shop/app/manifests/v1?n=1", id="query"),
        pytest.param("https://registry.internal:5001/x", "https://registry.internal:5001/x", id="own origin"),
        pytest.param("https://cdn.example.com/a%2Fb?sig=%3D", "https://cdn.example.com/a%2Fb?sig=%3D", id="listed"),
        pytest.param("https://CDN.example.com/x", "https://CDN.example.com/x", id="listed, other case"),
        pytest.param("https://cdn.example.com:443/x", "https://cdn.example.com/x", id="listed, port of the scheme"),
        pytest.param("https://store.example.com:8443/x", "https://store.example.com:8443/x", id="listed with port"),
        pytest.param("https://[2001:db8::1]/x", "https://[2001:db8::1]/x", id="listed address"),
        pytest.param("//cdn.example.com/x", "https://cdn.example.com/x", id="without scheme"),
        pytest.param("/x#fragment", "https://registry.internal:5001/x", id="fragment"),
    ],
)
def test_a_redirect_is_followed_home_or_to_a_listed_host(location: str, url: str) -> None:
    """Path and query stay byte for byte: signatures of storage services are in there."""
    assert str(RULES.follow(AT, [location])) == url


@pytest.mark.parametrize(
    ("locations", "why"),
    [
        pytest.param([], "without a usable address", id="none"),
        pytest.param([""], "without a usable address", id="empty"),
        pytest.param(["/a", "/b"], "without a usable address", id="two"),
        pytest.param(["/a b"], "without a usable address", id="space"),
        pytest.param(["https:\\\\cdn.example.com/"], "without a usable address", id="backslashes"),
        pytest.param(["/ä"], "without a usable address", id="not ASCII"),
        pytest.param(["/a\x7f"], "without a usable address", id="control character"),
        pytest.param(["https://cdn.example.com:99999/"], "without a usable address", id="impossible port"),
        pytest.param(["https://[::1/"], "without a usable address", id="broken address"),
        pytest.param(["https://user@cdn.example.com/"], "without a usable address", id="user"),
        pytest.param(["https://:pw@registry.internal:5001/"], "without a usable address", id="password"),
        pytest.param(["file:///etc/passwd"], "without a usable address", id="file"),
        pytest.param(["ftp://cdn.example.com/x"], "without a usable address", id="other scheme"),
        pytest.param(["http://cdn.example.com/x"], "without TLS", id="listed, but without TLS"),
        pytest.param(["http://registry.internal:5001/x"], "without TLS", id="own, but without TLS"),
        pytest.param(["https://evil.example.com/x"], "does not list", id="not listed"),
        pytest.param(["https://cdn.example.com.evil.example.com/x"], "does not list", id="listed as prefix"),
        pytest.param(["https://evil.cdn.example.com/x"], "does not list", id="listed as suffix"),
        pytest.param(["https://cdn.example.com:8443/x"], "does not list", id="listed without that port"),
        pytest.param(["https://store.example.com/x"], "does not list", id="listed with another port"),
        pytest.param(["https://registry.internal/x"], "does not list", id="own host, another port"),
        pytest.param(["//evil.example.com/x"], "does not list", id="not listed, without scheme"),
    ],
)
def test_every_other_redirect_is_an_outage(locations: list[str], why: str) -> None:
    """None is followed, and the reason is said without the address."""
    with pytest.raises(RegistryUnreachable) as refusal:
        RULES.follow(AT, locations)
    assert why in refusal.value.why
    assert "example.com" not in refusal.value.why


def test_plain_http_may_become_tls() -> None:
    """Only the other way round is something given up."""
    rules = Redirects(URL("http://127.0.0.1:5001"), frozenset({"cdn.example.com"}))
    at = URL("http://127.0.0.1:5001/v2/")
    assert str(rules.follow(at, ["https://cdn.example.com/x"])) == "https://cdn.example.com/x"
    assert str(rules.follow(at, ["http://cdn.example.com/x"])) == "http://cdn.example.com/x"


# --- following them ---------------------------------------------------------------------------


@pytest.fixture
async def store() -> AsyncIterator[FakeRegistry]:
    """Another host that the registry redirects to; it holds the manifest."""
    async with served(FakeRegistry(knows_conditions=False)) as fake:
        fake.holds(BODY, tag="v1")
        yield fake


@pytest.fixture
async def client(registry: FakeRegistry, store: FakeRegistry) -> AsyncIterator[RegistryClient]:
    """A client that may follow to the store."""
    listed = frozenset({f"{store.url.host}:{store.url.port}"})
    async with connect(replace(settings(registry.url), redirect_hosts=listed)) as connected:
        yield connected


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_manifest_elsewhere_is_fetched(
    client: RegistryClient, registry: FakeRegistry, store: FakeRegistry, status: int
) -> None:
    """The credential stays at home; types, digest and bytes are those that were asked for."""
    registry.scripted[f"GET {PATH}"] = answering(status=status, Location=f"{store.url}{PATH}?sig=%3D")
    verified = await client.get_manifest(TAGGED, allowed(BODY), ALICE)
    assert verified.body == BODY
    assert registry.asked[0].headers["Authorization"] == "Bearer alice"
    assert store.requests == [f"GET {PATH}?sig=%3D"]
    assert set(store.asked[0].headers) == {"Host", "Accept"}
    assert store.asked[0].headers["Accept"] == ", ".join(MediaType)


async def test_other_bytes_elsewhere_are_refused(
    client: RegistryClient, registry: FakeRegistry, store: FakeRegistry
) -> None:
    """Wherever bytes come from, they hash to the digest or are nothing."""
    other = image("other")
    store.scripted[f"GET {PATH}"] = answering(body=other, Content_Type=MediaType.DOCKER_MANIFEST)
    registry.scripted[f"GET {PATH}"] = answering(status=307, Location=f"{store.url}{PATH}")
    with pytest.raises(ContentMismatch):
        await client.get_manifest(TAGGED, allowed(BODY), ALICE)


async def test_at_home_the_credential_goes_along(client: RegistryClient, registry: FakeRegistry) -> None:
    """A registry that moved a path within itself asks the same client; its challenge reaches the client."""
    registry.scripted[f"GET {PATH}"] = answering(status=308, Location="/moved")
    registry.scripted["GET /moved"] = answering(status=401, WWW_Authenticate="Basic realm=r")
    with pytest.raises(Relayed) as raised:
        await client.get_manifest(TAGGED, allowed(BODY), ALICE)
    assert raised.value.headers["WWW-Authenticate"] == "Basic realm=r"
    assert [asked.headers["Authorization"] for asked in registry.asked] == ["Bearer alice"] * 2


async def test_a_challenge_from_elsewhere_reaches_nobody(
    client: RegistryClient, registry: FakeRegistry, store: FakeRegistry
) -> None:
    """A client would send its password to whoever asks it."""
    store.scripted[f"GET {PATH}"] = answering(status=401, WWW_Authenticate="Basic realm=r")
    registry.scripted[f"GET {PATH}"] = answering(status=307, Location=f"{store.url}{PATH}")
    with pytest.raises(RegistryUnreachable) as refusal:
        await client.get_manifest(TAGGED, allowed(BODY), ALICE)
    assert refusal.value.why == "the host that it redirects to answered 401"


async def test_a_credential_does_not_come_back(
    client: RegistryClient, registry: FakeRegistry, store: FakeRegistry
) -> None:
    """From elsewhere a redirect may lead home again; there the client is itself."""
    registry.scripted[f"GET {PATH}"] = answering(status=307, Location=f"{store.url}{PATH}")
    store.scripted[f"GET {PATH}"] = answering(status=307, Location=f"{registry.url}/back")
    registry.scripted["GET /back"] = answering(body=BODY, Content_Type=MediaType.DOCKER_MANIFEST)
    assert (await client.get_manifest(TAGGED, allowed(BODY), ALICE)).body == BODY
    assert "Authorization" not in store.asked[0].headers
    assert registry.asked[1].headers["Authorization"] == "Bearer alice"


async def test_redirects_are_bounded(client: RegistryClient, registry: FakeRegistry) -> None:
    """A circle ends."""
    registry.scripted[f"GET {PATH}"] = answering(status=302, Location=PATH)
    with pytest.raises(RegistryUnreachable) as refusal:
        await client.get_manifest(TAGGED, allowed(BODY), ALICE)
    assert refusal.value.why == f"it redirects more than {MANIFEST_REDIRECTS} times"
    assert len(registry.asked) == MANIFEST_REDIRECTS + 1


async def test_an_unlisted_host_is_not_asked(registry: FakeRegistry, store: FakeRegistry) -> None:
    """Without `redirect_hosts` a manifest comes from the registry alone."""
    registry.scripted[f"GET {PATH}"] = answering(status=307, Location=f"{store.url}{PATH}")
    async with connect(settings(registry.url)) as client:
        with pytest.raises(RegistryUnreachable) as refusal:
            await client.get_manifest(TAGGED, allowed(BODY), ALICE)
    assert "does not list" in refusal.value.why
    assert store.requests == []


# --- what they permit -------------------------------------------------------------------------


async def test_a_page_for_people_is_no_permission(client: RegistryClient, registry: FakeRegistry) -> None:
    """A registry that sends strangers to a page to log in answers 200 there; that lets nobody in."""
    for path in (PATH, UNKNOWN_PATH):
        registry.scripted[f"GET {path}"] = answering(status=302, Location="/login")
    registry.scripted["GET /login"] = answering(body=b"<html>", Content_Type="text/html")
    for asking in (
        client.lets_in(APP, ALICE),
        client.authorise(TAGGED, DIGEST, ALICE),
        client.authorise_undecided(TAGGED, ALICE),
    ):
        with pytest.raises(RegistryUnreachable) as refusal:
            await asking
        assert refusal.value.why == "it answered something that is not the manifest"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(answering(status=302, Location="/login"), id="by-redirect"),
        pytest.param(answering(body=b"<html>", Content_Type="text/html"), id="at-once"),
    ],
)
async def test_a_page_for_people_is_no_permission_to_hear_a_refusal(
    client: RegistryClient, registry: FakeRegistry, head: Answer
) -> None:
    """Neither where the client's own reference is asked for by HEAD."""
    registry.knows_conditions = False
    registry.scripted[f"HEAD {TAG_PATH}"] = head
    registry.scripted["HEAD /login"] = answering(body=b"<html>", Content_Type="text/html")
    with pytest.raises(RegistryUnreachable) as refusal:
        await client.authorise_undecided(TAGGED, ALICE)
    assert refusal.value.why == "it answered something that is no manifest"


async def test_the_manifest_elsewhere_is_permission_but_not_remembered(
    client: RegistryClient, registry: FakeRegistry, store: FakeRegistry
) -> None:
    """The registry gave this client the way to the bytes; whether it would again, it is asked again."""
    for _ in range(2):
        registry.scripted[f"GET {PATH}"] = answering(status=307, Location=f"{store.url}{PATH}")
        await client.authorise(TAGGED, DIGEST, ALICE)
        await client.get_manifest(TAGGED, allowed(BODY), ALICE)
    assert registry.requests == [f"GET {PATH}"] * 4
    assert not any("If-None-Match" in asked.headers for asked in store.asked)


async def test_the_own_reference_elsewhere_is_permission(
    client: RegistryClient, registry: FakeRegistry, store: FakeRegistry
) -> None:
    """A registry whose manifests are all elsewhere says 404 there to the unknown digest, and has the client's tag."""
    for method, path in (("GET", UNKNOWN_PATH), ("HEAD", TAG_PATH)):
        registry.scripted[f"{method} {path}"] = answering(status=307, Location=f"{store.url}{path}")
    assert await client.lets_in(APP, ALICE) is False
    await client.authorise_undecided(TAGGED, ALICE)
    assert f"HEAD {TAG_PATH}" in store.requests
