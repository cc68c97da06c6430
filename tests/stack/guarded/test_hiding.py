"""A registry that says 404 to whatever somebody may not read: the proxy says no more."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.stack.images import image
from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from deploy.stack.web import Login
from tests.stack.guarded.people import OWNER, guarded_settings, read, said
from tests.support.hiding_registry import NOTHING, hiding

SIGNED = image("open/app").digest
NOWHERE = f"sha256:{'7' * 64}"
STRANGERS = [pytest.param(None, id="nobody"), pytest.param(Login("owner", "guess").header, id="a wrong password")]


@pytest.fixture(scope="module")
def hidden(passworded: Registry) -> Iterator[Registry]:
    """The registry with a password, hiding."""
    with hiding(passworded) as url:
        yield replace(passworded, url=url)


@pytest.fixture(scope="module")
def before_hidden(
    tmp_path_factory: pytest.TempPathFactory,
    hidden: Registry,
    guarded_notary: Notary,
    signer: Person,
    pin: str,
) -> Iterator[Proxy]:
    """The proxy before it; images are named as before, and it has no credential of its own."""
    place: Path = tmp_path_factory.mktemp("hidden")
    settings = guarded_settings(place, hidden, guarded_notary, signer, pin)
    del settings["registry"]["credentials_file"]
    with run_proxy(place / "proxy", settings) as running:
        yield running


def test_the_owner_is_served_and_refused(before_hidden: Proxy) -> None:
    """Whom the registry lets in gets what is signed, and hears why the rest is refused."""
    served = read(before_hidden.url, "/v2/open/app/manifests/1.0", authorization=OWNER.header)
    assert (served.status, served.headers["Docker-Content-Digest"]) == (200, SIGNED)
    refused = read(before_hidden.url, "/v2/open/app/manifests/2.0", authorization=OWNER.header)
    assert (refused.status, refused.headers["X-Tagwarden-Refusal"]) == (403, "tag_not_signed")


def test_what_the_registry_lacks_is_the_registrys_to_say(before_hidden: Proxy) -> None:
    """A tag that is neither signed nor there: with no yes at hand its owner cannot be told from a stranger."""
    spelt_anew = OWNER.header.replace("Basic ", "BASIC ")
    answer = read(before_hidden.url, "/v2/open/app/manifests/3.0", authorization=spelt_anew)
    assert said(answer) == (404, [], json.loads(NOTHING))
    answer = read(before_hidden.url, "/v2/open/app/manifests/1.0", authorization=spelt_anew)
    assert (answer.status, answer.headers["Docker-Content-Digest"]) == (200, SIGNED)
    answer = read(before_hidden.url, "/v2/open/app/manifests/3.0", authorization=spelt_anew)
    assert (answer.status, answer.headers["X-Tagwarden-Refusal"]) == (403, "tag_not_signed")


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("what", ["1.0", "2.0", "3.0", SIGNED, NOWHERE])
def test_a_hidden_repository_is_like_none(
    hidden: Registry, before_hidden: Proxy, what: str, method: str, stranger: str | None
) -> None:
    """Right after its owner was served, a stranger is told what he is told of a repository that never was."""
    read(before_hidden.url, f"/v2/open/app/manifests/{what}", authorization=OWNER.header)
    asked = [f"/v2/{repository}/manifests/{what}" for repository in ("open/app", "no/such")]
    of_it, of_none = (read(before_hidden.url, path, method=method, authorization=stranger) for path in asked)
    direct = read(hidden.url, asked[0], method=method, authorization=stranger)
    assert said(of_it) == said(of_none) == said(direct)
    assert of_it.status == 404
    assert sorted(name for name in of_it.headers if name.startswith("X-Tagwarden")) == []
    assert sorted(set(of_it.headers)) == sorted(set(of_none.headers))
