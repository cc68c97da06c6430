"""One fault at a time: the doctor names it, says how to mend it, and finds the other hops as they were."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from deploy.stack import keys
from deploy.stack.ports import free_port
from deploy.stack.web import Login
from tests.stack.doctor.conftest import READER
from tests.stack.doctor.shop import Shop, examined, secret

Settings: TypeAlias = dict[str, Any]
Break: TypeAlias = Callable[[Shop, Settings, Path], None]

ALL_HOPS = {"configuration", "name", "registry", "past the proxy", "notary corp", "trust store", "repositories"}
NOTARY = {"notary corp", "repositories"}  # without Notary nothing can be said of what is signed
STORE = {"trust store", "repositories"}  # without what is remembered it cannot be told whether Notary went back


def corp(settings: Settings) -> Settings:
    """The one Notary of a configuration."""
    notary: Settings = settings["notaries"]["corp"]
    return notary


def notary_believes_another_authority(shop: Shop, settings: Settings, _: Path) -> None:
    """`ca_file` is that of somebody else."""
    corp(settings)["ca_file"] = str(shop.stranger.certificate_file.absolute())


def notary_without_authority(_shop: Shop, settings: Settings, _: Path) -> None:
    """`ca_file` was forgotten."""
    del corp(settings)["ca_file"]


def notary_is_down(_shop: Shop, settings: Settings, _: Path) -> None:
    """Nobody listens."""
    corp(settings)["url"] = f"https://localhost:{free_port()}"


def notary_is_misspelt(_shop: Shop, settings: Settings, _: Path) -> None:
    """The host does not exist."""
    corp(settings)["url"] = "https://notary.invalid:4443"


def notary_is_the_registry(shop: Shop, settings: Settings, _: Path) -> None:
    """The two addresses were mixed up."""
    settings["notaries"]["corp"] = {"url": shop.registry.url, "roots": ["owner"]}


def notary_without_tls(shop: Shop, settings: Settings, _: Path) -> None:
    """Https where nobody speaks TLS."""
    corp(settings)["url"] = shop.registry.url.replace("http://", "https://")


def notary_asks_who_we_are(_shop: Shop, settings: Settings, _: Path) -> None:
    """`credentials_file` was forgotten."""
    del corp(settings)["credentials_file"]


def notary_password_is_wrong(_shop: Shop, settings: Settings, place: Path) -> None:
    """The password was changed."""
    corp(settings)["credentials_file"] = secret(place / "old.json", Login("warden", "last year's"))


def no_changefeed_right(_shop: Shop, settings: Settings, place: Path) -> None:
    """The account may read collections, and not the list of all changes."""
    corp(settings)["credentials_file"] = secret(place / "reader.json", READER)


def registry_is_down(_shop: Shop, settings: Settings, _: Path) -> None:
    """Nobody listens."""
    settings["registry"]["url"] = f"http://127.0.0.1:{free_port()}"


def registry_is_misspelt(_shop: Shop, settings: Settings, _: Path) -> None:
    """The host does not exist."""
    settings["registry"] = {"url": "https://registry.invalid:5000"}


def registry_without_tls(shop: Shop, settings: Settings, _: Path) -> None:
    """Https where nobody speaks TLS."""
    settings["registry"]["url"] = shop.registry.url.replace("http://", "https://")


def registry_is_notary(shop: Shop, settings: Settings, _: Path) -> None:
    """The two addresses were mixed up."""
    settings["registry"] = {"url": shop.notary.url, "ca_file": str(shop.notary.ca_file)}


def registry_is_the_proxy(shop: Shop, settings: Settings, _: Path) -> None:
    """The proxy would ask itself."""
    settings["registry"]["url"] = f"http://{shop.name}"
    settings["listen"]["address"] = f"127.0.0.1:{free_port()}"


def name_is_misspelt(shop: Shop, settings: Settings, _: Path) -> None:
    """The host in image names does not exist."""
    settings["name"] = "registry.invalid"
    settings["repositories"]["shop/**"]["gun"] = f"{shop.name}/{{repository}}"


def name_leads_to_the_registry(shop: Shop, settings: Settings, _: Path) -> None:
    """Clients that pull by the name never see the proxy."""
    settings["name"] = shop.registry.host
    settings["repositories"]["shop/**"]["gun"] = f"{shop.name}/{{repository}}"


def proxy_does_not_run(shop: Shop, settings: Settings, _: Path) -> None:
    """Nobody answers at the name."""
    settings["name"] = f"127.0.0.1:{free_port()}"
    settings["repositories"]["shop/**"]["gun"] = f"{shop.name}/{{repository}}"


def name_is_not_signed_under(_shop: Shop, settings: Settings, _: Path) -> None:
    """People sign under another host than the one in the template."""
    settings["repositories"]["shop/**"]["gun"] = "images.example.com/{repository}"


def root_is_not_pinned(_shop: Shop, settings: Settings, _: Path) -> None:
    """Some other key is."""
    settings["roots"]["owner"]["public_key_ids"] = ["ab" * 32]


def root_of_another_gun_is_pinned(shop: Shop, settings: Settings, place: Path) -> None:
    """A root's certificate is for one GUN alone, and that of another one was pinned."""
    [certificate] = keys.root_certificates(shop.notary, f"{shop.name}/shop/other")
    file = place / "root.crt"
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    settings["roots"]["owner"] = {"certificate_files": [str(file)]}


