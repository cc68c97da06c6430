"""Whom the registry does not let in hears the registry, word for word, whatever the proxy knows."""

from dataclasses import dataclass

import pytest

from deploy.stack.images import image
from deploy.stack.proxy import Proxy
from deploy.stack.registry import Registry
from deploy.stack.tokens import authorization
from deploy.stack.web import Login
from tests.stack.guarded.people import OWNER, READER, read, said

SIGNED = f"manifests/{image('open/app').digest}"
NOWHERE = f"manifests/sha256:{'7' * 64}"
CLOSED = f"manifests/{image('closed/app').digest}"

MANIFESTS = [
    pytest.param("open/app", "manifests/1.0", id="signed tag"),
    pytest.param("open/app", "manifests/2.0", id="unsigned tag"),
    pytest.param("open/app", "manifests/3.0", id="no such tag"),
    pytest.param("open/app", SIGNED, id="signed digest"),
    pytest.param("open/app", NOWHERE, id="no such digest"),
    pytest.param("no/such", "manifests/1.0", id="no such repository"),
]


@dataclass(frozen=True)
class Door:
    """A registry, the proxy before it, and how its owner shows who they are."""

    registry: Registry
    proxy: Proxy

    def shown(self, login: Login, repository: str) -> str:
        """The Authorization with which somebody asks for a repository, as clients find it out."""
        challenge = read(self.proxy.url, f"/v2/{repository}/manifests/1.0").headers["WWW-Authenticate"]
        return login.header if challenge.startswith("Basic") else authorization(challenge, login)


@pytest.fixture(params=["tokens", "password"])
def door(request: pytest.FixtureRequest) -> Door:
    """One kind after the other."""
    names = {"tokens": ("guarded", "before_tokens"), "password": ("passworded", "before_password")}
    registry, proxy = (request.getfixturevalue(name) for name in names[request.param])
    return Door(registry, proxy)


@pytest.mark.parametrize("warm", [pytest.param(False, id="cold"), pytest.param(True, id="right after its owner")])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("repository", "what"), MANIFESTS)
def test_a_stranger_hears_the_registry(door: Door, repository: str, what: str, method: str, *, warm: bool) -> None:
    """Status, every challenge and the body are the registry's own, and nothing says that there is a proxy."""
    path = f"/v2/{repository}/{what}"
    if warm:
        read(door.proxy.url, path, authorization=door.shown(OWNER, repository))
    proxied, direct = (read(url, path, method=method) for url in (door.proxy.url, door.registry.url))
    assert said(proxied) == said(direct)
    assert proxied.status == 401
    assert not [name for name in proxied.headers if name.startswith("X-Tagwarden")]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", "/v2/", id="ping"),
        pytest.param("GET", "/v2/_catalog", id="catalogue"),
        pytest.param("GET", "/v2/open/app/tags/list", id="tags"),
        pytest.param("GET", f"/v2/open/app/blobs/sha256:{'7' * 64}", id="blob"),
        pytest.param("POST", "/v2/open/app/blobs/uploads/", id="upload"),
        pytest.param("PUT", "/v2/open/app/manifests/9.0", id="push"),
    ],
)
def test_a_stranger_hears_the_registry_at_every_door(door: Door, method: str, path: str) -> None:
    """Wherever the registry asks for a login, the proxy does, with the same words."""
    proxied, direct = (read(url, path, method=method) for url in (door.proxy.url, door.registry.url))
    assert said(proxied) == said(direct)
    assert proxied.status == 401


@pytest.mark.parametrize("shown", ["Basic Zm9vOmJhcg==", "Bearer abc", "Bearer", "Basic", "Negotiate abc=="])
def test_a_wrong_credential_hears_the_registry(door: Door, shown: str) -> None:
    """Rubbish is the registry's to refuse."""
    path = "/v2/open/app/manifests/1.0"
    proxied, direct = (read(url, path, authorization=shown) for url in (door.proxy.url, door.registry.url))
    assert said(proxied) == said(direct)
    assert proxied.status in (400, 401)


def test_the_owner_is_served_and_refused(door: Door) -> None:
    """Whom the registry lets in gets what is signed, and hears why the rest is refused."""
    shown = door.shown(OWNER, "open/app")
    served = read(door.proxy.url, "/v2/open/app/manifests/1.0", authorization=shown)
    assert served.headers["Docker-Content-Digest"] == image("open/app").digest
    assert served.headers["X-Tagwarden-Decision"] == "allowed"
    refused = read(door.proxy.url, "/v2/open/app/manifests/2.0", authorization=shown)
    assert (refused.status, refused.headers["X-Tagwarden-Refusal"]) == (403, "tag_not_signed")


@pytest.mark.parametrize("what", ["manifests/1.0", "manifests/2.0", CLOSED, NOWHERE])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_credential_for_one_repository_gets_nothing_of_another(
    guarded: Registry, before_tokens: Proxy, what: str, method: str
) -> None:
    """A token that was good a moment ago, for another repository, is no permission: within the 30 s, and warm."""
    door = Door(guarded, before_tokens)
    path = f"/v2/closed/app/{what}"
    read(before_tokens.url, path, authorization=door.shown(OWNER, "closed/app"))
    token = door.shown(READER, "open/app")
    assert read(before_tokens.url, "/v2/open/app/manifests/1.0", authorization=token).status == 200
    proxied, direct = (read(url, path, method=method, authorization=token) for url in (before_tokens.url, guarded.url))
    assert said(proxied) == said(direct)
    assert proxied.status == 401
    assert 'error="insufficient_scope"' in proxied.headers["WWW-Authenticate"]


def test_the_reader_gets_no_token_for_the_closed_one(guarded: Registry, before_tokens: Proxy) -> None:
    """What the token server gives for it opens nothing at the proxy either."""
    door = Door(guarded, before_tokens)
    for _ in range(2):
        token = door.shown(READER, "closed/app")
        assert read(before_tokens.url, "/v2/closed/app/manifests/1.0", authorization=token).status == 401
