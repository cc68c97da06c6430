"""The command line as a whole: which commands there are, and what a person sees when one fails."""

import sys
from typing import Annotated

import typer

import proxy
from proxy.cli import config, inspect, pin, serve, verify
from proxy.errors import UserError

app = typer.Typer(
    name="tagwarden",
    help="A registry proxy that serves what was signed in Notary, and refuses everything else.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("verify")(verify.verify)
app.command("inspect")(inspect.inspect)
app.command("pin")(pin.pin)
app.add_typer(config.app, name="config")


def _version(asked: bool) -> None:
    if asked:
        print(f"tagwarden {proxy.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _asked: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """A registry proxy that serves what was signed in Notary, and refuses everything else."""


def main() -> None:
    """Run a command; a person's mistake ends in sentences and exit code 2, never in a traceback."""
    try:
        app()
    except UserError as error:
        for sentence in str(error).splitlines():
            print(f"tagwarden: {sentence}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
