"""A real token server: what it signs, the real docker-registry and the real notary-server believe.

    with token_server(directory, users=[User(Login("alice", "secret"), {"shop/*": "pull"})]) as tokens:
        with registry(directory / "registry", login=tokens.auth("registry")) as running:
            ...

Anybody gets a token who is nobody or gives the right password; what stands in it is what was asked for, as far as
that user may. It speaks both dialects of clients: GET (docker, podman, skopeo, notary) and POST (containerd). It
runs in a thread of its own, so tests with and without an event loop can use it.
"""

import json
import secrets
import ssl
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.serialization import Encoding

from certs.authority import Authority
from deploy.stack.tokens import TokenAuth
from deploy.stack.web import Login
from tests.support.token_signer import Signer

ISSUER: Final = "tests"


@dataclass(frozen=True)
class User:
    """Somebody with a password, and what they may do.

    `may` maps shell patterns of repository names (GUNs, for Notary) to actions: `{"shop/*": "pull,push"}`. The
    catalogue, and Notary's other administrator's doors, are open to those with `catalog`.
    """

    login: Login
    may: Mapping[str, str] = field(default_factory=dict)
    catalog: bool = False


@dataclass(frozen=True)
class Asked:
    """One request as the token server saw it; `account` is whose password was right, None for nobody."""

    method: str
    account: str | None
    service: str
    scopes: tuple[str, ...]
    authorization: str | None = field(repr=False, default=None)


class TokenServer:
    """A running token server; made by `token_server`.

    `asked` records every request, in order. `lifetime` is that of the tokens from now on; servers allow them a
    minute more. `outage`, if set, is the status that everybody gets instead of an answer.
    """

    def __init__(self, directory: Path, users: Iterable[User], anybody: Mapping[str, str]) -> None:
        self.asked: list[Asked] = []
        self.lifetime = timedelta(minutes=5)
        self.outage: int | None = None
        self.realm = ""
        self.ca_file: Path | None = None
        self._users = {user.login.username: user for user in users}
        self._anybody = User(Login("", ""), anybody)
        self._signer = Signer()
        self._certificate_file = directory / "token-signer.crt"
        self._certificate_file.write_bytes(self._signer.certificate.public_bytes(Encoding.PEM))

    def auth(self, service: str, owner: Login | None = None) -> TokenAuth:
        """What a server of that name needs to believe these tokens; `owner` prepares its content."""
        return TokenAuth(self.realm, service, ISSUER, self._certificate_file, self.ca_file, owner)

    def token(self, service: str, *scopes: str, username: str | None = None) -> str:
        """A token without asking over the network."""
        user = self._users[username] if username is not None else self._anybody
        now = int(datetime.now(UTC).timestamp())
        return self._signer.sign(
            {
                "iss": ISSUER,
                "sub": username or "",
                "aud": service,
                "iat": now,
                "nbf": now - 10,
                "exp": now + int(self.lifetime.total_seconds()),
                "jti": secrets.token_hex(8),
                "access": [access for scope in scopes if (access := _granted(user, scope))],
            }
        )

    def answer(
        self, method: str, form: Mapping[str, list[str]], authorization: str | None
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON body for one request."""
        service = form.get("service", [""])[0]
        scopes = tuple(scope for listed in form.get("scope", []) for scope in listed.split())
        claimed = _password_of(form) if method == "POST" else _basic(authorization)
        known = claimed is not None and self._knows(claimed)
        account = claimed.username if claimed and known else None
        self.asked.append(Asked(method, account, service, scopes, authorization))
        if self.outage is not None:
            return self.outage, {"details": "out of order"}
        if claimed is not None and not known:
            return 401, {"details": "incorrect username or password"}
        if method == "POST" and claimed is None:
            return 400, {"error": "unsupported_grant_type"}
        token = self.token(service, *scopes, username=account)
        seconds = int(self.lifetime.total_seconds())
        issued = datetime.now(UTC).isoformat(timespec="seconds")
        both = {"token": token} if method == "GET" else {"scope": " ".join(scopes)}
        return 200, {"access_token": token, "expires_in": seconds, "issued_at": issued, **both}

    def _knows(self, claimed: Login) -> bool:
        user = self._users.get(claimed.username)
        return user is not None and user.login == claimed


@contextmanager
def token_server(
    directory: Path,
    users: Iterable[User] = (),
    *,
    anybody: Mapping[str, str] | None = None,
    authority: Authority | None = None,
) -> Iterator[TokenServer]:
    """Run a token server on a free loopback port for as long as the block lasts.

    Args:
        directory: Where its certificate for tokens goes.
        users: Who may do what.
        anybody: What one may do without a password; patterns and actions as in `User`.
        authority: Issues its certificate for TLS, `token-server`; default: plain HTTP.
    """
    directory.mkdir(parents=True, exist_ok=True)
    server = TokenServer(directory, users, anybody or {})

    class Handler(_Handler):
        tokens = server

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        scheme = "http"
        if authority:
            pair = authority.pair("token-server")
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(pair.certificate_file, pair.key_file)
            listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
            scheme, server.ca_file = "https", authority.certificate_file.absolute()
        server.realm = f"{scheme}://127.0.0.1:{listener.server_port}/token"
        thread = Thread(target=listener.serve_forever, args=(0.05,), name="token server", daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    tokens: TokenServer
    timeout = 10  # also of a handshake that never comes

    def do_GET(self) -> None:
        self._answer("GET", urlsplit(self.path).query)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        self._answer("POST", self.rfile.read(length).decode())

    def log_message(self, *_: object) -> None:
        """What was asked is in `TokenServer.asked`."""

    def _answer(self, method: str, form: str) -> None:
        known = urlsplit(self.path).path == "/token"
        status, said = (
            self.tokens.answer(method, parse_qs(form), self.headers.get("Authorization")) if known else (404, {})
        )
        body = json.dumps(said).encode()
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="token server"')
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _granted(user: User, scope: str) -> dict[str, Any] | None:
    """The entry of `access` for a scope: as much of it as the user may; None for nothing."""
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    may: set[str] = set()
    if kind == "repository":
        may = {
            action for pattern, given in user.may.items() if fnmatchcase(name, pattern) for action in given.split(",")
        }
    elif user.catalog:
        may = {"*"}
    granted = [action for action in actions.split(",") if action in may]
    return {"type": kind, "name": name, "actions": granted} if granted else None


def _basic(authorization: str | None) -> Login | None:
    if authorization is None:
        return None
    username, _, password = b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
    return Login(username, password)


def _password_of(form: Mapping[str, list[str]]) -> Login | None:
    if form.get("grant_type") != ["password"]:
        return None
    return Login(form.get("username", [""])[0], form.get("password", [""])[0])
