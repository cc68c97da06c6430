"""A registry and a Notary server that want tokens, a registry that wants a password, and what is signed in there.

Everybody's rights are in `people`; of the two repositories that are signed, the reader may read `open/app` alone.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from certs.authority import Authority
from deploy.stack import docker_trust, keys, notary_client
from deploy.stack.images import image, multi_arch, push
from deploy.stack.notary import Notary
from deploy.stack.notary import notary as run_notary
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from deploy.stack.registry import registry as run_registry
from tests.stack.guarded.people import OWNER, USERS, guarded_settings
from tests.support.token_server import TokenServer, token_server


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the daemons of these tests live."""
    return tmp_path_factory.mktemp("guarded")


@pytest.fixture(scope="session")
def tokens(place: Path) -> Iterator[TokenServer]:
    """A token server over plain HTTP, for the registry."""
    with token_server(place / "tokens", USERS) as server:
        yield server


@pytest.fixture(scope="session")
def secure_tokens(place: Path, authority: Authority) -> Iterator[TokenServer]:
    """A token server over TLS, for Notary."""
    with token_server(place / "secure-tokens", USERS, authority=authority) as server:
        yield server


@pytest.fixture(scope="session")
def guarded(place: Path, tokens: TokenServer) -> Iterator[Registry]:
    """A registry that believes the token server."""
    with run_registry(place / "registry", login=tokens.auth("registry.example.com", OWNER)) as running:
        yield running


@pytest.fixture(scope="session")
def passworded(place: Path) -> Iterator[Registry]:
    """A registry with a password, which lets in the owner alone."""
    with run_registry(place / "passworded", login=OWNER) as running:
        yield running


@pytest.fixture(scope="session")
def guarded_notary(place: Path, authority: Authority, secure_tokens: TokenServer) -> Iterator[Notary]:
    """A Notary server that believes the other token server."""
    with run_notary(place / "notary", authority, tokens=secure_tokens.auth("notary.example.com", OWNER)) as running:
        yield running


@pytest.fixture(scope="session")
def signer(place: Path, guarded: Registry, passworded: Registry, guarded_notary: Notary) -> Person:
    """Who owns and signs everything here: `app:1.0` and the index `all:1.0`, open and closed, in both registries.

    `app:2.0` is there and not signed.
    """
    person = Person.settle("signer", place / "signer", guarded_notary)
    docker_trust.generate_key(person)
    for registry in (guarded, passworded):
        person = person.log_in(registry.host, OWNER)
        for repository in ("open/app", "closed/app", "open/all"):
            content = multi_arch(repository) if repository == "open/all" else image(repository)
            push(registry, repository, content, "1.0")
            push(registry, repository, image("never signed"), "2.0")
            gun = f"{registry.host}/{repository}"
            docker_trust.add_signer(person, gun, person.name, person.public_key)
            notary_client.sign_as(person, gun, "1.0", content.digest, content.length)
    return person


@pytest.fixture(scope="session")
def pin(guarded: Registry, guarded_notary: Notary, signer: Person) -> str:
    """The id of the signer's root key."""
    assert signer.public_key.exists()
    [key_id] = keys.root_key_ids(guarded_notary, f"{guarded.host}/open/app")
    return key_id


@pytest.fixture(scope="session")
def before_tokens(place: Path, guarded: Registry, guarded_notary: Notary, signer: Person, pin: str) -> Iterator[Proxy]:
    """The proxy before the registry that wants tokens."""
    settings = guarded_settings(place, guarded, guarded_notary, signer, pin)
    with run_proxy(place / "before-tokens", settings) as running:
        yield running


@pytest.fixture(scope="session")
def before_password(
    place: Path, passworded: Registry, guarded_notary: Notary, signer: Person, pin: str
) -> Iterator[Proxy]:
    """The proxy before the registry that wants a password; it has none of its own."""
    settings = guarded_settings(place, passworded, guarded_notary, signer, pin)
    del settings["registry"]["credentials_file"]
    with run_proxy(place / "before-password", settings) as running:
        yield running