def signer_has_another_key(shop: Shop, settings: Settings, _: Path) -> None:
    """Alice's file holds bob's key."""
    settings["signers"]["alice"]["keys"] = [str(shop.bob.public_key)]


def signer_is_misspelt(_shop: Shop, settings: Settings, _: Path) -> None:
    """Nobody declares the role of one of two signers."""
    settings["signers"]["allice"] = {"keys": "delegated"}
    settings["repositories"]["shop/**"]["signed_by"] = {"any_of": ["alice", "allice"]}


def nobody_must_sign(_shop: Shop, settings: Settings, _: Path) -> None:
    """The one entry is for other repositories."""
    settings["repositories"]["team/**"] = settings["repositories"].pop("shop/**")


def store_has_no_directory(_shop: Shop, settings: Settings, place: Path) -> None:
    """The directory was never made."""
    settings["trust_store"]["url"] = f"sqlite:///{place}/nowhere/trust.db"


def store_is_gone(_shop: Shop, settings: Settings, place: Path) -> None:
    """`must_exist` is set, and the file is not there."""
    settings["trust_store"] = {"url": f"sqlite:///{place}/trust.db", "must_exist": True}


def store_is_new(_shop: Shop, settings: Settings, place: Path) -> None:
    """Nothing was ever remembered."""
    settings["trust_store"]["url"] = f"sqlite:///{place}/trust.db"


def store_is_no_store(_shop: Shop, settings: Settings, place: Path) -> None:
    """The path is that of some other file."""
    (place / "trust.db").write_bytes(b"this is no database, and long enough to be looked at as one" * 100)
    settings["trust_store"]["url"] = f"sqlite:///{place}/trust.db"


def store_is_empty(_shop: Shop, settings: Settings, place: Path) -> None:
    """The disk was full once."""
    (place / "trust.db").touch()
    settings["trust_store"]["url"] = f"sqlite:///{place}/trust.db"


def store_is_damaged_in_one_place(shop: Shop, settings: Settings, place: Path) -> None:
    """Somebody changed a number in a copy of the running proxy's store."""
    kept = shop.settings["trust_store"]["url"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(kept)) as whole, closing(sqlite3.connect(place / "trust.db")) as damaged:
        whole.backup(damaged)
        damaged.execute("UPDATE collections SET generation = generation + 1 WHERE gun LIKE '%/shop/app'")
        damaged.commit()
    settings["trust_store"]["url"] = f"sqlite:///{place}/trust.db"


def first_use_is_believed(_shop: Shop, settings: Settings, _: Path) -> None:
    """What `config check` warns of is repeated."""
    corp(settings)["roots"] = "tofu"
    del settings["roots"]


