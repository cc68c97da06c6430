"""Certificates and authorities of the listeners with which no connection would come about: all of it is warned of."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from proxy.config import load
from tests.support.certificates import EXPIRED, FAR_OFF, LONG_AGO, authority, certificate, pem
from tests.support.keys import ecdsa_key
from tests.unit.config.listeners.material import TLS
from tests.unit.config.site import Site, compose

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEY = ecdsa_key("proxy")
SECOND = timedelta(seconds=1)
SHOWN = f"{{address: '127.0.0.1:5002', tls: {{client_ca_file: ci-ca.crt, {TLS}}}}}"
ISSUER = "name the certificate of the authority that issues those of your clients"
NO_CA = "holds no authority (it is no CA certificate)"


def warnings(site: Site, sections: Mapping[str, str], now: datetime | None = NOW) -> list[str]:
    """What a configuration with these sections warns of at an instant."""
    site.write("config.yaml", compose(**sections))
    return site.lines("\n".join(load(site.file, {}, now).warnings))


def with_names(domains: Iterable[str] = (), addresses: Iterable[str] = ()) -> x509.Certificate:
    """A certificate for these hosts; without any it has a common name alone."""
    private = KEY.private
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry.example.com")])
    names = [*map(x509.DNSName, domains), *(x509.IPAddress(ip_address(each)) for each in addresses)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(LONG_AGO)
        .not_valid_after(FAR_OFF)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(private, hashes.SHA256())


@pytest.mark.parametrize(
    ("section", "at"),
    [
        pytest.param({"listen": f"{{tls: {{{TLS}}}}}"}, "listen.tls.certificate_file", id="clients"),
        pytest.param({"candidates": SHOWN}, "candidates.tls.certificate_file", id="candidates"),
    ],
)
def test_a_certificate_outside_its_time_is_warned_of(equipped: Site, section: dict[str, str], at: str) -> None:
    """It holds from its first second to its last, and nobody judges that without knowing the time."""
    end = datetime(2026, 11, 20, 12, tzinfo=UTC)
    begin = datetime(2026, 11, 1, tzinfo=UTC)
    leaf = certificate("proxy", KEY, not_before=begin, not_after=end, alternative_name="registry.example.com")
    equipped.write("proxy.crt", pem([leaf]))
    expired = f'1: {at}: "proxy.crt" expired on 2026-11-20, so clients will not accept it; renew it'
    early = (
        f'1: {at}: "proxy.crt" is not valid before 2026-11-01T00:00:00Z, so clients will not accept it; check the clock'
    )
    assert warnings(equipped, section, end + SECOND) == [expired]
    assert warnings(equipped, section, end) == []
    assert warnings(equipped, section, begin) == []
    assert warnings(equipped, section, begin - SECOND) == [early]
    assert warnings(equipped, section, None) == []


def test_a_chain_is_judged_by_its_first_certificate(equipped: Site) -> None:
    """What stands behind may be there for old clients, who know another authority."""
    leaf = certificate("proxy", KEY, alternative_name="registry.example.com")
    equipped.write("proxy.crt", pem([leaf, authority("old", not_after=EXPIRED).certificate]))
    assert warnings(equipped, {"listen": f"{{tls: {{{TLS}}}}}"}) == []


@pytest.mark.parametrize(
    ("certificates", "sentence"),
    [
        pytest.param([authority("nodes").certificate], None, id="authority"),
        pytest.param(
            [authority("nodes", not_after=EXPIRED).certificate],
            '"own-ca.crt" expired on 2021-01-01, so nobody will be let in; renew it',
            id="expired",
        ),
        pytest.param(
            [certificate("nodes", KEY, not_before=FAR_OFF - SECOND, is_ca=True)],
            '"own-ca.crt" is not valid before 2099-12-31T23:59:59Z, so nobody will be let in; check the clock',
            id="not-yet-valid",
        ),
        pytest.param(
            [authority("old", not_after=EXPIRED).certificate, authority("nodes").certificate],
            'an authority in "own-ca.crt" expired on 2021-01-01, so nobody is let in by it; renew it or remove it',
            id="one-of-two-expired",
        ),
        pytest.param(
            [certificate("node", KEY, authority("nodes"))],
            f'"own-ca.crt" {NO_CA}, so nobody will be let in; {ISSUER}',
            id="issued-certificate",
        ),
        pytest.param(
            [certificate("node", KEY)],
            f'"own-ca.crt" {NO_CA}, so at most its own holder is let in; {ISSUER}',
            id="self-signed",
        ),
        pytest.param(
            [with_names(["nodes.example.com"])],
            f'"own-ca.crt" {NO_CA}, so at most its own holder is let in; {ISSUER}',
            id="without-basic-constraints",
        ),
        pytest.param(
            [certificate("node", KEY, authority("nodes")), authority("nodes").certificate],
            None,
            id="leaf-and-authority",
        ),
    ],
)
@pytest.mark.parametrize(
    ("section", "at"),
    [
        pytest.param(
            {"listen": f"{{tls: {{{TLS}, client_ca_file: own-ca.crt}}}}"}, "listen.tls.client_ca_file", id="clients"
        ),
        pytest.param(
            {"candidates": SHOWN.replace("ci-ca.crt", "own-ca.crt")}, "candidates.tls.client_ca_file", id="candidates"
        ),
    ],
)
def test_authorities_that_let_nobody_in_are_warned_of(
    equipped: Site, section: dict[str, str], at: str, certificates: list[x509.Certificate], sentence: str | None
) -> None:
    """Every client would fail with an alert that says little, and the file looked right."""
    equipped.write("own-ca.crt", pem(certificates))
    assert warnings(equipped, section) == ([f"1: {at}: {sentence}"] if sentence else [])


@pytest.mark.parametrize(
    ("name", "domains", "addresses", "owners"),
    [
        pytest.param("localhost", ["localhost"], [], None, id="the-host"),
        pytest.param("localhost:5000", ["elsewhere.example", "LocalHost"], [], None, id="second-name-with-capitals"),
        pytest.param("a.example.com", ["*.example.com"], [], None, id="asterisk"),
        pytest.param("10.0.0.7:5000", [], ["10.0.0.7"], None, id="address"),
        pytest.param("localhost:5000", ["elsewhere.example"], [], "elsewhere.example", id="another-host"),
        pytest.param("a.b.example.com", ["*.example.com"], [], "*.example.com", id="asterisk-is-one-label"),
        pytest.param("example.com", ["*.example.com"], [], "*.example.com", id="asterisk-is-not-nothing"),
        pytest.param("10.0.0.7", ["10.0.0.7"], [], "10.0.0.7", id="address-as-a-name"),
        pytest.param("localhost", ["a.example"], ["127.0.0.1"], "a.example, 127.0.0.1", id="several"),
        pytest.param("localhost", ["a\nb"], [], "a\\nb", id="line-break"),
    ],
)
def test_a_certificate_for_another_host_is_warned_of(
    equipped: Site, name: str, domains: list[str], addresses: list[str], owners: str | None
) -> None:
    """Clients take the host out of the image name and look for it in the certificate, with or without a clock here."""
    equipped.write("proxy.crt", pem([with_names(domains, addresses)]))
    host = name.partition(":")[0]
    warning = (
        f'1: listen.tls.certificate_file: "proxy.crt" is made out to {owners}, not to {host}, the host in name; '
        "clients will not accept it unless they use another name"
    )
    sections = {"listen": f"{{tls: {{{TLS}}}}}", "name": f"'{name}'"}
    assert warnings(equipped, sections) == ([warning] if owners else [])
    assert warnings(equipped, sections, None) == ([warning] if owners else [])


def test_a_common_name_alone_is_no_name(equipped: Site) -> None:
    """Clients stopped to look at it long ago."""
    equipped.write("proxy.crt", pem([with_names()]))
    assert warnings(equipped, {"listen": f"{{tls: {{{TLS}}}}}"}) == [
        (
            '1: listen.tls.certificate_file: "proxy.crt" is made out to no host (it has no subjectAltName), '
            "so clients will not accept it; renew it for registry.example.com"
        )
    ]


def test_candidates_may_be_served_under_another_name(equipped: Site) -> None:
    """A certificate of their own is there for exactly that."""
    equipped.write("proxy.crt", pem([with_names(["candidates.example.com"])]))
    assert warnings(equipped, {"candidates": SHOWN}) == []
