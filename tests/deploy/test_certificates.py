"""`python -m certs stack`: certificates that every program accepts, under every name that it is called by."""

import re
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from typer.testing import CliRunner

from certs.__main__ import app
from certs.authority import Authority, Certificate, OtherName
from certs.stack import NOTARY_CLIENT, NOTARY_SERVER, NOTARY_SIGNER, PROXY, REGISTRY, make_stack

_NAME, _NOTARY = "registry.example.com:5000", "notary.example.com:4443"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Certificate]:
    """One installation's."""
    return dict(make_stack(tmp_path_factory.mktemp("certificates"), _NAME, _NOTARY))


def handshake(
    server: Certificate, name: str, *, client: Certificate | None = None, client_purpose: bool = False
) -> str | None:
    """Connect by a name as a client that trusts the authority does; what went wrong, None if nothing did."""
    authority = server.certificate_file.parent / "ca.crt"
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(server.certificate_file, server.key_file)
    if client_purpose:
        serving.load_verify_locations(authority)
        serving.verify_mode = ssl.CERT_REQUIRED
    asking = ssl.create_default_context(cafile=authority)
    if client:
        asking.load_cert_chain(client.certificate_file, client.key_file)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        answering = threading.Thread(target=_answer, args=(serving, theirs))
        answering.start()
        try:
            with asking.wrap_socket(ours, server_hostname=name) as connection:
                return None if connection.recv(2) == b"ok" else "nothing came"
        except ssl.SSLError as error:
            return error.reason or str(error)
        finally:
            answering.join()


def _answer(context: ssl.SSLContext, connection: socket.socket) -> None:
    try:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.sendall(b"ok")
    except OSError:
        connection.close()


@pytest.mark.parametrize(
    ("server", "name"),
    [
        pytest.param(PROXY, "registry.example.com", id="the name in images"),
        pytest.param(PROXY, "tagwarden", id="the proxy among containers"),
        pytest.param(REGISTRY, "registry", id="the registry among containers"),
        pytest.param(NOTARY_SERVER, "notary-server", id="the Notary server among containers"),
        pytest.param(NOTARY_SERVER, "notary.example.com", id="the Notary server for signers"),
        pytest.param(NOTARY_SERVER, "localhost", id="the Notary server on its own machine"),
        pytest.param(NOTARY_SERVER, "127.0.0.1", id="the Notary server by its address"),
        pytest.param(NOTARY_SIGNER, "notary-signer", id="the signer among containers"),
        pytest.param(NOTARY_SIGNER, "localhost", id="the signer on its own machine"),
    ],
)
def test_server_is_known_by_all_its_names(made: dict[str, Certificate], server: str, name: str) -> None:
    """Nobody meets "certificate is valid for notary-server, not localhost"."""
    assert handshake(made[server], name) is None


def test_server_is_not_known_by_another_name(made: dict[str, Certificate]) -> None:
    """A name that is not in the certificate is refused, so the handshakes above mean something."""
    assert handshake(made[NOTARY_SERVER], "registry.example.com") == "CERTIFICATE_VERIFY_FAILED"


def test_signer_accepts_the_server_alone(made: dict[str, Certificate]) -> None:
    """The Notary server shows a client's certificate to its signer; a server's own is for servers, and refused."""
    signer = made[NOTARY_SIGNER]
    assert handshake(signer, "notary-signer", client=made[NOTARY_CLIENT], client_purpose=True) is None
    assert handshake(signer, "notary-signer", client=made[NOTARY_SERVER], client_purpose=True) is not None
    assert handshake(signer, "notary-signer", client_purpose=True) is not None


def test_every_certificate_has_one_use(made: dict[str, Certificate]) -> None:
    """Servers have certificates for servers, the client has one for clients, and keys are for their owners alone."""
    for who, pair in made.items():
        certificate = x509.load_pem_x509_certificate(pair.certificate_file.read_bytes())
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        client = who == NOTARY_CLIENT
        assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH]
        assert pair.key_file.stat().st_mode & 0o777 == 0o600


