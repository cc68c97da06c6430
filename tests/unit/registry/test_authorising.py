"""May this credential read this repository? The registry says so, and is believed for 30 s."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from proxy.config.settings import Credentials
from proxy.errors import ManifestMissing, RegistryUnreachable
from proxy.limits import MANIFEST_BYTES, PERMISSION_SECONDS
from proxy.manifests import MediaType
from proxy.names import Reference, Repository, Tag
from proxy.registry import client as client_module
from proxy.registry.client import UNKNOWN_DIGEST, RegistryClient, connect
from proxy.registry.failures import Relayed
from proxy.registry.headers import ClientCredentials
from proxy.registry.permissions import Permissions
from tests.unit.registry.material import (
    APP,
    FakeRegistry,
    allowed,
    answering,
    digest,
    error,
    image,
    served,
    settings,
)

BODY: Final = image()
DIGEST: Final = digest(BODY)
OTHER_APP: Final = Repository("shop/other")
TAGGED: Final = Reference(APP, Tag("v1"))
PATH: Final = f"/v2/shop/app/manifests/{DIGEST}"
TAG_PATH: Final = "/v2/shop/app/manifests/v1"
UNKNOWN_PATH: Final = f"/v2/shop/app/manifests/{UNKNOWN_DIGEST}"
NOBODY: Final = ClientCredentials()
ALICE: Final = ClientCredentials("Bearer alice")
BOB: Final = ClientCredentials("Bearer bob")

Ask = Callable[[RegistryClient, ClientCredentials], Awaitable[object]]


# --- what is permission -----------------------------------------------------------------------


@pytest.mark.parametrize("knows_conditions", [pytest.param(True, id="304"), pytest.param(False, id="200")])
async def test_permission_is_a_conditional_get(
    client: RegistryClient, registry: FakeRegistry, *, knows_conditions: bool
) -> None:
    """200 and 304 are permission, to the client's own credential."""
    registry.holds(BODY)
    registry.knows_conditions = knows_conditions
    await client.authorise(TAGGED, DIGEST, ALICE)
    assert registry.requests == [f"GET {PATH}"]
    assert registry.asked[0].headers["If-None-Match"] == f'"{DIGEST}"'
    assert registry.asked[0].headers["Authorization"] == "Bearer alice"


async def test_without_permission_the_registry_answers(client: RegistryClient, registry: FakeRegistry) -> None:
    """Whoever is not let in hears it from the registry, decided digest or not."""
    registry.asks_for = "Bearer bob"
    registry.holds(BODY)
    for asking in (client.authorise(TAGGED, DIGEST, ALICE), client.authorise_undecided(TAGGED, ALICE)):
        with pytest.raises(Relayed) as raised:
            await asking
        assert raised.value.status == 401
        assert "realm" in raised.value.headers["WWW-Authenticate"]


async def test_a_decided_digest_that_is_gone_is_missing(client: RegistryClient, registry: FakeRegistry) -> None:
    """A registry that looks before it says 304 says 404; the tag shows that the client may read."""
    registry.knows_conditions = False
    registry.holds(image("moved"), tag="v1")
    with pytest.raises(ManifestMissing):
        await client.authorise(TAGGED, DIGEST, ALICE)
    assert registry.requests == [f"GET {PATH}", f"GET {UNKNOWN_PATH}", f"HEAD {TAG_PATH}"]


async def test_while_nothing_is_decided_an_unknown_digest_is_asked_for(
    client: RegistryClient, registry: FakeRegistry
) -> None:
    """The registry says 304 for a digest that nobody has, which is permission enough to hear a refusal."""
    await client.authorise_undecided(TAGGED, ALICE)
    assert registry.requests == [f"GET {UNKNOWN_PATH}"]
    assert registry.asked[0].headers["If-None-Match"] == f'"{UNKNOWN_DIGEST}"'


async def test_where_an_unknown_digest_is_404_the_own_reference_counts(
    client: RegistryClient, registry: FakeRegistry
) -> None:
    """The client's own tag is asked for by HEAD, for its status only."""
    registry.knows_conditions = False
    registry.holds(BODY, tag="v1")
    await client.authorise_undecided(TAGGED, ALICE)
    assert registry.requests == [f"GET {UNKNOWN_PATH}", f"HEAD {TAG_PATH}"]
    assert registry.asked[1].headers["Accept"] == ", ".join(MediaType)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(404, b"MANIFEST_UNKNOWN", id="both 404: the first answer, which has a body"),
        pytest.param(403, b"", id="another status: that one"),
        pytest.param(401, b"", id="a challenge: that one"),
    ],
)
async def test_where_the_own_reference_is_no_permission_either(
    client: RegistryClient, registry: FakeRegistry, status: int, body: bytes
) -> None:
    """The registry's status for the client's reference is relayed."""
    registry.knows_conditions = False
    registry.scripted[f"HEAD {TAG_PATH}"] = answering(status=status, WWW_Authenticate="Basic")
    with pytest.raises(Relayed) as raised:
        await client.authorise_undecided(TAGGED, ALICE)
    assert raised.value.status == status
    assert body in raised.value.body
    assert ("WWW-Authenticate" in raised.value.headers) is (status != 404)


