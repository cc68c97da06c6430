"""notary-server, and notary-signer behind it, on free loopback ports.

Both keep everything in memory, unless replicas are to share a database: what ends with the block needs no more.
"""

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from certs.authority import CLIENT, SERVER, Authority
from deploy.stack.daemons import Daemon, running
from deploy.stack.ports import free_port
from deploy.stack.programs import program
from deploy.stack.tokens import TokenAuth, authorization
from deploy.stack.web import Answer, answers, ask

_MEMORY: Final = {"backend": "memory"}


class NotaryAnswer(RuntimeError):
    """The Notary server did not do what it was asked; the text has its answer."""


@dataclass(frozen=True)
class Notary:
    """A running Notary server. `host` is `localhost:port`, `url` has `https://` before it."""

    url: str
    host: str
    ca_file: Path
    daemon: Daemon
    tokens: TokenAuth | None = None

    def file(self, gun: str, role: str) -> Answer:
        """Ask for the current metadata file of a role, such as `root` or `targets/alice`; as its owner if it asks."""
        url = f"{self.url}/v2/{gun}/_trust/tuf/{role}.json"
        answer = ask(url, ca_file=self.ca_file)
        if answer.status == 401 and self.tokens:
            token = authorization(answer.headers["WWW-Authenticate"], self.tokens.owner, self.tokens.ca_file)
            answer = ask(url, headers={"Authorization": token}, ca_file=self.ca_file)
        return answer

    def metadata(self, gun: str, role: str) -> dict[str, Any]:
        """Return the `signed` part of the current metadata of a role.

        Raises:
            NotaryAnswer: There is none.
        """
        answer = self.file(gun, role)
        if answer.status != 200:
            msg = f"the Notary server has no {role} for {gun}: {answer.status} {answer.body[:500]!r}"
            raise NotaryAnswer(msg)
        signed: dict[str, Any] = json.loads(answer.body)["signed"]
        return signed


@contextmanager
def notary(
    directory: Path, authority: Authority, *, port: int | None = None, tokens: TokenAuth | None = None
) -> Iterator[Notary]:
    """Run a Notary server that holds the timestamp and snapshot keys itself (Ed25519); starts in a moment.

    Args:
        directory: Its configuration and log.
        authority: Issues its certificate `notary-server`, unless that is there already.
        port: On 127.0.0.1; default: a free one.
        tokens: Lets in whoever brings a token of this token server; default: everybody.

    Raises:
        DaemonFailed: It did not start.
        ProgramMissing: It is not installed.
    """
    with _server(directory, authority, port, {"type": "local", "key_algorithm": "ed25519"}, tokens) as server:
        yield server


@contextmanager
def notary_with_signer(directory: Path, authority: Authority, *, port: int | None = None) -> Iterator[Notary]:
    """Run a Notary server whose timestamp and snapshot keys (ECDSA) are in a notary-signer behind mutual TLS.

    Args:
        directory: Configurations and logs of both.
        authority: Issues the certificates `notary-server`, `notary-signer` and `notary-client`.
        port: Of the server, on 127.0.0.1; default: a free one.

    Raises:
        DaemonFailed: One of them did not start.
        ProgramMissing: They are not installed.
    """
    with (
        _trust_service(directory, authority) as trust_service,
        _server(directory, authority, port, trust_service) as server,
    ):
        yield server


@contextmanager
def notary_replicas(
    directory: Path, authority: Authority, storage: Mapping[str, str], count: int
) -> Iterator[tuple[Notary, ...]]:
    """Run Notary servers that share a database and a notary-signer.

    Args:
        directory: Configurations and logs of all.
        authority: As in `notary_with_signer`.
        storage: The section of that name in their configuration.
        count: How many.

    Raises:
        DaemonFailed: One of them did not start.
        ProgramMissing: They are not installed.
    """
    with ExitStack() as stack:
        trust_service = stack.enter_context(_trust_service(directory, authority))
        places = [directory / f"replica-{number}" for number in range(count)]
        servers = (_server(place, authority, None, trust_service, storage=storage) for place in places)
        yield tuple(map(stack.enter_context, servers))


@contextmanager
def _trust_service(directory: Path, authority: Authority) -> Iterator[dict[str, str]]:
    """Run a notary-signer; yields how servers are told of it."""
    port = free_port()
    client = authority.pair("notary-client", usages=(CLIENT,))
    with _signer(directory, authority, port):
        yield {
            "type": "remote",
            "hostname": "localhost",
            "port": str(port),
            "key_algorithm": "ecdsa",
            "tls_ca_file": str(authority.certificate_file.absolute()),
            "tls_client_cert": str(client.certificate_file.absolute()),
            "tls_client_key": str(client.key_file.absolute()),
        }


@contextmanager
def _signer(directory: Path, authority: Authority, port: int) -> Iterator[Daemon]:
    pair = authority.pair("notary-signer", usages=(SERVER,))
    settings = {
        "server": {
            "grpc_addr": f"127.0.0.1:{port}",
            "tls_cert_file": str(pair.certificate_file.absolute()),
            "tls_key_file": str(pair.key_file.absolute()),
            "client_ca_file": str(authority.certificate_file.absolute()),
        },
        "storage": _MEMORY,
        "logging": {"level": "info"},
    }
    with _configured(directory, "notary-signer", settings, lambda: _listens(port)) as daemon:
        yield daemon


@contextmanager
def _server(
    directory: Path,
    authority: Authority,
    port: int | None,
    trust_service: dict[str, str],
    tokens: TokenAuth | None = None,
    storage: Mapping[str, str] = _MEMORY,
) -> Iterator[Notary]:
    pair = authority.pair("notary-server", usages=(SERVER,))
    number = port or free_port()
    url = f"https://localhost:{number}"
    settings = {
        "server": {
            "http_addr": f"127.0.0.1:{number}",
            "tls_cert_file": str(pair.certificate_file.absolute()),
            "tls_key_file": str(pair.key_file.absolute()),
        },
        "trust_service": trust_service,
        "storage": dict(storage),
        "caching": {"max_age": {"current_metadata": 0, "consistent_metadata": 0}},
        "logging": {"level": "debug"},
        **({"auth": {"type": "token", "options": tokens.options()}} if tokens else {}),
    }
    ca_file = authority.certificate_file.absolute()

    def healthy() -> bool:
        return answers(f"{url}/_notary_server/health", ca_file=ca_file)

    with _configured(directory, "notary-server", settings, healthy) as daemon:
        yield Notary(url, f"localhost:{number}", ca_file, daemon, tokens)


@contextmanager
def _configured(directory: Path, name: str, settings: dict[str, Any], ready: Callable[[], bool]) -> Iterator[Daemon]:
    directory.mkdir(parents=True, exist_ok=True)
    configuration = directory.absolute() / f"{name}.json"
    configuration.write_text(json.dumps(settings, indent=2))
    command = [program(name), "-config", str(configuration), "-logf", "logfmt"]
    with running(command, name=name, directory=directory, answers=ready) as daemon:
        yield daemon


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2.0).close()
    except OSError:
        return False
    return True
