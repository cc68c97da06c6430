"""The proxy gets tokens of its own: for Notary, and for the indexes that it reads of the registry."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack.images import image, multi_arch, push
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy, command, write_configuration
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from deploy.stack.tokens import authorization
from deploy.stack.web import Login
from tests.stack.configuration import wait_for
from tests.stack.guarded.people import OWNER, READER, guarded_settings, read
from tests.support.token_server import TokenServer


def as_(login: Login, proxy: Proxy, repository: str) -> str:
    """The Authorization for a repository."""
    return authorization(read(proxy.url, f"/v2/{repository}/manifests/x").headers["WWW-Authenticate"], login)


def test_notary_is_read_with_tokens(guarded: Registry, before_tokens: Proxy, secure_tokens: TokenServer) -> None:
    """The warden's password buys a token for each collection, to read it, and everything verifies."""
    for repository in ("open/app", "closed/app"):
        shown = as_(OWNER, before_tokens, repository)
        served = read(before_tokens.url, f"/v2/{repository}/manifests/1.0", authorization=shown)
        assert (served.status, served.headers["X-Tagwarden-Decision"]) == (200, "allowed")
        assert served.headers["Docker-Content-Digest"] == image(repository).digest
        refused = read(before_tokens.url, f"/v2/{repository}/manifests/2.0", authorization=shown)
        assert (refused.status, refused.headers["X-Tagwarden-Refusal"]) == (403, "tag_not_signed")
        asked = [each for each in secure_tokens.asked if each.account == "warden"]
        scope = f"repository:{guarded.host}/{repository}:pull"
        assert {each.service for each in asked} == {"notary.example.com"}
        assert (scope,) in {each.scopes for each in asked}


def test_a_stranger_costs_notary_nothing(before_tokens: Proxy, secure_tokens: TokenServer) -> None:
    """Whom the registry does not let in makes nobody ask for anything."""
    before = len(secure_tokens.asked)
    for number in range(5):
        assert read(before_tokens.url, f"/v2/never/asked{number}/manifests/1.0").status == 401
    assert len(secure_tokens.asked) == before


def test_an_index_is_walked_as_the_warden(guarded: Registry, before_tokens: Proxy, tokens: TokenServer) -> None:
    """A child asked for first is found in its signed index, which the proxy reads with a token of its own."""
    child = multi_arch("open/all").children[0]
    shown = as_(READER, before_tokens, "open/all")
    served = read(before_tokens.url, f"/v2/open/all/manifests/{child.digest}", authorization=shown)
    assert (served.status, served.headers["X-Tagwarden-Decision"]) == (200, "allowed")
    asked = [each for each in tokens.asked if each.account == "warden"]
    assert asked, "the proxy asked as itself"
    assert {each.scopes for each in asked} == {("repository:open/all:pull",)}
    assert {each.service for each in asked} == {"registry.example.com"}
    stranger = push(guarded, "open/all", image("in no index"), "3.0")
    refused = read(before_tokens.url, f"/v2/open/all/manifests/{stranger.digest}", authorization=shown)
    assert (refused.status, refused.headers["X-Tagwarden-Refusal"]) == (403, "digest_not_signed")


def test_what_the_warden_may_read_is_no_clients(before_tokens: Proxy) -> None:
    """Right after the proxy read an index as itself, a stranger still hears the registry."""
    shown = as_(OWNER, before_tokens, "open/all")
    assert read(before_tokens.url, "/v2/open/all/manifests/1.0", authorization=shown).status == 200
    for child in multi_arch("open/all").children:
        assert read(before_tokens.url, f"/v2/open/all/manifests/{child.digest}").status == 401


@pytest.fixture
def newcomer(tmp_path: Path, guarded: Registry, guarded_notary: Notary, signer: Person, pin: str) -> Iterator[Proxy]:
    """A proxy that knows nothing yet."""
    settings = guarded_settings(tmp_path, guarded, guarded_notary, signer, pin)
    with run_proxy(tmp_path / "newcomer", settings) as running:
        yield running


def test_a_token_server_that_fails_is_an_outage_of_notary(newcomer: Proxy, secure_tokens: TokenServer) -> None:
    """Nothing is decided without a token, and nothing has to be done once there are tokens again."""
    shown = as_(READER, newcomer, "open/app")
    secure_tokens.outage = 503
    try:
        refused = read(newcomer.url, "/v2/open/app/manifests/1.0", authorization=shown)
        assert (refused.status, refused.headers["X-Tagwarden-Refusal"]) == (503, "notary_unreachable")
        assert "token server answered 503" in refused.reason
        assert read(newcomer.url, "/v2/open/app/manifests/1.0").status == 401, "a stranger hears nothing of it"
    finally:
        secure_tokens.outage = None
    served = wait_for(
        lambda: read(newcomer.url, "/v2/open/app/manifests/1.0", authorization=shown),
        lambda answer: answer.status == 200,
    )
    assert served.headers["Docker-Content-Digest"] == image("open/app").digest


def test_a_password_that_the_token_server_does_not_know_is_an_outage(
    tmp_path: Path, guarded: Registry, guarded_notary: Notary, signer: Person, pin: str
) -> None:
    """The command line says which server said what; nothing is taken for an answer of Notary."""
    settings = guarded_settings(tmp_path, guarded, guarded_notary, signer, pin)
    (tmp_path / "warden.json").write_text('{"username": "warden", "password": "guess"}')
    settings["listen"] = {"address": "127.0.0.1:0"}
    settings["probes"] = {"address": "127.0.0.1:0"}
    file = write_configuration(tmp_path / "config", settings)
    outcome = command(tmp_path, "verify", "-c", str(file), f"{guarded.host}/open/app:1.0")
    assert outcome.status == 3, outcome.output
    assert "token server answered 401" in outcome.output