# --- before anything is decided ---------------------------------------------------------------


async def test_the_registry_lets_in_before_anything_is_decided(client: RegistryClient, registry: FakeRegistry) -> None:
    """A digest that nobody has is asked for: 304 is a yes."""
    assert await client.lets_in(APP, ALICE) is True
    assert registry.requests == [f"GET {UNKNOWN_PATH}"]


async def test_where_an_unknown_digest_is_404_nothing_can_be_told(
    client: RegistryClient, registry: FakeRegistry
) -> None:
    """The registry may have looked for the digest before it looked at the credential: neither yes nor no."""
    registry.knows_conditions = False
    assert await client.lets_in(APP, ALICE) is False
    assert await client.lets_in(APP, ALICE) is False
    assert registry.requests == [f"GET {UNKNOWN_PATH}"] * 2


@pytest.mark.parametrize("status", [400, 401, 403, 405, 429, 500, 503])
async def test_any_other_answer_is_the_clients(client: RegistryClient, registry: FakeRegistry, status: int) -> None:
    """It is relayed with its status, and asked for again the next time: a no is never remembered."""
    registry.scripted[f"GET {UNKNOWN_PATH}"] = answering(status=status, WWW_Authenticate="Basic")
    for _ in range(2):
        with pytest.raises(Relayed) as raised:
            await client.lets_in(APP, ALICE)
        assert raised.value.status == status
    assert len(registry.asked) == 2


@pytest.mark.parametrize("status", [201, 204, 206, 300])
async def test_an_odd_success_is_no_permission(client: RegistryClient, registry: FakeRegistry, status: int) -> None:
    """Only 200 and 304 are."""
    registry.scripted[f"GET {UNKNOWN_PATH}"] = answering(status=status)
    with pytest.raises(RegistryUnreachable):
        await client.lets_in(APP, ALICE)


@pytest.mark.parametrize("body", [b"<html>please log in</html>", b"", image("other"), b" " * (MANIFEST_BYTES + 1)])
async def test_a_page_for_people_is_no_permission(client: RegistryClient, registry: FakeRegistry, body: bytes) -> None:
    """A 200 counts where it is the manifest itself; nobody has the unknown digest, so nothing is one."""
    for path in (PATH, UNKNOWN_PATH):
        registry.scripted[f"GET {path}"] = answering(body=body, Content_Type="text/html")
    for asking in (
        client.lets_in(APP, ALICE),
        client.authorise(TAGGED, DIGEST, ALICE),
        client.authorise_undecided(TAGGED, ALICE),
    ):
        with pytest.raises(RegistryUnreachable) as refusal:
            await asking
        assert refusal.value.why == "it answered something that is not the manifest"


# --- the memory -------------------------------------------------------------------------------


async def lets_in(client: RegistryClient, credentials: ClientCredentials) -> object:
    """Nothing is decided yet."""
    return await client.lets_in(APP, credentials)


async def authorise(client: RegistryClient, credentials: ClientCredentials) -> None:
    """A digest is decided, and its bytes are at hand."""
    await client.authorise(TAGGED, DIGEST, credentials)


async def authorise_undecided(client: RegistryClient, credentials: ClientCredentials) -> None:
    """A refusal is decided."""
    await client.authorise_undecided(TAGGED, credentials)


async def get_manifest(client: RegistryClient, credentials: ClientCredentials) -> object:
    """A digest is decided, and its bytes are wanted."""
    return await client.get_manifest(TAGGED, allowed(BODY), credentials)


ASKING: Final = [lets_in, authorise, authorise_undecided, get_manifest]
FROM_MEMORY: Final = [lets_in, authorise, authorise_undecided]


@pytest.mark.parametrize("later", FROM_MEMORY)
@pytest.mark.parametrize(
    ("first", "knows_conditions"),
    [
        *(pytest.param(asking, True, id=f"304 to {asking.__name__}") for asking in ASKING),
        *(pytest.param(asking, False, id=f"200 to {asking.__name__}") for asking in ASKING if asking is not lets_in),
    ],
)
async def test_a_yes_is_remembered(
    client: RegistryClient, registry: FakeRegistry, first: Ask, later: Ask, *, knows_conditions: bool
) -> None:
    """Whichever question the registry answered with a yes, the next ones are not asked."""
    registry.holds(BODY, tag="v1")
    registry.knows_conditions = knows_conditions
    await first(client, ALICE)
    before = len(registry.asked)
    await later(client, ALICE)
    assert len(registry.asked) == before


