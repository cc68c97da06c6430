"""A directory with a configuration file and the files that it names."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from proxy.config import ConfigProblems, Settings, load
from tests.support.certificates import authority, certificate, pem
from tests.support.keys import Key, ecdsa_key

ROOT_ID: Final = "0123456789abcdef" * 4
SECTIONS: Final[Mapping[str, str]] = {
    "version": "1",
    "name": "registry.example.com",
    "registry": "{url: 'http://127.0.0.1:5001'}",
    "notaries": "{corp: {url: 'https://notary:4443', roots: [corp]}}",
    "roots": f"{{corp: {{public_key_ids: ['{ROOT_ID}']}}}}",
    "signers": "{alice: {keys: delegated}, ci: {keys: delegated}, qa: {keys: delegated}}",
    "repositories": "{'shop/**': {signed_by: {any_of: [ci]}}}",
}


def compose(**sections: str) -> str:
    """A whole file: first these sections, so that their lines are known, then a working one for each that is absent."""
    whole = {**sections, **{key: text for key, text in SECTIONS.items() if key not in sections}}
    return "".join(f"{key}: {text}\n" for key, text in whole.items())


@dataclass(frozen=True)
class Site:
    """Where a configuration lives in a test."""

    directory: Path

    @property
    def file(self) -> Path:
        """The configuration file itself."""
        return self.directory / "config.yaml"

    def write(self, name: str, data: bytes | str, mode: int = 0o600) -> None:
        """Put a file beside the configuration."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        path.chmod(mode)

    def load(self, text: str, environ: Mapping[str, str] | None = None) -> Settings:
        """Load a configuration."""
        self.write("config.yaml", text)
        return load(self.file, environ or {})

    def problems(self, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        """What is wrong with a configuration, without the name of the file; empty if nothing is."""
        try:
            self.load(text, environ)
        except ConfigProblems as problems:
            return self.lines(str(problems))
        return []

    def warnings(self, text: str) -> list[str]:
        """What a usable configuration warns of, without the name of the file."""
        return self.lines("\n".join(self.load(text).warnings))

    def lines(self, text: str) -> list[str]:
        """Problems or warnings, without the directory of the file and of those that it names."""
        short = text.replace(f'"{self.directory}/', '"')  # files are named where they are looked for
        return [line.removeprefix(f"{self.file}:") for line in short.splitlines()]


def public_pem(key: Key) -> bytes:
    """A public key file as openssl writes it."""
    return key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def docker_pem(key: Key, role: str) -> bytes:
    """A public key file as `docker trust key generate` writes it: with a header in the block."""
    begin, body = public_pem(key).split(b"\n", maxsplit=1)
    return begin + f"\nrole: {role}\n\n".encode() + body


def private_pem(key: Key) -> bytes:
    """A private key file, not encrypted."""
    return key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def credentials(username: str, password: str) -> str:
    """A credentials file."""
    return json.dumps({"username": username, "password": password})


def write_pair(site: Site, name: str, key: Key) -> None:
    """Write a certificate for the registry and its private key, as `name.crt` and `name.key`."""
    site.write(f"{name}.crt", pem([certificate(name, key, alternative_name="registry.example.com")]))
    site.write(f"{name}.key", private_pem(key))


def documented_example() -> str:
    """The complete example of the reference page."""
    return _documented(1)


def documented_team() -> str:
    """The included file of the reference page."""
    return _documented(2)


def _documented(block: int) -> str:
    page = (Path(__file__).parents[3] / "docs/configuration.md").read_text(encoding="utf-8")
    return page.split("```yaml\n")[block].split("```")[0]


def equip_for_example(site: Site) -> None:
    """Write every file that the documented example names."""
    site.write("teams/web.yaml", documented_team())
    site.write("teams/keys/carol.pub", public_pem(ecdsa_key("carol")))
    authorities = ("registry-ca", "notary-ca", "nodes-ca", "ci-ca", "database-ca")
    for name in ("roots/vendor-ca.crt", *(f"tls/{name}.crt" for name in authorities)):
        site.write(name, pem([authority(name).certificate]))
    for name in ("alice", "ci", "ci-old"):
        site.write(f"signers/{name}.pub", docker_pem(ecdsa_key(name), name))
    for name in ("client", "proxy", "candidates"):
        write_pair(site, f"tls/{name}", ecdsa_key(name))
    site.write("roots/corp-2027.crt", pem([certificate("registry.example.com/shop/api", ecdsa_key("corp-2027"))]))
    site.write("secrets/registry.json", credentials("tagwarden", "secret"))
    site.write("secrets/database.password", "secret\n")
    site.write("secrets/notary.json", credentials("tagwarden", "secret"))
