"""The token server of the tests does what its users believe that it does."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from certs.authority import Authority
from deploy.stack.tokens import TokenRefused, authorization
from deploy.stack.web import Login, ask
from tests.support.token_server import TokenServer, User, token_server

ALICE: Final = Login("alice", "secret")
USERS: Final = (User(ALICE, {"shop/*": "pull,push", "h:5000/shop/*": "pull"}), User(Login("root", "x"), catalog=True))


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[TokenServer]:
    """One with two users."""
    with token_server(tmp_path, USERS, anybody={"public/*": "pull"}) as server:
        yield server


def read(tokens: TokenServer, token: str) -> dict[str, Any]:
    """The claims of a token whose signature is that of the certificate which servers are given."""
    signed, _, signature = token.rpartition(".")
    raw = urlsafe_b64decode(signature + "==")
    certificate = x509.load_pem_x509_certificate(tokens.auth("r").certificate_file.read_bytes())
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    halves = (int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    key.verify(encode_dss_signature(*halves), signed.encode(), ec.ECDSA(hashes.SHA256()))
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(signed.partition(".")[2] + "=="))
    return claims


@pytest.mark.parametrize(
    ("username", "scope", "access"),
    [
        pytest.param("alice", "repository:shop/app:pull", [("shop/app", ["pull"])], id="granted"),
        pytest.param("alice", "repository:shop/app:delete,push,pull", [("shop/app", ["push", "pull"])], id="in part"),
        pytest.param("alice", "repository:h:5000/shop/app:pull", [("h:5000/shop/app", ["pull"])], id="a GUN"),
        pytest.param("alice", "repository:other/app:pull", [], id="another repository"),
        pytest.param("alice", "registry:catalog:*", [], id="the catalogue, to a user"),
        pytest.param("root", "registry:catalog:*", [("catalog", ["*"])], id="the catalogue, to its reader"),
        pytest.param(None, "repository:public/app:pull", [("public/app", ["pull"])], id="anybody"),
        pytest.param(None, "repository:shop/app:pull", [], id="anybody, a repository of others"),
    ],
)
def test_a_token_grants_what_its_user_may(
    tokens: TokenServer, username: str | None, scope: str, access: list[tuple[str, list[str]]]
) -> None:
    """Nothing else is in it, and it is signed."""
    claims = read(tokens, tokens.token("registry", scope, username=username))
    assert [(each["name"], each["actions"]) for each in claims["access"]] == access
    assert (claims["aud"], claims["sub"]) == ("registry", username or "")
    assert claims["exp"] - claims["iat"] == 300


def test_both_dialects_are_spoken(tokens: TokenServer) -> None:
    """GET with Basic, and POST with a password; what was asked is remembered."""
    form = {"service": "r", "scope": "repository:shop/app:pull"}
    got = ask(f"{tokens.realm}?{urlencode(form)}", headers={"Authorization": ALICE.header})
    password = {"grant_type": "password", "username": "alice", "password": "secret"}
    posted = ask(tokens.realm, method="POST", body=urlencode(form | password).encode())
    for answer, name in ((got, "token"), (posted, "access_token")):
        assert answer.status == 200
        assert read(tokens, json.loads(answer.body)[name])["sub"] == "alice"
    assert [(each.method, each.account, each.scopes) for each in tokens.asked] == [
        ("GET", "alice", ("repository:shop/app:pull",)),
        ("POST", "alice", ("repository:shop/app:pull",)),
    ]


def test_a_wrong_password_gets_nothing(tokens: TokenServer) -> None:
    """Neither way."""
    challenge = f'Bearer realm="{tokens.realm}",service="r",scope="repository:shop/app:pull"'
    with pytest.raises(TokenRefused, match="401"):
        authorization(challenge, Login("alice", "guess"))
    form = {"grant_type": "password", "username": "alice", "password": "guess"}
    assert ask(tokens.realm, method="POST", body=urlencode(form).encode()).status == 401
    assert ask(tokens.realm, method="POST", body=b"grant_type=refresh_token").status == 400
    assert ask(tokens.realm.replace("/token", "/other")).status == 404


def test_an_outage_is_what_is_asked_for(tokens: TokenServer) -> None:
    """And it ends."""
    tokens.outage = 503
    assert ask(tokens.realm).status == 503
    tokens.outage = None
    assert ask(tokens.realm).status == 200


def test_it_speaks_tls_where_it_is_told_to(tmp_path: Path) -> None:
    """With a certificate of the authority that it is given."""
    authority = Authority.open(tmp_path / "certs")
    with token_server(tmp_path / "tokens", USERS, authority=authority) as tokens:
        assert tokens.realm.startswith("https://")
        challenge = f'Bearer realm="{tokens.realm}",service="r"'
        assert authorization(challenge, ALICE, tokens.ca_file).startswith("Bearer ")
        with pytest.raises(OSError, match="certificate verify failed"):
            authorization(challenge, ALICE)