def test_command_says_what_goes_where(tmp_path: Path) -> None:
    """The command makes everything, and names the place of each file for docker, containerd, podman and notary."""
    printed = CliRunner().invoke(app, ["stack", str(tmp_path), _NAME, "--notary", _NOTARY]).output
    ca = Authority(tmp_path).certificate_file
    for line in (
        f"docker               /etc/docker/certs.d/{_NAME}/ca.crt",
        f"containerd           /etc/containerd/certs.d/{_NAME}/hosts.toml:",
        f"podman, skopeo       /etc/containers/certs.d/{_NAME}/ca.crt",
        f"docker trust         ~/.docker/tls/{_NOTARY}/ca.crt",
        f"notary               --tlscacert {ca}",
        f"proxy                listen.tls: {tmp_path}/proxy.crt, {tmp_path}/proxy.key",
    ):
        assert line in printed.splitlines()
    assert {file.name for file in tmp_path.iterdir()} == {
        f"{name}.{ending}"
        for name in ("ca", PROXY, REGISTRY, NOTARY_SERVER, NOTARY_SIGNER, NOTARY_CLIENT)
        for ending in ("crt", "key")
    }


def test_command_keeps_what_is_there(tmp_path: Path) -> None:
    """A second run makes no new keys: those who trust the first authority go on trusting."""
    arguments = ["stack", str(tmp_path), _NAME, "--notary", _NOTARY]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("10.0.0.7:5000", id="an address of IPv4"),
        pytest.param("[fd00::7]:5000", id="an address of IPv6"),
    ],
)
def test_addresses_are_addresses(tmp_path: Path, name: str) -> None:
    """Where the name of a registry is an address, its certificate is for that address."""
    pair = make_stack(tmp_path, name, _NOTARY)[PROXY]
    assert handshake(pair, "10.0.0.7" if name.startswith("10") else "fd00::7") is None


@pytest.mark.parametrize(
    ("known", "name", "fits"),
    [
        pytest.param("*.example.com", "registry.example.com", True, id="one-label"),
        pytest.param("*.example.com", "eu.registry.example.com", False, id="two-labels"),
        pytest.param("*.example.com", "example.com", False, id="no-label"),
        pytest.param("Registry.example.com", "registry.example.com:5000", True, id="a-capital-letter-and-a-port"),
        pytest.param("10.0.0.7", "10.0.0.7:5000", True, id="an-address"),
        pytest.param("10.0.0.7", "10.0.0.8", False, id="another-address"),
    ],
)
def test_certificates_of_ones_own_are_taken_if_they_are_for_the_name(
    tmp_path: Path, known: str, name: str, *, fits: bool
) -> None:
    """What lies there already is looked at before anything is made; what clients would refuse is named."""
    authority = Authority.open(tmp_path)
    pair = authority.issue("own", known)
    pair.certificate_file.rename(tmp_path / "proxy.crt")
    pair.key_file.rename(tmp_path / "proxy.key")
    if fits:
        assert known in make_stack(tmp_path, name, _NOTARY)[PROXY].names()
        return
    before = {file.name for file in tmp_path.iterdir()}
    with pytest.raises(
        OtherName, match=rf"proxy\.crt is for .*, not for {re.escape(name)}: remove it and .*proxy\.key"
    ):
        make_stack(tmp_path, name, _NOTARY)
    assert {file.name for file in tmp_path.iterdir()} == before


def test_a_certificate_without_names_is_for_nobody(tmp_path: Path) -> None:
    """Clients look at no common name; what has nothing else is said to be for no host."""
    (tmp_path / "proxy.crt").write_bytes(Authority.open(tmp_path).certificate_file.read_bytes())
    with pytest.raises(OtherName, match=r"proxy\.crt is for no host, not for registry\.example\.com"):
        make_stack(tmp_path, _NAME, _NOTARY)
