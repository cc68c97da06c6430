"""Hosts, networks and URLs: what is read, and the sentence for everything else."""

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network

import pytest
from yarl import URL

from proxy.config import values
from proxy.config.settings import Address

USER_NAME = "this URL has a user name in it; move it to a file and name that as credentials_file"
NO_URL = "this is no URL; write http:// or https://, host and port, such as https://registry:5000"
MORE = "this URL has more than host, port and path; remove queries, fragments and escaped characters"


@pytest.mark.parametrize(
    ("read", "raw", "value"),
    [
        pytest.param(values.registry_name, "registry.example.com", "registry.example.com", id="host"),
        pytest.param(values.registry_name, "localhost:5000", "localhost:5000", id="host-and-port"),
        pytest.param(values.registry_name, "10.0.0.7:443", "10.0.0.7:443", id="ip-and-port"),
        pytest.param(values.address, "0.0.0.0:5000", Address("0.0.0.0", 5000), id="every-interface"),  # noqa: S104  (only read)
        pytest.param(values.address, "[::1]:0", Address("::1", 0), id="ipv6"),
        pytest.param(values.address, "localhost:9596", Address("localhost", 9596), id="name-to-listen-on"),
        pytest.param(values.registry_url, "http://127.0.0.1:5001", URL("http://127.0.0.1:5001"), id="registry"),
        pytest.param(values.registry_url, "https://registry/", URL("https://registry"), id="registry-with-slash"),
        pytest.param(values.registry_url, "http://my_registry:5000", URL("http://my_registry:5000"), id="underscore"),
        pytest.param(values.notary_url, "https://notary:4443", URL("https://notary:4443"), id="notary"),
        pytest.param(values.notary_url, "https://host/notary/", URL("https://host/notary"), id="notary-with-path"),
        pytest.param(values.notary_url, "http://localhost:4443", URL("http://localhost:4443"), id="notary-here"),
        pytest.param(values.notary_url, "http://127.8.9.1:4443", URL("http://127.8.9.1:4443"), id="notary-on-loopback"),
        pytest.param(values.notary_url, "http://[::1]:4443", URL("http://[::1]:4443"), id="notary-on-ipv6-loopback"),
        pytest.param(values.network, "10.0.0.0/8", IPv4Network("10.0.0.0/8"), id="network"),
        pytest.param(values.network, "10.0.0.7", IPv4Network("10.0.0.7/32"), id="one-address"),
        pytest.param(values.network, "2001:DB8::/32", IPv6Network("2001:db8::/32"), id="ipv6-network"),
        pytest.param(values.network, "::1", IPv6Network("::1/128"), id="one-ipv6-address"),
        pytest.param(values.network, "::/0", IPv6Network("::/0"), id="every-ipv6-address"),
        pytest.param(values.redirect_host, "storage.example.com", "storage.example.com", id="host-to-redirect-to"),
        pytest.param(values.redirect_host, "my_minio:9000", "my_minio:9000", id="host-and-port-to-redirect-to"),
        pytest.param(values.redirect_host, "[::1]:9000", "[::1]:9000", id="ipv6-host-to-redirect-to"),
        pytest.param(values.redirect_host, "[0:0:0:0:0:0:0:1]:09000", "[::1]:9000", id="host-in-its-shortest-form"),
    ],
)
def test_a_right_address_is_read(read: Callable[[object], object], raw: object, value: object) -> None:
    """What the documentation shows is understood, and kept in its usual form."""
    assert read(raw) == value


