"""What somebody reads who names something else than a registry and a Notary, or cannot reach them."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from deploy.stack.ports import free_port
from tests.sentences.transcripts import Transcript
from tests.support.canned_server import Canned, CannedServer, canned_server
from tests.unit.config.site import credentials
from tests.unit.notary.authority import Authority
from tests.unit.notary.conftest import server_tls

API: Final = {"Docker-Distribution-Api-Version": "registry/2.0"}
LOCKED: Final = {**API, "WWW-Authenticate": 'Basic realm="registry"'}


class Site:
    """Servers that come and go, and a command line that names two of them."""

    def __init__(self, transcript: Transcript, stack: ExitStack) -> None:
        """Nothing is there yet."""
        self.transcript, self._stack = transcript, stack

    def serve(self, answer: Canned, stands_for: str, tls: ssl.SSLContext | None = None) -> str:
        """Start a server that has one answer to everything; its address."""
        server: CannedServer = self._stack.enter_context(canned_server(answer, tls=tls))
        port = server.host.rpartition(":")[2]
        self.transcript.told[port] = stands_for
        return f"127.0.0.1:{port}"

    def propose(self, title: str, registry: str, notary: str, *options: str) -> int:
        """Ask for a proposal."""
        self.transcript.situation(title)
        servers = f"--name registry.example.com --registry {registry} --notary {notary} --directory proposed"
        return self.transcript.run(" ".join(["tagwarden propose", servers, *options]))


@pytest.fixture
def site(transcript: Transcript) -> Iterator[Site]:
    """No server is left in the end."""
    with ExitStack() as stack:
        yield Site(transcript, stack)


def test_servers_that_are_something_else(site: Site) -> None:
    """One sentence about the first of them, in the words of the options, and nothing is written."""
    registry = site.serve(Canned(200, API, b"{}"), "5000")
    proxy = site.serve(Canned(403, {**API, "X-Tagwarden-Decision": "refused"}), "5002")
    health = site.serve(Canned(404, body=b"no such page"), "9596")
    locked = site.serve(Canned(401, LOCKED), "5003")
    notary = site.serve(Canned(200, body=b"{}"), "4443")
    gone = free_port()
    site.transcript.told[str(gone)] = "5009"
    site.transcript.write("bob.json", credentials("bob", "wrong"))
    assert site.propose("A Tagwarden instead of a registry.", f"http://{proxy}", f"http://{notary}") == 2
    assert site.propose("A port for health checks.", f"http://{health}", f"http://{notary}") == 2
    assert site.propose("A registry instead of a Notary.", f"http://{registry}", f"http://{health}") == 2
    given = "--registry-credentials bob.json"
    assert site.propose("An account that is not let in.", f"http://{locked}", f"http://{notary}", given) == 2
    assert site.propose("Nobody is there.", f"http://127.0.0.1:{gone}", f"http://{notary}") == 3
    assert not (site.transcript.directory / "proposed").exists()
    site.transcript.check("propose-servers")


def test_tls_that_does_not_come_about(site: Site) -> None:
    """Whoever mistook the scheme is told the right address; whoever has to be believed, by which option."""
    registry = site.serve(Canned(200, API, b"{}"), "5000")
    notary = site.serve(Canned(200, body=b"{}"), "4443")
    authority = Authority(site.transcript.directory, "a new authority")
    safe = site.serve(Canned(200, API, b"{}"), "5443", server_tls(authority.issue("registry")))
    assert site.propose("A registry without TLS.", f"https://{registry}", f"http://{notary}") == 2
    assert site.propose("A Notary without TLS.", f"http://{registry}", f"https://{notary}") == 2
    assert site.propose("A registry with TLS.", f"http://{safe}", f"http://{notary}") == 2
    assert site.propose("An authority that nobody knows.", f"https://{safe}", f"http://{notary}") == 2
    assert site.propose("A Notary of such an authority.", f"http://{registry}", f"https://{safe}") == 2
    site.transcript.check("propose-tls")