@pytest.mark.parametrize(
    ("fault", "troubles", "hops"),
    [
        pytest.param(notary_believes_another_authority, {"notary-ca": "failed"}, NOTARY, id="notary-ca-of-another"),
        pytest.param(notary_without_authority, {"notary-ca": "failed"}, NOTARY, id="notary-ca-forgotten"),
        pytest.param(notary_is_down, {"notary-connect": "failed"}, NOTARY, id="notary-down"),
        pytest.param(notary_is_misspelt, {"notary-dns": "failed"}, NOTARY, id="notary-dns"),
        pytest.param(notary_is_the_registry, {"notary-api": "failed"}, NOTARY, id="notary-is-the-registry"),
        pytest.param(notary_without_tls, {"notary-tls": "failed"}, NOTARY, id="notary-without-tls"),
        pytest.param(notary_asks_who_we_are, {"notary-credentials": "failed"}, NOTARY, id="notary-no-credentials"),
        pytest.param(notary_password_is_wrong, {"notary-credentials": "failed"}, NOTARY, id="notary-wrong-password"),
        pytest.param(no_changefeed_right, {"notary-changefeed": "warning"}, {"notary corp"}, id="no-changefeed-right"),
        pytest.param(registry_is_down, {"registry-connect": "failed"}, {"registry"}, id="registry-down"),
        pytest.param(
            registry_is_misspelt,
            {"registry-dns": "failed", "registry-past-proxy": "warning"},
            {"registry", "past the proxy"},
            id="registry-dns",
        ),
        pytest.param(registry_without_tls, {"registry-tls": "failed"}, {"registry"}, id="registry-without-tls"),
        pytest.param(registry_is_notary, {"registry-api": "failed"}, {"registry"}, id="registry-is-notary"),
        pytest.param(registry_is_the_proxy, {"registry-api": "failed"}, {"registry"}, id="registry-is-the-proxy"),
        pytest.param(name_is_misspelt, {"name-dns": "warning"}, {"name"}, id="name-dns"),
        pytest.param(name_leads_to_the_registry, {"name-past-proxy": "failed"}, {"name"}, id="name-past-proxy"),
        pytest.param(proxy_does_not_run, {"name-nobody": "warning"}, {"name"}, id="proxy-not-running"),
        pytest.param(name_is_not_signed_under, {"gun-wrong": "failed"}, {"repositories"}, id="gun-wrong"),
        pytest.param(root_is_not_pinned, {"root-not-pinned": "failed"}, {"repositories"}, id="root-not-pinned"),
        pytest.param(
            root_of_another_gun_is_pinned, {"root-other-gun": "failed"}, {"repositories"}, id="pins-of-another-gun"
        ),
        pytest.param(
            signer_has_another_key,
            {"signer-key": "warning", "signer-delegated-key": "warning"},
            {"repositories"},
            id="signer-wrong-key",
        ),
        pytest.param(signer_is_misspelt, {"signer-role": "warning"}, {"repositories"}, id="signer-nobody-declares"),
        pytest.param(nobody_must_sign, {"no-rule": "warning"}, {"repositories"}, id="no-rule"),
        pytest.param(store_has_no_directory, {"store-directory": "failed"}, STORE, id="store-directory"),
        pytest.param(store_is_gone, {"store-missing": "failed"}, STORE, id="store-must-exist"),
        pytest.param(store_is_new, {"store-missing": "warning"}, STORE, id="store-new"),
        pytest.param(store_is_no_store, {"store-foreign": "failed"}, STORE, id="store-foreign"),
        pytest.param(store_is_empty, {"store-damaged": "failed"}, STORE, id="store-empty"),
        pytest.param(store_is_damaged_in_one_place, {"store-damaged": "failed"}, STORE, id="store-one-collection"),
        pytest.param(first_use_is_believed, {"config-warning": "warning"}, {"configuration"}, id="config-warning"),
    ],
)
async def test_fault_in_the_configuration(
    shop: Shop, tmp_path: Path, fault: Break, troubles: dict[str, str], hops: set[str]
) -> None:
    """A configuration that does not fit the world is told apart, and every other hop is found to be right."""
    configuration = shop.changed(tmp_path, lambda settings: fault(shop, settings, tmp_path))
    seen = await examined(configuration, "shop/app", "shop/other")
    assert seen.troubles == troubles, seen.lines
    assert seen.fine_hops() >= ALL_HOPS - hops, seen.lines
    assert all(len(seen.sentence(name)) > len(name) for name in troubles)
