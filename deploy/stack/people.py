"""Those who sign: each has a directory with Docker and Notary settings, keys and trust data of their own."""

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from deploy.stack.commands import Outcome, run
from deploy.stack.notary import Notary
from deploy.stack.programs import program
from deploy.stack.web import Login

PASSPHRASE: Final = "a passphrase of no value"  # noqa: S105 - it protects throw-away keys
_ASKED: Final = (
    "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE",
    "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE",
    "NOTARY_ROOT_PASSPHRASE",
    "NOTARY_TARGETS_PASSPHRASE",
    "NOTARY_SNAPSHOT_PASSPHRASE",
    "NOTARY_DELEGATION_PASSPHRASE",
)


@dataclass(frozen=True)
class Person:
    """Somebody with keys: the owner of root keys, or a signer.

    `docker_host` is the address of a dockerd; only the first signature on a new tag by `docker trust sign` needs one.
    `login` is what `notary` shows where Notary or its token server asks; `docker trust` has it from `log_in`.
    """

    name: str
    directory: Path
    notary: Notary
    docker_host: str | None = None
    login: Login | None = None

    @classmethod
    def settle(cls, name: str, directory: Path, notary: Notary, docker_host: str | None = None) -> Self:
        """Give a person a directory, and let their docker trust the Notary server's certificate."""
        person = cls(name, directory.absolute(), notary, docker_host)
        authorities = person.directory / "tls" / notary.host
        authorities.mkdir(parents=True, exist_ok=True)
        (authorities / "ca.crt").write_bytes(notary.ca_file.read_bytes())
        return person

    @property
    def public_key(self) -> Path:
        """The file that `docker trust key generate` writes: what policy lists and delegations are made from."""
        return self.directory / f"{self.name}.pub"

    @property
    def trust_directory(self) -> Path:
        """Private keys and trust data, shared by `docker trust` and `notary`."""
        return self.directory / "trust"

    def log_in(self, host: str, login: Login) -> Self:
        """Return this person with a login, which their docker has for a registry and its Notary from now on."""
        auths = {host: {"auth": b64encode(f"{login.username}:{login.password}".encode()).decode()}}
        (self.directory / "config.json").write_text(json.dumps({"auths": auths}))
        return replace(self, login=login)

    def run(self, name: str, arguments: Sequence[str], *, typed: bytes = b"") -> Outcome:
        """Run `docker` or `notary` as this person."""
        return run([program(name), *arguments], home=self.directory, environment=self._environment(), typed=typed)

    def paste(self, lines: str) -> Outcome:
        """Give lines to a shell as this person, in their directory, which holds their `~/.docker` too."""
        home = self.directory / ".docker"
        if not home.exists():
            home.symlink_to(".")
        return run(["/bin/sh", "-e", "-c", lines], home=self.directory, environment=self._environment())

    def _environment(self) -> dict[str, str]:
        environment = {
            "DOCKER_CONFIG": str(self.directory),
            "DOCKER_CONTENT_TRUST_SERVER": self.notary.url,
            "DOCKER_HOST": self.docker_host or f"unix://{self.directory}/no-daemon.sock",
            **dict.fromkeys(_ASKED, PASSPHRASE),
        }
        if self.login:
            environment["NOTARY_AUTH"] = self.login.header.removeprefix("Basic ")
        return environment
