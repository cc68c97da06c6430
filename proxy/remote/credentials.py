"""The credential that docker, or podman, has for a host.

Read as they read it: `$REGISTRY_AUTH_FILE` or podman's own file, then `config.json` in `$DOCKER_CONFIG` or `~/.docker`;
in each, the helper of the host (`credHelpers`), else of all (`credsStore`), else what stands in `auths`.
"""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from yarl import URL

from proxy.config.settings import Credentials
from proxy.errors import UserError
from proxy.http_auth.login import IdentityToken
from proxy.limits import DOCKER_CONFIG_BYTES
from proxy.remote.address import names_of
from proxy.remote.helpers import ask_helper

_API_PATHS: Final = ("v1", "v2")


@dataclass(frozen=True, slots=True)
class Found:
    """A credential, or none, and in words where it is from, or where it was looked for."""

    credentials: Credentials | IdentityToken | None
    places: str
    host: str = field(default="")


def look_up(server: URL, environ: Mapping[str, str]) -> Found:
    """Find the credential for a server; it is filed under the server's own name, never under that of an image.

    Raises:
        UserError: a file or a helper cannot be used. What it says never repeats a secret.
    """
    names = names_of(server)
    looked = list(_files(environ))
    for file in looked:
        config = _read(file)
        if (found := _in(config, names, file, environ)) is not None:
            return Found(found, str(file), names[0])
    return Found(None, " and ".join(map(str, looked)), names[0])


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    if environ.get("REGISTRY_AUTH_FILE"):
        yield Path(environ["REGISTRY_AUTH_FILE"])
    elif environ.get("XDG_RUNTIME_DIR"):
        containers = Path(environ["XDG_RUNTIME_DIR"]) / "containers" / "auth.json"
        if containers.exists():
            yield containers
    directory = Path(environ["DOCKER_CONFIG"]) if environ.get("DOCKER_CONFIG") else home / ".docker"
    yield directory / "config.json"


def _read(file: Path) -> Mapping[str, Any]:
    """Read a file of credentials; one that is not there has none. Raises `UserError`."""
    try:
        with file.open("rb") as opened:
            content = opened.read(DOCKER_CONFIG_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}): check its path and permissions") from None
    try:
        config = json.loads(content[: DOCKER_CONFIG_BYTES + 1])
    except (ValueError, RecursionError):
        config = None
    if len(content) > DOCKER_CONFIG_BYTES or not isinstance(config, dict):
        raise _broken(file, "it is no JSON object")
    return config


def _in(
    config: Mapping[str, Any], names: tuple[str, ...], file: Path, environ: Mapping[str, str]
) -> Credentials | IdentityToken | None:
    """What one file has for a host; a helper that is named for it is the only one that is asked."""
    helpers, auths = _section(config, "credHelpers", file), _section(config, "auths", file)
    for name in names:
        helper = helpers.get(name) or config.get("credsStore")
        if helper:
            if not isinstance(helper, str):
                raise _broken(file, "a credential helper's name is no text")
            found = ask_helper(helper, name, file, environ)
        else:
            found = _stored(auths, name, file)
        if found is not None:
            return found
    return None


def _section(config: Mapping[str, Any], name: str, file: Path) -> Mapping[str, Any]:
    section = config.get(name)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise _broken(file, f"{name} is no JSON object")
    return section


def _stored(auths: Mapping[str, Any], name: str, file: Path) -> Credentials | IdentityToken | None:
    """What stands in the file itself, under the host or under one of the addresses that docker wrote for it."""
    for key in (name, *(key for key in auths if key != name and _host_of(key) == name)):
        entry = auths.get(key)
        if not entry:  # docker leaves an empty one where a helper has the credential
            continue
        if not isinstance(entry, dict):
            raise _broken(file, f"the entry of {name} is no JSON object")
        if (found := _entry(entry, name, file)) is not None:
            return found
    return None


def _host_of(key: str) -> str | None:
    """The host of `https://host/v1/` and its like; None for what podman files for a namespace of a host."""
    scheme, separator, rest = key.rpartition("://")
    host, slash, path = rest.partition("/")
    if (separator and scheme not in ("http", "https")) or (slash and path.strip("/") not in ("", *_API_PATHS)):
        return None
    return host


def _entry(entry: Mapping[str, Any], name: str, file: Path) -> Credentials | IdentityToken | None:
    identity, encoded = entry.get("identitytoken"), entry.get("auth")
    if identity and isinstance(identity, str):
        return IdentityToken(identity)
    if not encoded:
        return None
    try:
        username, colon, password = b64decode(encoded, validate=True).decode().partition(":")
    except (ValueError, TypeError):  # which covers what is no base64, and no UTF-8
        username, colon, password = "", "", ""
    if not colon or not username:
        raise _broken(file, f"the entry of {name} is no user name and password")
    return Credentials(username, password.strip("\x00"))


def _broken(file: Path, why: str) -> UserError:
    return UserError(f"{file} cannot be used, {why}: mend it, or log in again")
