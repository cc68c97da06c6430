"""Single values: what is read, and the sentence for everything else."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from proxy.config import values
from proxy.config.settings import Address
from proxy.config.yaml import Number
from proxy.names import Digest

USER_NAME = "this URL has a user name in it; move it to a file and name that as credentials_file"
NO_URL = "this is no URL; write http:// or https://, host and port, such as https://registry:5000"
MORE = "this URL has more than host, port and path; remove queries, fragments and escaped characters"
NO_STORE = "the trust store is a file of SQLite; write sqlite:////absolute/path or sqlite:///relative/path"


@pytest.mark.parametrize(
    ("read", "raw", "value"),
    [
        pytest.param(values.duration, "500ms", timedelta(milliseconds=500), id="milliseconds"),
        pytest.param(values.duration, "30s", timedelta(seconds=30), id="seconds"),
        pytest.param(values.duration, "5m", timedelta(minutes=5), id="minutes"),
        pytest.param(values.duration, "24h", timedelta(hours=24), id="hours"),
        pytest.param(values.duration, "3650d", timedelta(days=3650), id="longest"),
        pytest.param(values.duration, "0s", timedelta(0), id="zero"),
        pytest.param(values.instant, "2027-01-31T08:00:00+01:00", datetime(2027, 1, 31, 7, tzinfo=UTC), id="offset"),
        pytest.param(values.instant, "2027-01-31T00:00:00Z", datetime(2027, 1, 31, tzinfo=UTC), id="zulu"),
        pytest.param(
            values.instant,
            "2027-01-31T00:00:00.123456789-00:30",
            datetime(2027, 1, 31, 0, 30, 0, 123456, UTC),
            id="nanoseconds-are-cut-off",
        ),
        pytest.param(
            values.instant, "2027-01-31T00:00:00.5Z", datetime(2027, 1, 31, 0, 0, 0, 500000, UTC), id="half-a-second"
        ),
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
        pytest.param(values.store_path, "sqlite:////var/lib/t.db", "/var/lib/t.db", id="absolute-store"),
        pytest.param(values.store_path, "sqlite:///t.db", "t.db", id="relative-store"),
        pytest.param(values.key_id, "0123456789abcdef" * 4, "0123456789abcdef" * 4, id="key-id"),
        pytest.param(values.digest, f"sha256:{'0f' * 32}", Digest(f"sha256:{'0f' * 32}"), id="digest"),
        pytest.param(values.network, "10.0.0.0/8", IPv4Network("10.0.0.0/8"), id="network"),
        pytest.param(values.network, "10.0.0.7", IPv4Network("10.0.0.7/32"), id="one-address"),
        pytest.param(values.network, "2001:DB8::/32", IPv6Network("2001:db8::/32"), id="ipv6-network"),
        pytest.param(values.network, "::1", IPv6Network("::1/128"), id="one-ipv6-address"),
        pytest.param(values.network, "::/0", IPv6Network("::/0"), id="every-ipv6-address"),
        pytest.param(values.redirect_host, "storage.example.com", "storage.example.com", id="host-to-redirect-to"),
        pytest.param(values.redirect_host, "my_minio:9000", "my_minio:9000", id="host-and-port-to-redirect-to"),
        pytest.param(values.redirect_host, "[::1]:9000", "[::1]:9000", id="ipv6-host-to-redirect-to"),
        pytest.param(values.redirect_host, "[0:0:0:0:0:0:0:1]:09000", "[::1]:9000", id="host-in-its-shortest-form"),
        pytest.param(values.count, 2, 2, id="count"),
        pytest.param(values.flag, False, False, id="flag"),
    ],
)
def test_a_right_value_is_read(read: Callable[[object], object], raw: object, value: object) -> None:
    """What the documentation shows is understood."""
    assert read(raw) == value


@pytest.mark.parametrize(
    ("read", "raw", "sentence"),
    [
        pytest.param(values.text, True, "true is not text to YAML; write it in quotes", id="boolean-as-text"),
        pytest.param(values.text, 5, "an unquoted number is not text to YAML; write it in quotes", id="number-as-text"),
        pytest.param(
            values.text, Number("1e5"), "an unquoted number is not text to YAML; write it in quotes", id="float-as-text"
        ),
        pytest.param(values.text, " ", "this is empty; write a value, or remove the key", id="blank-text"),
        pytest.param(values.text, ["a"], "one value is wanted here; write text, not a list or a mapping", id="list"),
        pytest.param(
            values.flag, "yes", "yes or no is wanted here; write true or false, without quotes", id="yes-is-text"
        ),
        pytest.param(
            values.count, 0, "a whole number is wanted here; write 1, 2 or more, without quotes", id="count-of-nothing"
        ),
        pytest.param(
            values.count, True, "a whole number is wanted here; write 1, 2 or more, without quotes", id="count-of-true"
        ),
        pytest.param(
            values.duration,
            30,
            "30 has no unit; write 30s for seconds (ms, s, m, h and d are possible)",
            id="duration-without-unit",
        ),
        pytest.param(
            values.duration,
            Number("1.5"),
            "1.5 has no unit; write 1.5s for seconds (ms, s, m, h and d are possible)",
            id="broken-duration-without-unit",
        ),
        *(
            pytest.param(
                values.duration,
                raw,
                f'"{raw}" is no duration; write a whole number and a unit, such as 500ms, 30s, 5m or 24h',
                id=name,
            )
            for name, raw in {
                "broken-duration": "1.5h",
                "negative-duration": "-5s",
                "unknown-unit": "2w",
                "two-units": "1h30m",
                "blank-before-unit": "5 s",
                "arabic-digits": "\u0665s",
                "long-digits": "1000000000s",
            }.items()
        ),
        pytest.param(values.duration, "3651d", '"3651d" is more than ten years; write at most 3650d', id="too-long"),
        pytest.param(values.duration, True, "true is not text to YAML; write it in quotes", id="boolean-duration"),
        pytest.param(
            values.waiting_time,
            "0s",
            "no time at all is too short to wait; write a longer one, such as 5s",
            id="no-wait",
        ),
        pytest.param(
            values.instant,
            "2027-01-31T08:00:00",
            '"2027-01-31T08:00:00" has no offset from UTC; add it, such as Z or +01:00',
            id="no-offset",
        ),
        *(
            pytest.param(
                values.instant,
                raw,
                f'"{raw}" is no instant; write date, time and offset, such as 2027-01-31T08:00:00+01:00',
                id=name,
            )
            for name, raw in {
                "date-only": "2027-01-31",
                "blank-for-t": "2027-01-31 08:00:00Z",
                "no-seconds": "2027-01-31T08:00Z",
                "week-date": "2027-W05-1T08:00:00Z",
                "zone-name": "2027-01-31T08:00:00 CET",
                "words": "next week",
            }.items()
        ),
        *(
            pytest.param(
                values.instant,
                raw,
                f'"{raw}" does not exist in the calendar; check month, day, hours and offset',
                id=name,
            )
            for name, raw in {
                "thirtieth-of-february": "2027-02-30T00:00:00Z",
                "hour-25": "2027-01-31T25:00:00Z",
                "offset-of-a-day": "2027-01-31T00:00:00+24:00",
                "before-the-first-year": "0001-01-01T00:00:00+01:00",
            }.items()
        ),
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
                "port-70000": "h:70000",
            }.items()
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
            pytest.param(values.store_path, raw, NO_STORE, id=name)
            for name, raw in {
                "other-database": "postgresql://db/tagwarden",
                "memory": "sqlite:///:memory:",
                "no-path": "sqlite:///",
                "two-slashes": "sqlite://trust.db",
                "driver-options": "sqlite:////t.db?mode=ro",
                "bare-path": "/var/lib/t.db",
            }.items()
        ),
        *(
            pytest.param(
                values.key_id,
                raw,
                f'"{raw}" is no public key id; write its 64 lower-case hex digits in quotes',
                id=name,
            )
            for name, raw in {
                "short-id": "76d2",
                "upper-case-id": "ABCDEF01" * 8,
                "digest": "sha256:" + "0" * 57,
            }.items()
        ),
        *(
            pytest.param(
                values.digest,
                raw,
                f'"{raw}" is no digest; write sha256: and its 64 lower-case hex digits',
                id=name,
            )
            for name, raw in {
                "short-digest": "sha256:76d2",
                "digits-alone": "0" * 64,
                "upper-case-digest": "sha256:" + "ABCDEF01" * 8,
                "sha512": "sha512:" + "0" * 64,
                "blank-behind-a-digest": f"sha256:{'0' * 64} ",
            }.items()
        ),
        pytest.param(
            values.digest, 5, "an unquoted number is not text to YAML; write it in quotes", id="number-as-digest"
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
def test_a_wrong_value_says_what_to_write(read: Callable[[object], object], raw: object, sentence: str) -> None:
    """The sentence says what is wrong and what to do, and a URL's password is never in it."""
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        read(raw)


@given(
    st.text(max_size=40) | st.text("0123456789:.[]/@-TZ+hsdm", max_size=30) | st.integers() | st.booleans() | st.none()
)
def test_no_value_fails_in_another_way(raw: object) -> None:
    """Whatever is written, it is a value or a `ValueError` with a sentence on one line."""
    readers = [
        values.text,
        values.flag,
        values.count,
        values.duration,
        values.waiting_time,
        values.instant,
        values.registry_name,
        values.address,
        values.registry_url,
        values.notary_url,
        values.store_path,
        values.key_id,
        values.digest,
        values.network,
        values.redirect_host,
    ]
    sentences = []
    for read in readers:
        try:
            read(raw)
        except ValueError as error:
            sentences.append(str(error))
    assert not any("\n" in sentence for sentence in sentences)


def test_an_address_is_written_as_it_is_read() -> None:
    """Brackets come back where they are needed."""
    assert [str(values.address(text)) for text in ("[::1]:80", "localhost:80")] == ["[::1]:80", "localhost:80"]
