"""Behind a registry with passwords, a stranger reads not even what is signed, although others just did."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
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

_LOGIN: Final = Login("tester", "secret")
_OTHER: Final = Login("tester", "other")
_SIGNED_DIGEST: Final = "/v2/{app}/manifests/{signed}"

ATTEMPTS: Final = (
    Attempt("nothing", asked(SIGNED)),
    Attempt("nothing-head", asked(SIGNED, method="HEAD")),
    Attempt("nothing-by-digest", asked(_SIGNED_DIGEST)),
    Attempt("nothing-but-the-digest-known", asked(_SIGNED_DIGEST, 'If-None-Match: "{signed}"')),
    Attempt("nothing-but-any-digest-known", asked(SIGNED, "If-None-Match: *")),
    Attempt("nothing-for-the-unsigned", asked(UNSIGNED)),
    Attempt("nothing-for-the-unsigned-digest", asked(BY_DIGEST, method="HEAD")),
    Attempt("nothing-for-the-child", asked("/v2/{app}/manifests/{child}")),
    Attempt("nothing-for-a-range", asked(SIGNED, "Range: bytes=0-100")),
    Attempt("nothing-only-cached", asked(SIGNED, "Cache-Control: only-if-cached, max-stale=1000")),
    Attempt("wrong-password", asked(SIGNED, f"Authorization: {_OTHER.header}")),
    Attempt("wrong-password-by-digest", asked(_SIGNED_DIGEST, f"Authorization: {_OTHER.header}")),
    Attempt("empty-password", asked(SIGNED, f"Authorization: {Login('tester', '').header}")),
    Attempt("empty-everything", asked(SIGNED, f"Authorization: {Login('', '').header}")),
    Attempt("empty-header", asked(SIGNED, "Authorization:")),
    Attempt("no-base64", asked(SIGNED, "Authorization: Basic ====")),
    Attempt("bearer", asked(SIGNED, "Authorization: Bearer anything")),
    Attempt("wrong-password-first", asked(SIGNED, f"Authorization: {_OTHER.header}", "Authorization: Bearer x")),
    Attempt(
        "forwarded-user", asked(SIGNED, "X-Forwarded-User: tester", "X-Remote-User: tester", "Remote-User: tester")
    ),
    Attempt("cookie", asked(SIGNED, "Cookie: session=tester")),
    Attempt("user-in-the-target", asked("http://tester@{host}" + SIGNED)),
    Attempt("loopback-claimed", asked(SIGNED, "X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1")),
    Attempt("http10", asked(SIGNED, version="HTTP/1.0")),
)


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory, notary: Notary, owner: Person, signers: dict[str, Person], anchor: str
) -> Iterator[tuple[Proxy, Bait]]:
    """A proxy before a registry with one user, and the bait there, to which what is signed belongs as well."""
    directory = tmp_path_factory.mktemp("strangers")
    with run_registry(directory / "registry", login=_LOGIN) as private:
        bait = sign(lay(private, f"bypass/{secrets.token_hex(6)}"), private, owner, signers["alice"])
        settings = configuration(private, notary, [anchor], signers)
        settings["repositories"] = {"**": {"signed_by": {"any_of": ["alice"]}}}
        with run_proxy(directory / "proxy", settings) as running:
            yield running, replace(bait, unadmitted={**bait.unadmitted, "signed": bait.signed})


@pytest.mark.parametrize("attempt", [pytest.param(each, id=each.id) for each in ATTEMPTS])
def test_stranger_reads_nothing(guarded: tuple[Proxy, Bait], attempt: Attempt) -> None:
    """On the very connection on which a user was served, a request without the password is given nothing."""
    proxy, bait = guarded
    served = Attempt("user", first(SIGNED, f"Authorization: {_LOGIN.header}")).bytes_for(bait, proxy.host)
    answers = converse(proxy.host, served + attempt.bytes_for(bait, proxy.host))
    assert answers[0].body == bait.signed.manifest.content
    assert bait.leaks(answers[:1]) != []
    assert [answer.status for answer in answers[1:]] in ([401], [400])
    assert bait.leaks(answers[1:]) == []
    assert not any(b"tagwarden-signers" in answer.head.lower() for answer in answers[1:])
