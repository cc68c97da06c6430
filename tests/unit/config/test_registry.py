"""The registry behind the proxy: its doors, where it may redirect, and whom it takes clients for."""

import pytest

from proxy.config.settings import Blobs, Delete, Doors, Push, RegistrySettings
from tests.support.certificates import authority, pem
from tests.support.keys import ecdsa_key
from tests.support.pem import pem_file
from tests.unit.config.site import Site, compose, write_pair

CLIENT = "client_certificate_file: client.crt, client_key_file: client.key"
TLS = "certificate_file: proxy.crt, key_file: proxy.key"
PRINCIPAL = (
    "with it the registry takes every client for this proxy; ask clients for certificates (client_ca_file of "
    "listen.tls), or write anyone_may_read: true"
)
WRITES = (
    "1: registry.anyone_may_read: the registry takes every client for this proxy, pushers too; write push: refuse "
    "and delete: refuse, or ask clients for certificates (client_ca_file of listen.tls)"
)
UNUSED = "this is about client_certificate_file, and there is none; remove this key, or add that one"


@pytest.fixture
def equipped(site: Site) -> Site:
    """A site with certificates for both sides of the proxy."""
    for name in ("client", "proxy", "other"):
        write_pair(site, name, ecdsa_key(name))
    site.write("nodes-ca.crt", pem([authority("nodes").certificate]))
    return site


def with_registry(keys: str, listen: str = "{}") -> str:
    """A file with these keys of `registry` on its first line and this `listen` on its second."""
    return compose(registry=f"{{url: 'https://registry:5001', {keys}}}", listen=listen)


def registry(site: Site, keys: str, listen: str = "{}") -> RegistrySettings:
    """The registry with these keys."""
    return site.load(with_registry(keys, listen)).registry


def test_pushes_are_open_and_what_is_admitted_stays(site: Site) -> None:
    """The defaults let teams push and sign as before, and keep anybody from deleting what is in use."""
    found = site.load(compose()).registry
    assert found.doors == Doors(Push.ALLOW, Delete.UNSIGNED, Blobs.ANY)
    assert found.redirect_hosts == frozenset()
    assert (found.client_certificate_file, found.client_key_file) == (None, None)


@pytest.mark.parametrize(
    ("keys", "doors"),
    [
        pytest.param("push: allow, delete: allow, blobs: any", Doors(Push.ALLOW, Delete.ALLOW, Blobs.ANY), id="open"),
        pytest.param(
            "push: refuse, delete: refuse, blobs: admitted",
            Doors(Push.REFUSE, Delete.REFUSE, Blobs.ADMITTED),
            id="closed",
        ),
        pytest.param("delete: unsigned", Doors(Push.ALLOW, Delete.UNSIGNED, Blobs.ANY), id="written-default"),
    ],
)
def test_each_door_is_a_word(site: Site, keys: str, doors: Doors) -> None:
    """Each is open or closed for itself."""
    assert registry(site, keys).doors == doors


