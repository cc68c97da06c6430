"""Where candidates are served: never without a certificate on either side."""

import pytest

from proxy.config.settings import Address, CandidatesSettings
from tests.support.pem import listener_tls
from tests.unit.config.listeners.material import REQUIRED, TLS
from tests.unit.config.site import Site, compose

NO_CERTIFICATE = "this listener has no certificate; add certificate_file and key_file here or to listen.tls"
ONLY_TOGETHER = "certificate and key only work together; add this key, or remove the other"


def candidates(site: Site, tls: str, listen_tls: str = "") -> CandidatesSettings | None:
    """Where candidates are served with these keys, beside a listener with those."""
    main = f"{{tls: {{{listen_tls}}}}}" if listen_tls else "{}"
    text = compose(candidates=f"{{address: '127.0.0.1:5002', tls: {{{tls}}}}}", listen=main)
    return site.load(text).candidates


def test_candidates_show_the_certificate_of_the_other_listener(equipped: Site) -> None:
    """One certificate is enough for one name."""
    here = equipped.directory
    assert candidates(equipped, "client_ca_file: ci-ca.crt", TLS) == CandidatesSettings(
        Address("127.0.0.1", 5002), listener_tls(here / "proxy.crt", here / "proxy.key", here / "ci-ca.crt")
    )


@pytest.mark.parametrize("listen_tls", ["", TLS])
def test_candidates_may_have_a_certificate_of_their_own(equipped: Site, listen_tls: str) -> None:
    """Also where clients are served in plain text."""
    here = equipped.directory
    own = "client_ca_file: ci-ca.crt, certificate_file: other.crt, key_file: other.key"
    found = candidates(equipped, own, listen_tls)
    assert found is not None
    assert found.tls == listener_tls(here / "other.crt", here / "other.key", here / "ci-ca.crt")


@pytest.mark.parametrize(
    ("sections", "lines"),
    [
        pytest.param(
            {"candidates": "{address: '127.0.0.1:5002', tls: {client_ca_file: ci-ca.crt}}"},
            [f"1: candidates.tls.certificate_file: {NO_CERTIFICATE}"],
            id="no-certificate-at-all",
        ),
        pytest.param(
            {
                "candidates": "{address: '127.0.0.1:5002', tls: {client_ca_file: ci-ca.crt}}",
                "listen": "{tls: {certificate_file: proxy.crt}}",
            },
            [f"2: listen.tls.key_file: {REQUIRED} (file with the private key of the certificate, PEM, not encrypted)"],
            id="half-of-the-other-one",
        ),
        pytest.param(
            {
                "candidates": "{address: '127.0.0.1:5002', tls: {client_ca_file: ci-ca.crt}}",
                "listen": "none",
            },
            [
                (
                    "2: listen: a mapping is wanted here; write some of its keys: "
                    "address, tls, trusted_proxies, ns_allowed, fast_path, splice"
                )
            ],
            id="listener-that-cannot-be-read",
        ),
        pytest.param(
            {
                "candidates": "{address: '127.0.0.1:5002', "
                "tls: {client_ca_file: ci-ca.crt, certificate_file: 5, key_file: ' '}}"
            },
            [
                ("1: candidates.tls.certificate_file: an unquoted number is not text to YAML; write it in quotes"),
                "1: candidates.tls.key_file: this is empty; write a value, or remove the key",
            ],
            id="certificate-that-is-no-name",
        ),
        pytest.param(
            {"candidates": "{address: '127.0.0.1:5002', tls: {client_ca_file: ci-ca.crt, key_file: 5}}"},
            ["1: candidates.tls.key_file: an unquoted number is not text to YAML; write it in quotes"],
            id="key-that-is-no-name",
        ),
        pytest.param(
            {"candidates": "{address: '127.0.0.1:5002', tls: {client_ca_file: ci-ca.crt, key_file: other.key}}"},
            [f"1: candidates.tls.certificate_file: {ONLY_TOGETHER}"],
            id="key-without-certificate",
        ),
        pytest.param(
            {
                "candidates": "{address: '127.0.0.1:5002', "
                "tls: {client_ca_file: ci-ca.crt, certificate_file: other.crt}}",
                "listen": f"{{tls: {{{TLS}}}}}",
            },
            [f"1: candidates.tls.key_file: {ONLY_TOGETHER}"],
            id="certificate-without-key",
        ),
        pytest.param(
            {
                "candidates": "{address: '127.0.0.1:5002', "
                "tls: {client_ca_file: ci-ca.crt, certificate_file: other.crt, key_file: proxy.key}}"
            },
            ['1: candidates.tls.key_file: "proxy.key" is not the key of "other.crt"; check both names'],
            id="key-of-another-certificate",
        ),
        pytest.param(
            {
                "candidates": "{address: '127.0.0.1:5002', tls: {certificate_file: other.crt, key_file: other.key}}",
            },
            [
                (
                    f"1: candidates.tls.client_ca_file: {REQUIRED} "
                    "(file with the authorities of those who may ask here, PEM)"
                )
            ],
            id="everybody-may-ask",
        ),
        pytest.param(
            {"candidates": "{tls: {client_ca_file: no.crt, certificate_file: other.crt, key_file: other.key}}"},
            [
                (f"1: candidates.address: {REQUIRED} (host:port on which scanners and co-signers are served)"),
            ],
            id="nowhere",
        ),
        pytest.param(
            {"candidates": "{address: '127.0.0.1:5002'}"},
            [
                (
                    "1: candidates.tls: this key is required; add tls with client_ca_file "
                    "(whose certificates are wanted there, and which one is shown)"
                )
            ],
            id="plain-text",
        ),
        pytest.param(
            {
                "candidates": "{address: '127.0.0.1:5002', "
                "tls: {client_ca_file: other.key, certificate_file: other.crt, key_file: other.key}}"
            },
            [
                (
                    '1: candidates.tls.client_ca_file: "other.key" holds no certificate; '
                    "name a file with certificates in PEM"
                )
            ],
            id="key-as-authority",
        ),
    ],
)
def test_candidates_are_never_without_certificates(equipped: Site, sections: dict[str, str], lines: list[str]) -> None:
    """A listener that answers everything must know who asks, so no mistake ends in one that does not."""
    assert equipped.problems(compose(**sections)) == lines


@pytest.mark.parametrize(
    ("main", "warned"),
    [
        pytest.param("nodes-ca.crt", False, id="another-authority"),
        pytest.param("ci-ca.crt", True, id="the-same-file"),
        pytest.param("both-ca.crt", True, id="one-of-several"),
    ],
)
def test_candidates_for_whoever_may_pull_are_warned_of(equipped: Site, main: str, *, warned: bool) -> None:
    """With the same authority every node could ask the other listener, and enforcement would be a matter of ports."""
    text = compose(
        candidates="{address: '127.0.0.1:5002', tls: {client_ca_file: ci-ca.crt}}",
        listen=f"{{tls: {{{TLS}, client_ca_file: {main}}}}}",
    )
    warning = (
        "1: candidates.tls.client_ca_file: whoever may pull may ask for candidates too, by the same authority; "
        "use one for candidates alone"
    )
    assert equipped.warnings(text) == ([warning] if warned else [])
