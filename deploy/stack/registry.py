"""docker-registry on a free loopback port."""

import ctypes
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urljoin

from certs.authority import Certificate
from deploy.stack.daemons import Daemon, running
from deploy.stack.ports import free_port
from deploy.stack.programs import program
from deploy.stack.tokens import TokenAuth, authorization
from deploy.stack.web import Answer, Login, answers, ask

MANIFEST_TYPES: Final = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)

# The cheapest bcrypt that the registry accepts: it computes one for every request.
_SALT: Final = b"$2b$04$tagwardentagwardentagu"


class RegistryAnswer(RuntimeError):
    """The registry did not do what it was asked; the text has its answer."""


@dataclass(frozen=True)
class Registry:
    """A running registry, and the few requests that prepare its content.

    `host` is `127.0.0.1:port`, `url` has the scheme before it.
    """

    url: str
    host: str
    daemon: Daemon
    ca_file: Path | None = None
    login: Login | TokenAuth | None = None
    storage: Path | None = None

    def request(
        self, method: str, path: str, *, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send one request with the registry's own credential; `path` may be a `Location`."""
        sent = dict(headers or {})
        if isinstance(self.login, Login):
            sent["Authorization"] = self.login.header
        url = urljoin(self.url, path)
        answer = ask(url, method=method, headers=sent, body=body, ca_file=self.ca_file)
        if answer.status == 401 and isinstance(self.login, TokenAuth):
            challenge = answer.headers["WWW-Authenticate"]
            sent["Authorization"] = authorization(challenge, self.login.owner, self.login.ca_file)
            answer = ask(url, method=method, headers=sent, body=body, ca_file=self.ca_file)
        return answer

    def has_blob(self, repository: str, digest: str) -> bool:
        """Say whether a blob is there."""
        return self.request("HEAD", f"/v2/{repository}/blobs/{digest}").status == 200

    def put_blob(self, repository: str, digest: str, content: bytes) -> None:
        """Upload a blob in one piece.

        Raises:
            RegistryAnswer: The registry refused it.
        """
        begun = _expect(self.request("POST", f"/v2/{repository}/blobs/uploads/"), 202)
        location = begun.headers["Location"]
        joint = "&" if "?" in location else "?"
        binary = {"Content-Type": "application/octet-stream"}
        _expect(self.request("PUT", f"{location}{joint}digest={quote(digest)}", body=content, headers=binary), 201)

    def put_manifest(self, repository: str, reference: str, media_type: str, body: bytes) -> None:
        """Upload a manifest under a tag or its digest; an existing tag moves to it.

        Raises:
            RegistryAnswer: The registry refused it.
        """
        headers = {"Content-Type": media_type}
        _expect(self.request("PUT", f"/v2/{repository}/manifests/{reference}", body=body, headers=headers), 201)

    def get_manifest(self, repository: str, reference: str, *, method: str = "GET") -> Answer:
        """Ask for a manifest as it is stored, whatever its media type."""
        accept = {"Accept": ", ".join(MANIFEST_TYPES)}
        return self.request(method, f"/v2/{repository}/manifests/{reference}", headers=accept)

    def delete_manifest(self, repository: str, digest: str) -> None:
        """Delete a manifest, and with it every tag that names it.

        Raises:
            RegistryAnswer: The registry refused; it may have been started without `delete`.
        """
        _expect(self.request("DELETE", f"/v2/{repository}/manifests/{digest}"), 202)


@contextmanager
def registry(
    directory: Path,
    *,
    port: int | None = None,
    login: Login | TokenAuth | None = None,
    certificate: Certificate | None = None,
    ca_file: Path | None = None,
    on_disk: bool = False,
    delete: bool = True,
    relative_urls: bool = False,
) -> Iterator[Registry]:
    """Run a registry for as long as the block lasts.

    Args:
        directory: Its configuration, log and, if `on_disk`, content.
        port: On 127.0.0.1; default: a free one.
        login: Asked from every client, by Basic authentication; or whose tokens are asked for.
        certificate: Serves TLS with it; then `ca_file` says whom clients trust.
        ca_file: See `certificate`.
        on_disk: Keep content in `directory/content`; default: in memory.
        delete: Whether manifests and blobs can be deleted.
        relative_urls: The registry's option `relativeurls`.

    Raises:
        DaemonFailed: It did not start.
        ProgramMissing: It is not installed.
    """
    command = program("docker-registry")
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    host = f"127.0.0.1:{port or free_port()}"
    url = f"{'https' if certificate else 'http'}://{host}"
    storage = directory / "content" if on_disk else None
    settings: dict[str, object] = {
        "version": "0.1",
        "log": {"level": "info", "accesslog": {"disabled": False}},
        "storage": {
            **({"filesystem": {"rootdirectory": str(storage)}} if storage else {"inmemory": {}}),
            "delete": {"enabled": delete},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": {"addr": host, "secret": "shared", "relativeurls": relative_urls, **_tls(certificate)},
    }
    if isinstance(login, TokenAuth):
        settings["auth"] = {"token": login.options()}
    elif login:
        passwords = directory / "htpasswd"
        passwords.write_text(f"{login.username}:{_bcrypt(login.password)}\n")
        settings["auth"] = {"htpasswd": {"realm": "registry", "path": str(passwords)}}
    configuration = directory / "registry.json"
    configuration.write_text(json.dumps(settings, indent=2))  # JSON is YAML
    with running(
        [command, "serve", str(configuration)],
        name="registry",
        directory=directory,
        answers=lambda: answers(f"{url}/v2/", ca_file=ca_file, expected=(200, 401)),
    ) as daemon:
        yield Registry(url, host, daemon, ca_file, login, storage)


def _tls(certificate: Certificate | None) -> dict[str, object]:
    if certificate is None:
        return {}
    return {
        "tls": {
            "certificate": str(certificate.certificate_file.absolute()),
            "key": str(certificate.key_file.absolute()),
        }
    }


def _bcrypt(password: str) -> str:
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    hashed = library.crypt(password.encode(), _SALT)
    if not isinstance(hashed, bytes) or not hashed.startswith(_SALT[:7]):
        raise RuntimeError("libcrypt.so.1 has no bcrypt: this needs Debian's libcrypt1")
    return hashed.decode()


def _expect(answer: Answer, status: int) -> Answer:
    if answer.status != status:
        msg = f"the registry answered {answer.status} {answer.reason} instead of {status}: {answer.body[:500]!r}"
        raise RegistryAnswer(msg)
    return answer