@pytest.mark.parametrize(
    ("repository", "credentials"),
    [
        pytest.param(OTHER_APP, ALICE, id="another repository"),
        pytest.param(APP, BOB, id="another credential"),
        pytest.param(APP, NOBODY, id="no credential"),
        pytest.param(APP, ClientCredentials(""), id="an empty credential"),
        pytest.param(APP, ClientCredentials("bearer alice"), id="another spelling"),
    ],
)
async def test_a_yes_is_for_one_repository_and_one_credential(
    client: RegistryClient, registry: FakeRegistry, repository: Repository, credentials: ClientCredentials
) -> None:
    """Right after a yes, everybody else and everything else is asked for; and the registry's no goes out."""
    assert await client.lets_in(APP, ALICE)
    registry.asks_for = "Bearer nobody at all"
    for asking in (
        client.lets_in(repository, credentials),
        client.authorise(Reference(repository, Tag("v1")), DIGEST, credentials),
        client.authorise_undecided(Reference(repository, Tag("v1")), credentials),
    ):
        with pytest.raises(Relayed) as raised:
            await asking
        assert raised.value.status == 401
    assert len(registry.asked) == 4


async def test_a_yes_is_over_after_30_seconds(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time runs from the registry's answer, however often it is looked at."""
    seconds = [1000.0]
    monkeypatch.setattr(client_module, "Permissions", lambda: Permissions(lambda: seconds[0]))
    async with connect(settings(registry.url)) as client:
        await client.lets_in(APP, ALICE)
        for _ in range(3):
            seconds[0] += PERMISSION_SECONDS / 3 - 0.001
            await client.lets_in(APP, ALICE)
        assert len(registry.asked) == 1
        seconds[0] += 0.01
        registry.asks_for = "Bearer bob"
        with pytest.raises(Relayed):
            await client.lets_in(APP, ALICE)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_no_ends_an_earlier_yes(client: RegistryClient, registry: FakeRegistry, status: int) -> None:
    """A credential that the registry stops believing is asked about again at once."""
    registry.holds(BODY)
    await client.lets_in(APP, ALICE)
    registry.scripted[f"GET {PATH}"] = answering(status=status)
    with pytest.raises(Relayed):
        await client.get_manifest(TAGGED, allowed(BODY), ALICE)
    registry.asks_for = "Bearer bob"
    with pytest.raises(Relayed):
        await client.lets_in(APP, ALICE)


async def test_an_outage_of_the_registry_ends_no_yes(client: RegistryClient, registry: FakeRegistry) -> None:
    """A 500 says nothing about the credential."""
    await client.lets_in(APP, ALICE)
    registry.scripted[f"GET {PATH}"] = answering(status=500)
    with pytest.raises(Relayed):
        await client.get_manifest(TAGGED, allowed(BODY), ALICE)
    assert await client.lets_in(APP, ALICE)
    assert len(registry.asked) == 2


async def test_a_missing_manifest_is_told_at_once_to_those_who_may_read(
    client: RegistryClient, registry: FakeRegistry
) -> None:
    """With the registry's yes at hand its 404 needs no second question."""
    await client.lets_in(APP, ALICE)
    with pytest.raises(ManifestMissing):
        await client.get_manifest(TAGGED, allowed(BODY), ALICE)
    assert registry.requests == [f"GET {UNKNOWN_PATH}", f"GET {PATH}"]


async def test_what_the_proxy_may_read_lets_no_client_in(registry: FakeRegistry) -> None:
    """A yes to the proxy's own credential is not remembered, so whoever shows the same one is asked about."""
    registry.holds(BODY)
    async with connect(settings(registry.url, Credentials("warden", "secret"))) as client:
        own = client.walker(ALICE)
        await client.get_manifest(TAGGED, allowed(BODY), own)
        registry.asks_for = "Bearer alice"
        with pytest.raises(Relayed):
            await client.lets_in(APP, ClientCredentials(own.authorization))
        with pytest.raises(Relayed):
            await client.lets_in(APP, NOBODY)


# --- a registry that hides --------------------------------------------------------------------


class Hiding(FakeRegistry):
    """A registry that answers 404 to everything of a repository that a credential may not read, as some do."""

    async def answer(self, request: Any) -> Any:
        """To alice what it has, to everybody else nothing."""
        if request.headers.get("Authorization") != "Bearer alice":
            await request.read()
            return error(404, "NAME_UNKNOWN")
        return await super().answer(request)


@pytest.mark.parametrize("asking", ASKING)
@pytest.mark.parametrize("stranger", [pytest.param(BOB, id="bob"), pytest.param(NOBODY, id="nobody")])
@pytest.mark.parametrize("knows_conditions", [pytest.param(True, id="304"), pytest.param(False, id="404")])
async def test_a_registry_that_hides_leaks_nothing(
    asking: Ask, stranger: ClientCredentials, *, knows_conditions: bool
) -> None:
    """Right after somebody who may read was served, a stranger hears the registry's 404 or that nothing can be told."""
    async with served(Hiding(knows_conditions=knows_conditions)) as hiding, connect(settings(hiding.url)) as client:
        hiding.holds(BODY, tag="v1")
        await client.get_manifest(TAGGED, allowed(BODY), ALICE)
        await client.authorise_undecided(TAGGED, ALICE)
        if asking is lets_in:
            assert await client.lets_in(APP, stranger) is False
        else:
            with pytest.raises(Relayed) as raised:
                await asking(client, stranger)
            assert raised.value.status == 404
            assert b"NAME_UNKNOWN" in raised.value.body
