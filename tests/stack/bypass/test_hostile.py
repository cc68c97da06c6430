"""A registry that lies in every answer gets no manifest past the proxy that nobody admitted."""

import secrets
from collections.abc import Iterator
from typing import Final

import pytest

from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from tests.stack.bypass.attempts import BY_DIGEST, SIGNED, UNSIGNED, Attempt, asked
from tests.stack.bypass.bait import Bait, lay, sign
from tests.stack.bypass.hostile import STOLEN, TRICKS, Hostile, Trick, honest, hostile
from tests.stack.configuration import configuration

_UPLOADS: Final = "/v2/{app}/blobs/uploads/"

_REQUESTS: Final = (
    ("signed-tag", "GET", SIGNED),
    ("signed-tag-head", "HEAD", SIGNED),
    ("signed-digest", "GET", "/v2/{app}/manifests/{signed}"),
    ("unsigned-tag", "GET", UNSIGNED),
    ("unsigned-tag-head", "HEAD", UNSIGNED),
    ("unsigned-digest", "GET", BY_DIGEST),
    ("root", "GET", "/v2/"),
    ("tags", "GET", "/v2/{app}/tags/list"),
    ("catalog", "GET", "/v2/_catalog"),
    ("referrers", "GET", "/v2/{app}/referrers/{signed}"),
    ("lost-blob", "GET", "/v2/{app}/blobs/{signed}"),
    ("upload", "POST", _UPLOADS),
    ("chunk", "PATCH", _UPLOADS + "lost"),
    ("last-chunk", "PUT", _UPLOADS + "lost?digest={signed}"),
    ("upload-asked-for", "GET", _UPLOADS + "lost"),
    ("upload-given-up", "DELETE", _UPLOADS + "lost"),
    ("push", "PUT", "/v2/{app}/manifests/new"),
    ("deletion", "DELETE", BY_DIGEST),
    ("deletion-of-a-tag", "DELETE", UNSIGNED),
    ("deletion-of-a-blob", "DELETE", "/v2/{app}/blobs/{unsigned}"),
)


def _everything() -> list[Attempt]:
    """One request of every kind, by somebody whom the proxy never saw before."""
    headers = "Content-Length: 0", f"Authorization: Basic {secrets.token_hex(8)}"
    return [Attempt(name, asked(target, *headers, method=method)) for name, method, target in _REQUESTS]


@pytest.fixture(scope="module")
def liar(registry: Registry) -> Iterator[Hostile]:
    """Who stands before the registry."""
    with hostile(registry) as evil:
        yield evil


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory,
    liar: Hostile,
    registry: Registry,
    notary: Notary,
    signers: dict[str, Person],
    anchor: str,
) -> Iterator[Proxy]:
    """A proxy that knows the registry by the liar's address alone."""
    settings = configuration(registry, notary, [anchor], signers)
    settings["registry"] = {"url": liar.url}
    settings["repositories"] = {"**": {"signed_by": {"any_of": ["alice"]}}}
    with run_proxy(tmp_path_factory.mktemp("hostile"), settings) as running:
        yield running


@pytest.fixture(scope="module")
def bait(liar: Hostile, registry: Registry, owner: Person, signers: dict[str, Person]) -> Bait:
    """What the liar wants to get past the proxy; the proxy never sees an honest answer about it."""
    bait = sign(lay(registry, f"bypass/{secrets.token_hex(6)}"), registry, owner, signers["alice"])
    liar.loot = bait.unadmitted["unsigned"].manifest
    return bait


_tricks: Final = pytest.mark.parametrize("trick", [pytest.param(trick, id=name) for name, trick in TRICKS.items()])


@pytest.mark.parametrize("lets_in", [pytest.param(True, id="let-in"), pytest.param(False, id="lied-to-at-once")])
@_tricks
def test_no_lie_gets_past(guarded: Proxy, liar: Hostile, bait: Bait, trick: Trick, *, lets_in: bool) -> None:
    """Whatever a client asks for, it never gets bytes or digest of the unsigned manifest for an answer."""
    liar.trick, liar.lets_in = trick, lets_in
    for request in _everything():
        answers = request.at(guarded.host, bait)
        assert all(answer.status for answer in answers), request.id
        assert bait.leaks(answers) == [], request.id
        away = f"location: {liar.elsewhere}".encode()
        assert not any(away in answer.head.lower() for answer in answers), request.id


@_tricks
def test_lies_are_real(liar: Hostile, bait: Bait, trick: Trick) -> None:
    """Asked without the proxy, the liar hands the unsigned manifest out, or sends the client to where it is."""
    liar.trick, liar.lets_in = trick, False
    answers = [answer for request in _everything() for answer in request.at(liar.host, bait)]
    places = [f"location: {place}".encode() for place in (STOLEN, liar.elsewhere + STOLEN)]
    sent_away = any(place in answer.head.lower() for answer in answers for place in places)
    assert sent_away or any(b"bait unsigned bait" in answer.body for answer in answers)


def test_an_honest_registry_is_believed(guarded: Proxy, liar: Hostile, bait: Bait) -> None:
    """The same proxy serves what is signed once the registry stops lying."""
    liar.trick, liar.lets_in = honest, True
    [answer] = Attempt("signed-tag", asked(SIGNED)).at(guarded.host, bait)
    assert (answer.status, answer.body) == (200, bait.signed.manifest.content)
