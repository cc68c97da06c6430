"""Many collections on a real notary-server: each is made, signed and published over its API, as `notary` does."""

import json
import secrets
from base64 import b64decode
from collections.abc import Callable, Sequence
from http.client import HTTPSConnection
from ssl import create_default_context
from urllib.parse import urlsplit

from deploy.stack.notary import Notary
from tests.support.keys import Key, ecdsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import Declared

PUBLISHED = ("root", "targets", "snapshot")
CHANGED = ("targets", "snapshot")


class Publisher:
    """Somebody who holds all keys but those of the timestamps, which are the server's; `close` it in the end.

    `collection` makes one for a GUN.
    """

    def __init__(self, notary: Notary, collection: Callable[[str], NotarySimulator] = NotarySimulator) -> None:
        self._collection = collection
        parts = urlsplit(notary.url)
        trusted = create_default_context(cafile=notary.ca_file)
        self._connection = HTTPSConnection(parts.hostname or "", parts.port, timeout=30.0, context=trusted)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def publish(self, gun: str, tag: str, manifest: bytes) -> NotarySimulator:
        """Make a collection with one signed tag, and publish it; what `change` takes."""
        sim = self._collection(gun)
        sim.root.roles["timestamp"] = Declared([self._timestamp_key(gun)])
        if manifest:
            sim.sign(tag, manifest)
        sim.publish(*PUBLISHED)
        self._send(sim, PUBLISHED)
        return sim

    def change(self, sim: NotarySimulator) -> None:
        """Publish what was changed in the targets of a collection."""
        sim.bump(*CHANGED)
        sim.publish(*CHANGED)
        self._send(sim, CHANGED)

    def _timestamp_key(self, gun: str) -> Key:
        """The public half of the key that the server made for the collection."""
        listed = json.loads(self._ask("GET", f"/v2/{gun}/_trust/tuf/timestamp.key"))
        return Key(listed["keytype"], b64decode(listed["keyval"]["public"]), ecdsa_key("nobody's").private)

    def _send(self, sim: NotarySimulator, roles: Sequence[str]) -> None:
        boundary = secrets.token_hex(16)
        body = b"".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{role}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n".encode()
            + sim.current[role]
            + b"\r\n"
            for role in roles
        )
        body += f"--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        self._ask("POST", f"/v2/{sim.gun}/_trust/tuf/", body, headers)

    def _ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
        self._connection.request(method, path, body, headers or {})
        answer = self._connection.getresponse()
        said = answer.read()
        assert answer.status == 200, f"{method} {path}: {answer.status} {said[:500]!r}"
        return said