def test_manifests_may_be_redirected_to_named_hosts(site: Site) -> None:
    """With and without port."""
    found = registry(site, "redirect_hosts: [storage.example.com, 'storage:9000']")
    assert found.redirect_hosts == {"storage.example.com", "storage:9000"}


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        pytest.param(
            "push: deny",
            'push: "deny" is neither of the two possible words; write allow or refuse',
            id="push-other-word",
        ),
        pytest.param(
            "push: true", "push: true is neither of the two possible words; write allow or refuse", id="push-flag"
        ),
        pytest.param(
            "delete: signed",
            'delete: "signed" is none of the three possible words; write allow, unsigned or refuse',
            id="delete-other-word",
        ),
        pytest.param(
            "blobs: all", 'blobs: "all" is neither of the two possible words; write any or admitted', id="blobs-word"
        ),
        pytest.param(
            "blobs: [any]", "blobs: this is neither of the two possible words; write any or admitted", id="blobs-list"
        ),
        pytest.param(
            "redirect_hosts: storage",
            "redirect_hosts: a list is wanted here; write it in brackets, such as [one, another]",
            id="host-without-brackets",
        ),
        pytest.param(
            "redirect_hosts: []",
            "redirect_hosts: this list is empty; write at least one value, or remove the key",
            id="no-host",
        ),
        pytest.param(
            "redirect_hosts: ['*.example.com']",
            'redirect_hosts[0]: "*.example.com" is no host[:port]; write it in lower case without scheme and path, '
            "such as storage.example.com or storage.example.com:9000",
            id="pattern-of-hosts",
        ),
        pytest.param(
            "redirect_hosts: [storage, storage]",
            'redirect_hosts[1]: "storage" is in this list already; remove one',
            id="same-host-twice",
        ),
        pytest.param(
            "anyone_may_read: yes",
            "anyone_may_read: yes or no is wanted here; write true or false, without quotes",
            id="yes-is-text",
        ),
        pytest.param("anyone_may_read: true", f"anyone_may_read: {UNUSED}", id="permission-for-nothing"),
        pytest.param(CLIENT, f"client_certificate_file: {PRINCIPAL}", id="nobody-said-who-may-read"),
        pytest.param(
            f"{CLIENT}, anyone_may_read: false", f"client_certificate_file: {PRINCIPAL}", id="nobody-may-read"
        ),
        pytest.param(
            "client_certificate_file: client.crt, anyone_may_read: true",
            "client_key_file: certificate and key only work together; add this key, or remove the other",
            id="certificate-without-key",
        ),
        pytest.param(
            "client_key_file: client.key, anyone_may_read: true",
            "client_certificate_file: certificate and key only work together; add this key, or remove the other",
            id="key-without-certificate",
        ),
        pytest.param(
            "client_certificate_file: client.crt, client_key_file: other.key, anyone_may_read: true",
            'client_key_file: "other.key" is not the key of "client.crt"; check both names',
            id="key-of-another-certificate",
        ),
        pytest.param(
            "client_certificate_file: 5, anyone_may_read: true",
            "client_certificate_file: an unquoted number is not text to YAML; write it in quotes",
            id="certificate-that-cannot-be-read",
        ),
        pytest.param(
            f"{CLIENT}, anyone_may_read: 1",
            "anyone_may_read: yes or no is wanted here; write true or false, without quotes",
            id="permission-that-cannot-be-read",
        ),
    ],
)
def test_a_wrong_key_of_the_registry_says_what_to_do(equipped: Site, keys: str, line: str) -> None:
    """No mistake opens a door, and each is one line."""
    assert equipped.problems(with_registry(keys)) == [f"1: registry.{line}"]


def test_a_client_certificate_wants_clients_who_are_known(equipped: Site) -> None:
    """Otherwise whoever reaches the proxy could read whatever it may read."""
    found = registry(equipped, CLIENT, f"{{tls: {{{TLS}, client_ca_file: nodes-ca.crt}}}}")
    shown = pem_file(equipped.directory / "client.crt"), pem_file(equipped.directory / "client.key")
    assert (found.client_certificate_file, found.client_key_file) == shown
    without = with_registry(CLIENT, f"{{tls: {{{TLS}}}}}")
    assert equipped.problems(without) == [f"1: registry.client_certificate_file: {PRINCIPAL}"]


def test_clients_whose_authority_cannot_be_read_are_one_problem(equipped: Site) -> None:
    """Nothing follows from what is known to be wrong."""
    text = with_registry(CLIENT, f"{{tls: {{{TLS}, client_ca_file: 5}}}}")
    assert equipped.problems(text) == [
        "2: listen.tls.client_ca_file: an unquoted number is not text to YAML; write it in quotes"
    ]


@pytest.mark.parametrize(
    ("keys", "listen", "warned"),
    [
        pytest.param("", "{}", True, id="open-by-default"),
        pytest.param("push: refuse", "{}", True, id="deletes-are-left"),
        pytest.param("delete: refuse", "{}", True, id="pushes-are-left"),
        pytest.param("push: refuse, delete: refuse", "{}", False, id="nobody-writes"),
        pytest.param("", f"{{tls: {{{TLS}, client_ca_file: nodes-ca.crt}}}}", False, id="known-clients"),
    ],
)
def test_everybody_who_may_read_may_write_too(equipped: Site, keys: str, listen: str, *, warned: bool) -> None:
    """The registry cannot tell pushers apart, and nobody consented to that by letting everybody read."""
    text = with_registry(f"{CLIENT}, anyone_may_read: true, {keys}", listen)
    assert equipped.warnings(text) == ([WRITES] if warned else [])


def test_a_client_certificate_beside_plain_http_is_a_mistake(equipped: Site) -> None:
    """It would never be shown."""
    text = compose(registry=f"{{url: 'http://127.0.0.1:5001', {CLIENT}, anyone_may_read: true}}")
    sentence = "this has no effect without TLS; make the url https, or remove this key"
    assert equipped.problems(text) == [
        f"1: registry.client_certificate_file: {sentence}",
        f"1: registry.client_key_file: {sentence}",
    ]
