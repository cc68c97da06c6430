"""A whole installation in which everything is right."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from certs.authority import Authority
from deploy.stack import docker_trust, keys, notary_client
from deploy.stack.images import image, push
from deploy.stack.notary import notary as run_notary
from deploy.stack.people import Person
from deploy.stack.ports import free_port
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import registry as run_registry
from deploy.stack.web import Login
from tests.stack.doctor.shop import Shop, secret
from tests.support.token_server import TokenServer, User, token_server

OWNER = Login("owner", "owner's secret")
WARDEN = Login("warden", "warden's secret")
READER = Login("reader", "reader's secret")


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the daemons of these tests live."""
    return tmp_path_factory.mktemp("doctor")


@pytest.fixture(scope="package")
def tokens(place: Path, authority: Authority) -> Iterator[TokenServer]:
    """A token server; the warden may read everything, the reader everything but lists of everything."""
    users = (
        User(OWNER, {"*": "pull,push,delete,*"}, catalog=True),
        User(WARDEN, {"*": "pull"}, catalog=True),
        User(READER, {"*": "pull"}),
    )
    with token_server(place / "tokens", users, authority=authority) as running:
        yield running


@pytest.fixture(scope="package")
def shop(place: Path, authority: Authority, tokens: TokenServer) -> Iterator[Shop]:
    """The installation."""
    name = f"127.0.0.1:{free_port()}"
    with (
        run_registry(place / "registry") as registry,
        run_notary(place / "notary", authority, tokens=tokens.auth("notary.example.com", OWNER)) as notary,
    ):
        owner, alice, bob = (Person.settle(each, place / each, notary) for each in ("owner", "alice", "bob"))
        owner, alice = owner.log_in(name, OWNER), alice.log_in(name, OWNER)
        for signer in (alice, bob):
            docker_trust.generate_key(signer)
        for gun in (f"{name}/shop/app", f"{name}/shop/other", f"{registry.host}/shop/direct"):
            notary_client.initialise(owner, gun)
            for role in ("targets/alice", notary_client.RELEASES):
                notary_client.delegate(owner, gun, role, alice.public_key)
        content = push(registry, "shop/app", image("signed"), "1.0")
        notary_client.sign_as(alice, f"{name}/shop/app", "1.0", content.digest, content.length)
        [root] = keys.root_key_ids(notary, f"{name}/shop/app")
        settings = {
            "name": name,
            "listen": {"address": name},
            "registry": {"url": registry.url},
            "notaries": {
                "corp": {
                    "url": notary.url,
                    "ca_file": str(notary.ca_file),
                    "credentials_file": secret(place / "warden.json", WARDEN),
                    "changefeed": "1s",
                    "roots": ["owner"],
                }
            },
            "roots": {"owner": {"public_key_ids": [root]}},
            "signers": {"alice": {"keys": [str(alice.public_key)]}},
            "repositories": {"shop/**": {"signed_by": {"any_of": ["alice"]}}},
            "trust_store": {"url": f"sqlite:///{place / 'proxy' / 'trust.db'}", "must_exist": False},
        }
        _, _, port = name.rpartition(":")
        stranger = Authority.open(place / "stranger")
        with run_proxy(place / "proxy", settings, port=int(port)) as running:
            assert running.request("GET", "/v2/shop/app/manifests/1.0").status == 200
            yield Shop(name, registry, notary, authority, stranger, owner, alice, bob, settings, running.configuration)
