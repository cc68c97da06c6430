"""Nobody loses anything to a changed configuration: neither a download that has begun, nor a connection."""

import os
import shutil
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest

from certs.authority import CLIENT, Authority, Certificate
from deploy.stack.images import Blob
from deploy.stack.registry import Registry
from tests.stack.lasting.simulated import SimulatedNotary
from tests.stack.reloading.place import Place, reloading

ASKED = b"GET /v2/ HTTP/1.1\r\nHost: r\r\n\r\n"


def connected(place: Place) -> socket.socket:
    """A connection that takes little ahead."""
    host, _, port = place.proxy.host.rpartition(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    connection.settimeout(20)
    connection.connect((host, int(port)))
    return connection


def test_a_download_outlives_three_configurations(place: Place, registry: Registry) -> None:
    """It is finished whole by the one that it began with, whose registry is not the one of now any more."""
    content = os.urandom(1 << 20) * 16
    blob = Blob("application/octet-stream", content)
    registry.put_blob(place.repository, blob.digest, content)
    path = f"/v2/{place.repository}/blobs/{blob.digest}"
    with connected(place) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n".encode())
        received = connection.recv(1000)
        for host in ("127.0.0.2", "127.0.0.3", "127.0.0.4"):
            assert place.reload({"registry": {"url": f"http://{host}:9"}})["changed"] == ["registry"]
        assert place.proxy.request("GET", path).status in (502, 504)
        while chunk := connection.recv(1 << 20):
            received += chunk
    assert received.partition(b"\r\n\r\n")[2] == content


@dataclass
class Shown:
    """The files that a proxy shows, in which other certificates can be put."""

    directory: Path

    def put(self, pair: Certificate, clients: Authority) -> None:
        """Put others in their place, one after the other, as people do."""
        for source, name in (
            (pair.certificate_file, "tls.crt"),
            (pair.key_file, "tls.key"),
            (clients.certificate_file, "ca.crt"),
        ):
            shutil.copyfile(source, self.directory / name)

    @property
    def tls(self) -> dict[str, str]:
        """As they stand in a configuration."""
        names = {"certificate_file": "tls.crt", "key_file": "tls.key", "client_ca_file": "ca.crt"}
        return {key: str(self.directory / name) for key, name in names.items()}


def test_certificates_are_replaced_while_connections_stay(
    tmp_path: Path, registry: Registry, simulated: SimulatedNotary, repository: str
) -> None:
    """Who connects is shown the new one, and shows one of the new authority; who is connected notices nothing."""
    ours, theirs, others = (Authority.open(tmp_path / name) for name in ("ours", "theirs", "others"))
    first, second = ours.issue("first"), ours.issue("second")
    old, new = theirs.issue("client", usages=(CLIENT,)), others.issue("client", usages=(CLIENT,))
    shown = Shown(tmp_path)
    shown.put(first, theirs)
    with (
        reloading(tmp_path / "proxy", registry, simulated, repository, listen={"tls": shown.tls}) as place,
        handshake(place, ours, old) as connection,
    ):
        assert answers(connection)
        assert connection.getpeercert(binary_form=True) == der(first)
        resuming = client(ours, old, ssl.TLSVersion.TLSv1_2)
        session, _ = called(place, resuming, None)
        assert called(place, resuming, session)[1]
        shown.put(second, others)
        assert place.reload()["changed"] == [f"{tmp_path}/ca.crt", f"{tmp_path}/tls.crt", "listen"]
        with handshake(place, ours, new) as another:
            assert another.getpeercert(binary_form=True) == der(second)
            assert answers(another)
        with pytest.raises((ssl.SSLError, ConnectionError)), handshake(place, ours, old) as late:
            answers(late)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            called(place, resuming, session)
        assert answers(connection)


def client(believed: Authority, pair: Certificate, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """Somebody with a certificate."""
    context = ssl.create_default_context(cafile=believed.certificate_file)
    context.load_cert_chain(pair.certificate_file, pair.key_file)
    context.maximum_version = newest
    return context


def called(
    place: Place, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[ssl.SSLSession | None, bool | None]:
    """Connect, ask once, and say goodbye: what ends without that is not resumed by its number.

    Returns:
        What resumes it, and whether it was itself resumed.
    """
    with shaken(place, context, session) as connection:
        assert answers(connection)
        left = connection.session, connection.session_reused
        connection.unwrap()
    return left


def handshake(place: Place, believed: Authority, pair: Certificate) -> ssl.SSLSocket:
    """Connect with a client certificate."""
    return shaken(place, client(believed, pair), None)


def shaken(place: Place, context: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLSocket:
    """Connect, and resume a session if there is one."""
    host, _, port = place.proxy.host.rpartition(":")
    plain = socket.create_connection((host, int(port)), 20)
    return context.wrap_socket(plain, server_hostname="localhost", session=session)


def answers(connection: ssl.SSLSocket) -> bool:
    """Whether a request is answered there."""
    connection.sendall(ASKED)
    return connection.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")


def der(pair: Certificate) -> bytes:
    """A certificate as it is shown."""
    return ssl.PEM_cert_to_DER_cert(pair.certificate_file.read_text())
