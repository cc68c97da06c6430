"""`tagwarden serve`: runs the proxy, with a configuration file or, to try it, without one."""

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from proxy.cli.options import (
    DEFAULT_CONFIG,
    ConfigFile,
    NotaryCa,
    NotaryCredentials,
    NotaryUrl,
    RegistryCa,
    RegistryCredentials,
    RegistryName,
    RegistryUrl,
    read_settings,
)
from proxy.clock import Clock
from proxy.errors import UserError

if TYPE_CHECKING:
    from proxy.config import Seen, Settings
    from proxy.config.without_file import Trial

_NEEDED: Final = {"--name": "HOST", "--registry": "URL", "--notary": "URL"}


def serve(  # noqa: PLR0913, PLR0917  (each is an option of the command, and none has a place)
    context: typer.Context,
    config: ConfigFile = DEFAULT_CONFIG,
    audit: Annotated[
        bool, typer.Option("--audit", help="Try it without a file: enforce nothing, remember nothing, write nothing.")
    ] = False,
    name: RegistryName = None,
    registry: RegistryUrl = None,
    registry_ca: RegistryCa = None,
    registry_credentials: RegistryCredentials = None,
    notary: NotaryUrl = None,
    notary_ca: NotaryCa = None,
    notary_credentials: NotaryCredentials = None,
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Without a file: where clients are served; 0.0.0.0:5000 if absent."),
    ] = None,
    probes: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Without a file: health checks; 127.0.0.1:9596 if absent."),
    ] = None,
) -> None:
    """Run the proxy until SIGTERM or Ctrl-C.

    Without a file: serve --audit --name HOST --registry URL --notary URL shows from real traffic what would be refused.
    """
    options = {
        "--name": name,
        "--registry": registry,
        "--registry-ca": registry_ca,
        "--registry-credentials": registry_credentials,
        "--notary": notary,
        "--notary-ca": notary_ca,
        "--notary-credentials": notary_credentials,
        "--listen": listen,
        "--probes": probes,
    }
    _check(context, {option for option, value in options.items() if value is not None}, without_file=audit)
    from proxy.config.without_file import Trial
    from proxy.server import run

    if not audit:
        run(partial(read_settings, config))
        return
    trial = Trial(
        name=name or "",
        registry=registry or "",
        notary=notary or "",
        registry_ca=registry_ca,
        registry_credentials=registry_credentials,
        notary_ca=notary_ca,
        notary_credentials=notary_credentials,
        listen=listen,
        probes=probes,
    )
    run(partial(_settings_for, trial))


def _check(context: typer.Context, given: set[str], *, without_file: bool) -> None:
    """See that either a file or the options speak, never both. Raises `UserError`."""
    source = context.get_parameter_source("config")
    if not without_file:
        if given:
            raise UserError(
                f"{', '.join(sorted(given))}: a configuration file says this; "
                "write it there, or add --audit to try the proxy without a file"
            )
    elif source is not None and source.name == "COMMANDLINE":
        raise UserError(
            "--audit is for a trial without a file, and -c names one; leave one of them out "
            "(in a file, audit is a mode of rollout)"
        )
    elif missing := [f"{option} {value}" for option, value in _NEEDED.items() if option not in given]:
        raise UserError(f"--audit knows nothing from a file, so it has to be told more: add {' and '.join(missing)}")


def _settings_for(trial: "Trial", seen: "Seen") -> "Settings":
    """Settings without a file, with what has to be said aloud about them. Raises `UserError`."""
    from proxy.config.without_file import SAID_ALOUD, load_trial

    settings = load_trial(trial, os.environ, Clock().now(), seen)
    return replace(settings, warnings=(*SAID_ALOUD, *settings.warnings))
