"""Files that the configuration names: read once, bounded, with a sentence where that fails."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography import x509

from proxy.config.document import Document, KeyPath, quoted
from proxy.config.opening import read_bounded
from proxy.config.pem import PemFile
from proxy.config.settings import Credentials

_LARGEST: Final = 1 << 20
_OTHERS_MAY: Final = 0o077
_OTHERS_MAY_BUT_THE_GROUP_READ: Final = 0o037
_ROOT: Final = 0


class Files:
    """Reads the files of one configuration; paths are relative to the configuration file."""

    def __init__(self, document: Document, directory: Path) -> None:
        self._document = document
        self._directory = directory
        self._hashes: dict[str, str] = {}
        self._contents: dict[Path, bytes] = {}

    @property
    def hashes(self) -> Mapping[str, str]:
        """SHA-256 hex of every file read that holds no secret, by its path."""
        return self._hashes

    def path(self, name: str) -> Path:
        """Where a file is."""
        return self._directory / name

    def named(self, name: str) -> str:
        """A file in a sentence: where it was looked for, so that what has to be done there can be pasted."""
        return quoted(self.path(name))

    def read(self, at: KeyPath, name: str) -> bytes | None:
        """The contents of a file without secrets; None where a problem was noted."""
        data = self._read(at, name)
        if data is not None:
            self._hashes[str(self.path(name))] = hashlib.sha256(data).hexdigest()
        return data

    def read_secret(self, at: KeyPath, name: str) -> bytes | None:
        """The contents of a file with a secret; warns where other users of the machine can read it."""
        data = self._read(at, name)
        if data is not None and _is_open(self.path(name)):
            self._document.warn(
                at, f"{self.named(name)} holds a secret that other users of this machine can read; chmod 600"
            )
        return data

    def certificates(self, at: KeyPath, name: str) -> list[x509.Certificate]:
        """The certificates in a PEM file; empty where a problem was noted."""
        data = self.read(at, name)
        if data is None:
            return []
        try:
            return x509.load_pem_x509_certificates(data)
        except ValueError:
            self._document.problem(at, f"{self.named(name)} holds no certificate; name a file with certificates in PEM")
            return []

    def authorities(self, at: KeyPath, name: str | None) -> PemFile | None:
        """A file of certificates; None where none is named or a problem was noted."""
        return self.pem(name) if name and self.certificates(at, name) else None

    def pem(self, name: str) -> PemFile:
        """A file as it was read before; empty where that failed, which was noted then."""
        path = self.path(name)
        return PemFile(path, self._contents.get(path, b""))

    def password(self, at: KeyPath, name: str | None) -> str | None:
        """The one line in a file, or None where none is named or a problem was noted."""
        data = self.read_secret(at, name) if name else None
        if name is None or data is None:
            return None
        try:
            password = data.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            password = ""
        if not password or not password.isprintable():
            sentence = "holds no password; write it there on one line and nothing else"
            self._document.problem(at, f"{self.named(name)} {sentence}")
            return None
        return password

    def credentials(self, at: KeyPath, name: str | None) -> Credentials | None:
        """User name and password from a JSON file, or None where none is named or a problem was noted."""
        data = self.read_secret(at, name) if name else None
        if name is None or data is None:
            return None
        match _json(data):
            case {"username": str(username), "password": str(password), **others} if not others:
                if username and ":" not in username:
                    return Credentials(username, password)
                self._document.problem(
                    at, f"the user name in {self.named(name)} is empty or has a colon in it; mend it"
                )
            case _:
                wanted = '{"username": "...", "password": "..."}'
                self._document.problem(
                    at, f"{self.named(name)} holds no credentials; write {wanted} into it and nothing else"
                )
        return None

    def _read(self, at: KeyPath, name: str) -> bytes | None:
        """The contents of a file, once for all who name it: what is checked together came at one time."""
        path = self.path(name)
        if path in self._contents:
            return self._contents[path]
        try:
            data = read_bounded(path, _LARGEST, self._document.seen)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not a path"
            self._document.problem(at, f"{self.named(name)} cannot be read ({why}); check the path and its permissions")
            return None
        if len(data) > _LARGEST:
            self._document.problem(at, f"{self.named(name)} is larger than a key or certificate can be; check the path")
            return None
        self._contents[path] = data
        return data


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _is_open(path: Path) -> bool:
    """Whether more than its owner can read or change a file, if it is there still.

    Root may give one to a group to be read: that is how kubelet and packages hand secrets to a service.
    """
    try:
        secret = path.stat()
    except OSError:  # what was read counts; its successor is read when the change is noticed
        return False
    return bool(secret.st_mode & (_OTHERS_MAY_BUT_THE_GROUP_READ if secret.st_uid == _ROOT else _OTHERS_MAY))
