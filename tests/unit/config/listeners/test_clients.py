"""Where clients are served: certificates, and who is believed about where they come from."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest

from proxy.config.settings import Address, ListenSettings
from tests.support.keys import ecdsa_key
from tests.support.pem import listener_tls
from tests.unit.config.listeners.material import REQUIRED, TLS
from tests.unit.config.site import Site, compose, private_pem, write_pair

EVERYBODY = "this lets every client say where it comes from; name the networks of your proxies alone"


def listen(site: Site, keys: str) -> ListenSettings:
    """Where clients are served with these keys of `listen`."""
    return site.load(compose(listen=f"{{{keys}}}")).listen


def test_plain_http_on_every_interface_is_the_default(site: Site) -> None:
    """A sidecar needs nothing else, and there is no listener for candidates."""
    settings = site.load(compose())
    assert settings.listen == ListenSettings(Address("0.0.0.0", 5000), None, (), frozenset())  # noqa: S104  (only read)
    assert settings.candidates is None
    assert settings.warnings == ()


def test_a_listener_has_a_certificate(equipped: Site) -> None:
    """Its files are found beside the configuration; clients are asked for one only where that is written."""
    here = equipped.directory
    assert listen(equipped, f"tls: {{{TLS}}}").tls == listener_tls(here / "proxy.crt", here / "proxy.key")
    asking = listen(equipped, f"tls: {{{TLS}, client_ca_file: nodes-ca.crt}}").tls
    assert asking == listener_tls(here / "proxy.crt", here / "proxy.key", here / "nodes-ca.crt")


def test_trusted_proxies_are_networks(site: Site) -> None:
    """Of both families, and a single address is a network of one."""
    found = listen(site, "trusted_proxies: [10.0.0.0/8, 192.168.1.7, '2001:db8::/32']")
    assert found.trusted_proxies == (
        IPv4Network("10.0.0.0/8"),
        IPv4Network("192.168.1.7/32"),
        IPv6Network("2001:db8::/32"),
    )


def test_mirrored_registries_are_names(site: Site) -> None:
    """As they stand in the names of images."""
    assert listen(site, "ns_allowed: [docker.io, 'quay.io:8443']").ns_allowed == {"docker.io", "quay.io:8443"}


def test_quicker_ways_can_be_turned_off(site: Site) -> None:
    """Each alone, and none of them is off by itself."""
    for key in ("fast_path", "splice"):
        assert getattr(listen(site, ""), key)
        assert not getattr(listen(site, f"{key}: false"), key)


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0"])
def test_to_believe_everybody_is_warned_of(site: Site, network: str) -> None:
    """Then the header says nothing, because clients can write it themselves."""
    warnings = site.warnings(compose(listen=f"{{trusted_proxies: ['{network}']}}"))
    assert warnings == [f"1: listen.trusted_proxies[0]: {EVERYBODY}"]


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        pytest.param(
            "tls: {certificate_file: proxy.crt}",
            [f"1: listen.tls.key_file: {REQUIRED} (file with the private key of the certificate, PEM, not encrypted)"],
            id="certificate-without-key",
        ),
        pytest.param(
            "tls: {client_ca_file: nodes-ca.crt}",
            [
                (
                    f"1: listen.tls.certificate_file: {REQUIRED} "
                    "(file with the certificate of this listener, its chain behind it, PEM)"
                ),
                (
                    f"1: listen.tls.key_file: {REQUIRED} "
                    "(file with the private key of the certificate, PEM, not encrypted)"
                ),
            ],
            id="authority-of-clients-alone",
        ),
        pytest.param(
            "tls: true",
            [
                (
                    "1: listen.tls: a mapping is wanted here; write some of its keys: "
                    "certificate_file, key_file, client_ca_file"
                )
            ],
            id="flag-for-tls",
        ),
        pytest.param(
            "tls: {certificate_file: proxy.crt, key_file: other.key}",
            ['1: listen.tls.key_file: "other.key" is not the key of "proxy.crt"; check both names'],
            id="key-of-another-certificate",
        ),
        pytest.param(
            "tls: {certificate_file: proxy.crt, key_file: locked.key}",
            ['1: listen.tls.key_file: "locked.key" is encrypted; name a file with the key in plain PEM'],
            id="encrypted-key",
        ),
        pytest.param(
            "tls: {certificate_file: proxy.crt, key_file: proxy.crt}",
            ['1: listen.tls.key_file: "proxy.crt" holds no private key; name a file with the key in PEM'],
            id="certificate-as-key",
        ),
        pytest.param(
            "tls: {certificate_file: proxy.key, key_file: proxy.key}",
            [
                (
                    '1: listen.tls.certificate_file: "proxy.key" holds no certificate; '
                    "name a file with certificates in PEM"
                )
            ],
            id="key-as-certificate",
        ),
        pytest.param(
            f"tls: {{{TLS}, client_ca_file: proxy.key}}",
            ['1: listen.tls.client_ca_file: "proxy.key" holds no certificate; name a file with certificates in PEM'],
            id="key-as-authority",
        ),
        pytest.param(
            "tls: {certificate_file: no.crt, key_file: no.key}",
            [
                (
                    '1: listen.tls.certificate_file: "no.crt" cannot be read (No such file or directory); '
                    "check the path and its permissions"
                ),
                (
                    '1: listen.tls.key_file: "no.key" cannot be read (No such file or directory); '
                    "check the path and its permissions"
                ),
            ],
            id="no-such-files",
        ),
        pytest.param(
            "trusted_proxies: 10.0.0.0/8",
            ["1: listen.trusted_proxies: a list is wanted here; write it in brackets, such as [one, another]"],
            id="network-without-brackets",
        ),
        pytest.param(
            "trusted_proxies: []",
            ["1: listen.trusted_proxies: this list is empty; write at least one value, or remove the key"],
            id="no-network",
        ),
        pytest.param(
            "trusted_proxies: [10.0.0.0/8, proxy]",
            [
                (
                    '1: listen.trusted_proxies[1]: "proxy" is no network; write address and prefix length, '
                    "such as 10.0.0.0/8"
                )
            ],
            id="name-for-a-network",
        ),
        pytest.param(
            "trusted_proxies: [10.0.0.0/8, 10.0.0.7, 10.0.0.0/8]",
            ['1: listen.trusted_proxies[2]: "10.0.0.0/8" is in this list already; remove one'],
            id="same-network-twice",
        ),
        pytest.param(
            "ns_allowed: docker.io",
            ["1: listen.ns_allowed: a list is wanted here; write it in brackets, such as [one, another]"],
            id="registry-without-brackets",
        ),
        pytest.param(
            "ns_allowed: []",
            ["1: listen.ns_allowed: this list is empty; write at least one value, or remove the key"],
            id="no-registry",
        ),
        pytest.param(
            "ns_allowed: ['https://docker.io', Docker.io]",
            [
                (
                    '1: listen.ns_allowed[0]: "https://docker.io" is more than a host; '
                    "write host or host:port, without scheme and path"
                ),
                (
                    '1: listen.ns_allowed[1]: "Docker.io" has capital letters; '
                    'write "docker.io", as it stands in image names'
                ),
            ],
            id="no-names-of-registries",
        ),
        pytest.param(
            "ns_allowed: ['*']",
            [
                (
                    '1: listen.ns_allowed[0]: "*" is no host[:port]; write it as in image names, '
                    "such as registry.example.com"
                )
            ],
            id="every-registry",
        ),
        pytest.param(
            "ns_allowed: [docker.io, docker.io]",
            ['1: listen.ns_allowed[1]: "docker.io" is in this list already; remove one'],
            id="same-registry-twice",
        ),
        pytest.param(
            "fast_path: []",
            ["1: listen.fast_path: yes or no is wanted here; write true or false, without quotes"],
            id="fast-path-that-is-no-yes-or-no",
        ),
        pytest.param(
            "splice: inside",
            ["1: listen.splice: yes or no is wanted here; write true or false, without quotes"],
            id="splice-that-is-no-yes-or-no",
        ),
    ],
)
def test_a_listener_that_would_not_work_says_why(equipped: Site, keys: str, lines: list[str]) -> None:
    """What would fail with the first client is said when the configuration is read."""
    assert equipped.problems(compose(listen=f"{{{keys}}}")) == lines


def test_a_private_key_that_others_can_read_is_warned_of(equipped: Site) -> None:
    """It is a secret like a password."""
    (equipped.directory / "proxy.key").chmod(0o644)
    assert equipped.warnings(compose(listen=f"{{tls: {{{TLS}}}}}")) == [
        '1: listen.tls.key_file: "proxy.key" holds a secret that other users of this machine can read; chmod 600'
    ]


def test_paths_of_certificates_may_be_absolute(equipped: Site, tmp_path: Path) -> None:
    """As a secret that is mounted somewhere else."""
    elsewhere = Site(tmp_path / "elsewhere")
    write_pair(elsewhere, "tls", ecdsa_key("tls"))
    found = listen(
        equipped, f"tls: {{certificate_file: {elsewhere.directory}/tls.crt, key_file: {elsewhere.directory}/tls.key}}"
    )
    assert found.tls == listener_tls(elsewhere.directory / "tls.crt", elsewhere.directory / "tls.key")


def test_a_file_of_keys_behind_the_certificate_is_checked_by_its_first(equipped: Site) -> None:
    """A chain stands behind the certificate, and the key is that of the first."""
    chain = (equipped.directory / "proxy.crt").read_bytes() + (equipped.directory / "other.crt").read_bytes()
    equipped.write("chain.crt", chain)
    equipped.write("proxy.key", private_pem(ecdsa_key("proxy")))
    assert equipped.problems(compose(listen="{tls: {certificate_file: chain.crt, key_file: proxy.key}}")) == []
    assert equipped.problems(compose(listen="{tls: {certificate_file: chain.crt, key_file: other.key}}")) == [
        '1: listen.tls.key_file: "other.key" is not the key of "chain.crt"; check both names'
    ]
