"""Docker's credential helpers: programs that keep credentials in the places of their system.

`docker-credential-NAME get` reads a host and prints JSON; the user name `<token>` says that the secret is an
identity token.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from proxy.config.settings import Credentials
from proxy.errors import UserError
from proxy.http_auth.login import IdentityToken
from proxy.limits import CREDENTIAL_HELPER_SECONDS

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # part of a program's name: never a path
_NOTHING: Final = re.compile("credentials not found in native keychain")
_IDENTITY: Final = "<token>"


def ask_helper(name: str, host: str, file: Path, environ: Mapping[str, str]) -> Credentials | IdentityToken | None:
    """What a helper has for a host; None for nothing.

    Args:
        name: what follows `docker-credential-` in the name of the program.
        host: as docker files it.
        file: the configuration that names the helper, for what is said.
        environ: of the helper, which is looked for on its `PATH`.

    Raises:
        UserError: there is no such helper, or it fails; what it said is not repeated, it may be a secret.
    """
    program = f"docker-credential-{name}"
    found = shutil.which(program, path=environ.get("PATH", "")) if _NAME.fullmatch(name) else None
    if found is None:
        raise UserError(f"{file} names the credential helper {name!a}, but {program!a} is not on the PATH: install it")
    try:
        ended = subprocess.run(  # noqa: S603 - the program that the person's own docker runs too
            [found, "get"],
            input=host.encode(),
            stdout=subprocess.PIPE,
            timeout=CREDENTIAL_HELPER_SECONDS,
            env=dict(environ),
            check=False,
        )
    except subprocess.TimeoutExpired:
        why = f"did not answer within {CREDENTIAL_HELPER_SECONDS:.0f} s"
        raise UserError(f"{program} {why}: run `echo {host} | {program} get` to see what it waits for") from None
    except OSError as error:
        raise UserError(f"{program} cannot be run ({error.strerror}): mend it, or log in without it") from None
    said = ended.stdout.decode(errors="replace").strip()
    if ended.returncode != 0:
        if _NOTHING.fullmatch(said):
            return None
        raise UserError(
            f"{program} failed for {host} (status {ended.returncode}): "
            f"run `echo {host} | {program} get` to see why, and mend it, or log in again"
        )
    return _read(said, program, host)


def _read(said: str, program: str, host: str) -> Credentials | IdentityToken | None:
    """Read a helper's JSON; nothing in it is nothing. Raises `UserError`, which never repeats what was said."""
    try:
        told = json.loads(said)
    except (ValueError, RecursionError):
        told = None
    username, secret = (told.get("Username"), told.get("Secret")) if isinstance(told, dict) else (None, None)
    if not isinstance(username, str) or not isinstance(secret, str):
        raise UserError(f"{program} answered for {host} with something that is no credential: mend it, or log in again")
    if not secret:
        return None
    return IdentityToken(secret) if username == _IDENTITY else Credentials(username, secret)
