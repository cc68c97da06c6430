"""Options that several commands share.

What is heavy to import is imported where it is used, here as in every command: help and completion must not wait.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from proxy.clock import Clock
from proxy.errors import ReferenceInvalid, UserError
from proxy.names import Reference
from proxy.refusals import present

if TYPE_CHECKING:
    from proxy.config import Seen, Settings

DEFAULT_CONFIG: Final = Path("/etc/tagwarden/config.yaml")

ConfigFile: TypeAlias = Annotated[
    Path,
    typer.Option(
        "-c",
        "--config",
        metavar="FILE",
        envvar="TAGWARDEN_CONFIG",
        help="The configuration.",
        show_default=True,
        readable=False,  # whoever reads it says why that fails, and where
    ),
]
RegistryName: TypeAlias = Annotated[
    str | None,
    typer.Option("--name", metavar="HOST[:PORT]", help="Without a file: how clients name this registry in images."),
]
RegistryUrl: TypeAlias = Annotated[
    str | None, typer.Option("--registry", metavar="URL", help="Without a file: the registry.")
]
RegistryCa: TypeAlias = Annotated[
    Path | None,
    typer.Option("--registry-ca", metavar="FILE", help="Authorities of the registry's TLS certificate, PEM."),
]
RegistryCredentials: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--registry-credentials", metavar="FILE", help="JSON file with username and password for the registry."
    ),
]
NotaryUrl: TypeAlias = Annotated[
    str | None, typer.Option("--notary", metavar="URL", help="Without a file: the Notary server.")
]
NotaryCa: TypeAlias = Annotated[
    Path | None, typer.Option("--notary-ca", metavar="FILE", help="Authorities of Notary's TLS certificate, PEM.")
]
NotaryCredentials: TypeAlias = Annotated[
    Path | None,
    typer.Option("--notary-credentials", metavar="FILE", help="JSON file with username and password for Notary."),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def read_settings(path: Path, seen: "Seen | None" = None) -> "Settings":
    """Load the configuration, and note what was looked at. Raises `UserError` with every problem in it."""
    from proxy.config import load

    return load(path, os.environ, Clock().now(), seen)


def read_reference(text: str, settings: "Settings") -> Reference:
    """Read what a person typed. Raises `UserError`."""
    try:
        return Reference.parse(text, settings.name)
    except ReferenceInvalid as invalid:
        raise UserError(present(invalid).message) from None
