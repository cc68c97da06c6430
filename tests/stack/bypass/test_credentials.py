"""Behind a registry with tokens, a credential of one repository reads nothing of another one."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import pytest

from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import registry as run_registry
from deploy.stack.web import Login
from tests.stack.bypass.attempts import BY_DIGEST, SIGNED, UNSIGNED, Attempt, asked, first
from tests.stack.bypass.bait import Bait, lay, sign
from tests.stack.configuration import configuration
from tests.support.raw_http import converse
from tests.support.token_server import TokenServer, User, token_server

_SERVICE: Final = "registry.example.com"
_SIGNED_DIGEST: Final = "/v2/{app}/manifests/{signed}"
_PUSHER: Final = "Accept: application/vnd.docker.distribution.manifest.v2+json, */*"

ATTEMPTS: Final = (
    Attempt("tag", asked(SIGNED, "{credential}")),
    Attempt("tag-head", asked(SIGNED, "{credential}", method="HEAD")),
    Attempt("digest", asked(_SIGNED_DIGEST, "{credential}")),
    Attempt("known-digest", asked(_SIGNED_DIGEST, "{credential}", 'If-None-Match: "{signed}"')),
    Attempt("unsigned-tag", asked(UNSIGNED, "{credential}")),
    Attempt("unsigned-digest", asked(BY_DIGEST, "{credential}", method="HEAD")),
    Attempt("pusher-head", asked(SIGNED, "{credential}", _PUSHER, method="HEAD")),
    Attempt("pusher-head-of-the-unsigned", asked(UNSIGNED, "{credential}", _PUSHER, method="HEAD")),
    Attempt("layer", asked("/v2/{app}/blobs/{signed_layer}", "{credential}")),
    Attempt("layer-head", asked("/v2/{app}/blobs/{signed_layer}", "{credential}", method="HEAD")),
    Attempt("tags", asked("/v2/{app}/tags/list", "{credential}")),
    Attempt("catalog", asked("/v2/_catalog", "{credential}")),
    Attempt("deletion", asked(_SIGNED_DIGEST, "{credential}", method="DELETE")),
    Attempt("deletion-of-the-unsigned", asked(BY_DIGEST, "{credential}", method="DELETE")),
    Attempt("deletion-of-a-layer", asked("/v2/{app}/blobs/{signed_layer}", "{credential}", method="DELETE")),
    Attempt("push", asked(SIGNED, "{credential}", "Content-Length: 0", method="PUT")),
    Attempt("upload", asked("/v2/{app}/blobs/uploads/", "{credential}", "Content-Length: 0", method="POST")),
    Attempt(
        "mount-from-there",
        asked(
            "/v2/{other}/blobs/uploads/?mount={signed_layer}&from={app}",
            "{credential}",
            "Content-Length: 0",
            method="POST",
        ),
    ),
    Attempt("mirror", asked(SIGNED + "?ns={host}", "{credential}")),
    Attempt("in-two-lines", asked(SIGNED, "{credential}", "{credential}")),
    Attempt("forwarded", asked(SIGNED, "{credential}", "X-Forwarded-User: alice", "X-Original-URL: /v2/{other}/")),
)

_OWNER: Final = Login("owner", secrets.token_hex(8))
_ALICE: Final = Login("alice", secrets.token_hex(8))
_BOB: Final = Login("bob", secrets.token_hex(8))


@dataclass(frozen=True)
class Guarded:
    """A proxy before a registry that believes `tokens`: alice may read `app`, bob may do anything in `other`."""

    proxy: Proxy
    tokens: TokenServer
    bait: Bait

    def bearer(self, name: str, *scopes: str, service: str = _SERVICE) -> str:
        """A token for somebody: what of these scopes they have."""
        return f"Authorization: Bearer {self.tokens.token(service, *scopes, username=name)}"

    @property
    def alices(self) -> str:
        """What opens `app`."""
        return self.bearer("alice", f"repository:{self.bait.app}:pull")

    @property
    def bobs(self) -> str:
        """What opens `other`."""
        return self.bearer("bob", f"repository:{self.bait.other}:pull,push,delete")


def _forged(guarded: Guarded) -> str:
    """Somebody's own token, with alice's rights written over its own."""
    _, claims, _ = guarded.alices.split(".")
    head, _, signature = guarded.bobs.split(".")
    return f"{head}.{claims}.{signature}"


CREDENTIALS: Final[dict[str, Callable[[Guarded], str]]] = {
    "nobody": lambda _: "X-Nobody: 1",
    "bob": lambda guarded: guarded.bobs,
    "bob-who-asked-for-both": lambda guarded: guarded.bearer(
        "bob", f"repository:{guarded.bait.other}:pull,push", f"repository:{guarded.bait.app}:pull,push"
    ),
    "bob-of-the-catalog": lambda guarded: guarded.bearer("bob", "registry:catalog:*"),
    "bob-of-nothing": lambda guarded: guarded.bearer("bob"),
    "bob-by-password": lambda _: f"Authorization: {_BOB.header}",
    "alice-elsewhere": lambda guarded: guarded.bearer(
        "alice", f"repository:{guarded.bait.app}:pull", service="elsewhere"
    ),
    "alice-cut-short": lambda guarded: guarded.alices[:-9],
    "alice-by-password": lambda _: f"Authorization: {_ALICE.header}",
    "forged": _forged,
}


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory, notary: Notary, owner: Person, signers: dict[str, Person], anchor: str
) -> Iterator[Guarded]:
    """The bait and who may read it; to strangers what is signed belongs to the bait as well."""
    directory, word = tmp_path_factory.mktemp("credentials"), f"bypass/{secrets.token_hex(6)}"
    users = (
        User(_OWNER, {"*": "pull,push,delete"}, catalog=True),
        User(_ALICE, {f"{word}/app": "pull"}),
        User(_BOB, {f"{word}/other": "pull,push,delete"}),
    )
    with (
        token_server(directory, users) as tokens,
        run_registry(directory / "registry", login=tokens.auth(_SERVICE, _OWNER)) as private,
    ):
        bait = sign(lay(private, word), private, owner, signers["alice"])
        settings = configuration(private, notary, [anchor], signers)
        settings["repositories"] = {"**": {"signed_by": {"any_of": ["alice"]}}}
        with run_proxy(directory / "proxy", settings) as running:
            yield Guarded(running, tokens, replace(bait, unadmitted={**bait.unadmitted, "signed": bait.signed}))


@pytest.mark.parametrize("credential", [pytest.param(each, id=name) for name, each in CREDENTIALS.items()])
def test_nobody_else_reads_it(guarded: Guarded, credential: Callable[[Guarded], str]) -> None:
    """On the connection on which alice was just served, nobody gets more than the registry's challenge."""
    bait, host, shown = guarded.bait, guarded.proxy.host, credential(guarded)
    served = Attempt("alice", first(SIGNED, guarded.alices)).bytes_for(bait, host)
    for attempt in ATTEMPTS:
        written = replace(attempt, template=attempt.template.replace("{credential}", shown))
        answers = converse(host, served + written.bytes_for(bait, host))
        assert answers[0].body == bait.signed.manifest.content, attempt.id
        assert [answer.status for answer in answers[1:]] == [401], attempt.id
        assert b"www-authenticate: bearer" in answers[1].head.lower(), attempt.id
        assert bait.leaks(answers[1:]) == [], attempt.id
        assert b"x-tagwarden-" not in answers[1].head.lower(), attempt.id


def test_bob_is_at_home_elsewhere(guarded: Guarded) -> None:
    """The same credential opens what is bob's."""
    [answer] = Attempt("bob", asked("/v2/{other}/manifests/1.0", guarded.bobs)).at(guarded.proxy.host, guarded.bait)
    assert (answer.status, answer.body) == (200, guarded.bait.unadmitted["borrowed"].manifest.content)


def test_bob_does_not_borrow_what_he_signed(guarded: Guarded) -> None:
    """A token that opens one repository serves nothing of the other from the proxy's memory."""
    for path in ("/v2/{other}/manifests/{signed}", "/v2/{other}/manifests/{unsigned}"):
        answers = Attempt("bob", asked(path, guarded.bobs)).at(guarded.proxy.host, guarded.bait)
        assert [answer.status for answer in answers] == [403]
        assert guarded.bait.leaks(answers) == []
