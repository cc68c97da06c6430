"""The stack under load: one registry, one Notary, the proxy in its forms, and nginx in the same."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from certs.authority import Authority
from deploy.stack import keys, notary_client
from deploy.stack.images import Image, image, push
from deploy.stack.notary import Notary, notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy, proxy
from deploy.stack.registry import Registry, registry
from deploy.stack.tokens import authorization
from deploy.stack.web import Login, ask
from loadtest.bench.load import Side
from loadtest.bench.processes import SERVER_CORE, family, pin
from loadtest.bench.yardstick import yardstick
from tests.support.certificates import root_key
from tests.support.token_server import User, token_server

REPOSITORY: Final = "shop/api"
MANIFEST: Final = f"/v2/{REPOSITORY}/manifests/1.0"

_ALICE: Final = Login("alice", "correct horse battery staple")
_NOBODY: Final[dict[str, str]] = {}


@dataclass(frozen=True)
class Stage:
    """All sides: over plain HTTP, over TLS, and in front of a registry that asks for tokens.

    `ours_plain` has no fast path.
    """

    directory: Path
    content: Image
    there: Registry
    trust: Notary
    owner: Person
    registry: Side
    ours: Side
    ours_plain: Side
    ours_by_two: Side
    ours_unspliced: Side
    nginx: Side
    ours_tls: Side
    nginx_tls: Side
    ours_tokens: Side
    running: Proxy


@contextmanager
def stage(directory: Path) -> Iterator[Stage]:
    """Bring it all up for as long as the block lasts; `1.0` of `REPOSITORY` is signed."""
    authority = Authority.open(directory / "certs")
    pair, ca_file = authority.issue("127.0.0.1", "localhost"), authority.certificate_file
    with ExitStack() as stack:
        there = stack.enter_context(registry(directory / "registry", on_disk=True))
        trust = stack.enter_context(notary(directory / "notary", authority))
        owner, content = Person.settle("owner", directory / "owner", trust), image("bench")
        users = [User(_ALICE, {"*": "pull,push"})]
        tokens = stack.enter_context(token_server(directory / "tokens", users=users))
        guarded = stack.enter_context(registry(directory / "guarded", login=tokens.auth("registry", owner=_ALICE)))
        for each in (there, guarded):
            push(each, REPOSITORY, content, "1.0")
            sign(owner, f"{each.host}/{REPOSITORY}", content)
        plain = stack.enter_context(proxy(directory / "plain", settings(there, trust)))
        base = stack.enter_context(
            proxy(directory / "base", {**settings(there, trust), "listen": {"fast_path": False}})
        )
        two = stack.enter_context(proxy(directory / "two", {**settings(there, trust), "workers": 2}))
        slow = {**settings(there, trust), "listen": {"splice": False}}
        unspliced = stack.enter_context(proxy(directory / "unspliced", slow))
        tls = stack.enter_context(proxy(directory / "tls", settings(there, trust), certificate=pair, ca_file=ca_file))
        by_tokens = stack.enter_context(proxy(directory / "by-tokens", settings(guarded, trust)))
        nginx = stack.enter_context(yardstick(directory / "nginx", there.host))
        nginx_tls = stack.enter_context(yardstick(directory / "nginx-tls", there.host, pair, ca_file))
        yield Stage(
            directory=directory,
            content=content,
            there=there,
            trust=trust,
            owner=owner,
            registry=Side(there.url, (there.daemon.pid,), _NOBODY),
            ours=_pinned(plain.url, plain.daemon.pid),
            ours_plain=_pinned(base.url, base.daemon.pid),
            ours_by_two=Side(two.url, family(two.daemon.pid), _NOBODY),
            ours_unspliced=_pinned(unspliced.url, unspliced.daemon.pid),
            nginx=_pinned(*nginx),
            ours_tls=_pinned(tls.url, tls.daemon.pid, ca_file=ca_file),
            nginx_tls=_pinned(*nginx_tls, ca_file=ca_file),
            ours_tokens=_pinned(by_tokens.url, by_tokens.daemon.pid, headers=_token(guarded)),
            running=plain,
        )


def sign(owner: Person, gun: str, content: Image) -> None:
    """Make a collection, and sign a tag in it."""
    notary_client.initialise(owner, gun)
    notary_client.add_target(owner, gun, "1.0", content.digest, content.length)


def settings(there: Registry, trust: Notary) -> dict[str, Any]:
    """Enforce what is signed there, whoever holds the root."""
    public_key_ids = keys.root_key_ids(trust, f"{there.host}/{REPOSITORY}")
    return {**_servers(there, trust), "roots": {"owner": {"public_key_ids": public_key_ids}}}


def anybody(there: Stage) -> dict[str, Any]:
    """Enforce what is signed there by whoever holds the key that the simulated signers use for their roots."""
    public_key_ids = [root_key("any").public_key_id]
    return {**_servers(there.there, there.trust), "roots": {"owner": {"public_key_ids": public_key_ids}}}


def _servers(there: Registry, trust: Notary) -> dict[str, Any]:
    return {
        "name": there.host,
        "registry": {"url": there.url},
        "notaries": {"corp": {"url": trust.url, "ca_file": str(trust.ca_file), "roots": ["owner"]}},
        "repositories": {"**": {"signed_by": "released"}},
    }


def _pinned(url: str, pid: int, *, headers: dict[str, str] = _NOBODY, ca_file: Path | None = None) -> Side:
    pids = family(pid)
    pin(pids, SERVER_CORE)
    return Side(url, pids, headers, ca_file)


def _token(guarded: Registry) -> dict[str, str]:
    challenge = ask(f"{guarded.url}{MANIFEST}").headers["WWW-Authenticate"]
    return {"Authorization": authorization(challenge, _ALICE)}