@pytest.mark.parametrize(
    ("read", "raw", "sentence"),
    [
        pytest.param(
            values.registry_name,
            "Registry.Example.com",
            '"Registry.Example.com" has capital letters; write "registry.example.com", as it stands in image names',
            id="capital-letters",
        ),
        pytest.param(
            values.registry_name,
            "https://registry.example.com",
            '"https://registry.example.com" is more than a host; write host or host:port, without scheme and path',
            id="name-with-scheme",
        ),
        *(
            pytest.param(
                values.registry_name,
                raw,
                f'"{raw}" is no host[:port]; write it as in image names, such as registry.example.com',
                id=name,
            )
            for name, raw in {
                "high-port": "registry:65536",
                "no-port": "registry:",
                "two-ports": "registry:1:2",
                "underscore-in-name": "my_registry",
                "dash-first": "-registry",
                "a-space-and-capital-letters": "Bad Name",
                "capital-of-another-script": "\u212aube",
                "two-dots": "registry..com",
                "other-script": "r\u0435gistry",
            }.items()
        ),
        *(
            pytest.param(
                values.address,
                raw,
                f'"{raw}" is no address; write host:port, such as 0.0.0.0:5000 or [::1]:5000',
                id=name,
            )
            for name, raw in {
                "no-host": ":5000",
                "port-only": "5000",
                "host-only": "localhost",
                "no-number": "localhost:http",
            }.items()
        ),
        pytest.param(
            values.address,
            "h:70000",
            '"70000" is no port; write a number from 0 to 65535, 0 for any that is free',
            id="port-70000",
        ),
        pytest.param(values.address, "1.2.3:80", '"1.2.3" is no IP address; check its digits', id="short-ipv4"),
        pytest.param(values.address, "[::x]:80", '"[::x]" is no IP address; check its digits', id="wrong-ipv6"),
        pytest.param(
            values.address,
            "::1:80",
            '"::1" is no host; write a name, an IPv4 address, or an IPv6 address in brackets',
            id="ipv6-without-brackets",
        ),
        pytest.param(
            values.registry_url,
            "http://registry/v2/",
            "this URL has a path, but a registry has none; write scheme, host and port only",
            id="registry-with-path",
        ),
        pytest.param(
            values.notary_url,
            "http://notary:4443",
            "plain http lets anybody on the way hold back revocations; write https, or run Notary on loopback",
            id="notary-in-plain-text",
        ),
        pytest.param(
            values.notary_url,
            "http://127.0.0.1.example.com",
            "plain http lets anybody on the way hold back revocations; write https, or run Notary on loopback",
            id="notary-that-looks-like-loopback",
        ),
        *(
            pytest.param(values.registry_url, raw, sentence, id=name)
            for name, (raw, sentence) in {
                "user-and-password": ("http://me:secret@registry", USER_NAME),
                "user-only": ("http://me@registry", USER_NAME),
                "empty-user": ("http://@registry", USER_NAME),
                "other-scheme": ("ftp://registry", NO_URL),
                "no-scheme": ("registry:5000", NO_URL),
                "no-url-host": ("http:///v2", NO_URL),
                "port-beyond": ("http://registry:99999", NO_URL),
                "port-zero": ("http://registry:0", NO_URL),
                "blank-in-host": ("http://a b", NO_URL),
                "open-bracket": ("http://[::1", NO_URL),
                "query": ("http://registry?a=b", MORE),
                "empty-query": ("http://registry?", MORE),
                "fragment": ("http://registry#a", MORE),
                "escape": ("http://registry/%2e", MORE),
                "newline-in-url": ("http://registry\n", MORE),
            }.items()
        ),
        *(
            pytest.param(
                values.network,
                raw,
                f'"{raw}" is no network; write address and prefix length, such as 10.0.0.0/8',
                id=name,
            )
            for name, raw in {
                "name-as-network": "proxy.example.com",
                "network-mask": "10.0.0.0/255.0.0.0",
                "long-prefix": "10.0.0.0/33",
                "three-parts": "10.0.0/8",
                "zone": "fe80::%eth0/64",
                "address-and-port": "10.0.0.7:80",
            }.items()
        ),
        pytest.param(
            values.network,
            "10.0.0.7/8",
            '"10.0.0.7/8" has bits set behind its prefix; write "10.0.0.0/8", or a longer prefix',
            id="address-of-a-host-with-a-prefix",
        ),
        pytest.param(
            values.network,
            "::ffff:10.0.0.0/104",
            '"::ffff:10.0.0.0/104" is IPv4 in the clothes of IPv6; write it as IPv4, such as 10.0.0.0/8',
            id="mapped-network",
        ),
        pytest.param(
            values.network,
            "::ffff:10.0.0.7",
            '"::ffff:10.0.0.7" is IPv4 in the clothes of IPv6; write it as IPv4, such as 10.0.0.0/8',
            id="mapped-address",
        ),
        *(
            pytest.param(
                values.redirect_host,
                raw,
                f'"{raw}" is no host[:port]; write it in lower case without scheme and path, '
                "such as storage.example.com or storage.example.com:9000",
                id=name,
            )
            for name, raw in {
                "url-to-redirect-to": "https://storage.example.com",
                "path-to-redirect-to": "storage.example.com/x",
                "capital-letters-to-redirect-to": "Storage.example.com",
                "pattern-to-redirect-to": "*.example.com",
                "port-beyond-all": "storage:65536",
                "no-port-behind-the-colon": "storage:",
                "user-to-redirect-to": "me@storage",
                "no-ipv6-host": "[::1::]:9000",
            }.items()
        ),
    ],
)
def test_a_wrong_address_says_what_to_write(read: Callable[[object], object], raw: object, sentence: str) -> None:
    """The sentence says what is wrong and what to do, and a URL's password is never in it."""
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        read(raw)


def test_an_address_is_written_as_it_is_read() -> None:
    """Brackets come back where they are needed."""
    assert [str(values.address(text)) for text in ("[::1]:80", "localhost:80")] == ["[::1]:80", "localhost:80"]
