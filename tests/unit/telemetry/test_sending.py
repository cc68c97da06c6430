"""Why traces are not taken, in words that need no knowledge of libraries."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests

from deploy.stack.ports import free_port
from proxy.telemetry.sending import Session
from tests.support.keys import ecdsa_key
from tests.unit.config.site import Site, write_pair


class _Answers(BaseHTTPRequestHandler):
    """Takes what is sent to `/taken`, and nothing else."""

    def do_POST(self) -> None:
        """Answer."""
        self.send_response(200 if self.path == "/taken" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def collecting(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Answer on a port, with TLS where there is a context for it."""
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def why(url: str, seconds: float = 60.0) -> str:
    """What is said after something was sent there, and answered in so many seconds at most."""
    with Session() as session:
        try:
            session.post(url, data=b"spans", timeout=seconds)
        except requests.RequestException:
            assert session.why
        return session.why


def test_what_the_collector_answers() -> None:
    """Nothing where it takes what is sent, else its own words."""
    with collecting() as port:
        assert why(f"http://127.0.0.1:{port}/taken") == ""
        assert why(f"http://127.0.0.1:{port}/elsewhere") == "the collector answers 404 Not Found"


def test_nobody_is_there() -> None:
    """As the system words it."""
    assert why(f"http://127.0.0.1:{free_port()}") == "the collector cannot be reached (connection refused)"


def test_its_name_leads_nowhere() -> None:
    """A name that nobody can have."""
    assert why("http://collector.invalid").startswith("the collector cannot be reached (")
    assert "HTTPConnection" not in why("http://collector.invalid")


def test_it_takes_too_long() -> None:
    """It takes the connection, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as hangs:
        assert why(f"http://127.0.0.1:{hangs.getsockname()[1]}", 0.2) == "the collector gave no answer in time"


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_tls_that_does_not_fit(tmp_path: Path, scheme: str) -> None:
    """Nobody vouches for its certificate, or one of both speaks no TLS."""
    write_pair(Site(tmp_path), "collector", ecdsa_key("collector"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "collector.crt", tmp_path / "collector.key")
    with collecting(context if scheme == "https" else None) as port:
        said = why(f"https://127.0.0.1:{port}/taken")
    words = "the collector's certificate does not verify (" if scheme == "https" else "TLS failed ("
    assert said.startswith(words)
