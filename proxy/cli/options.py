"""Options that several commands share."""

import os
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from proxy.clock import Clock
from proxy.config import load
from proxy.config.settings import Settings
from proxy.errors import ReferenceInvalid, UserError
from proxy.names import Reference
from proxy.refusals import present

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
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def read_settings(path: Path) -> Settings:
    """Load the configuration. Raises `UserError` with every problem in it."""
    return load(path, os.environ, Clock().now())


def read_reference(text: str, settings: Settings) -> Reference:
    """Read what a person typed. Raises `UserError`."""
    try:
        return Reference.parse(text, settings.name)
    except ReferenceInvalid as invalid:
        raise UserError(present(invalid).message) from None
