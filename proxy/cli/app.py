"""The command line as a whole: which commands there are, and what a person sees when one fails."""

import sys
from typing import Annotated

import typer

import proxy
from proxy.cli import (
    config,
    doctor,
    explain,
    inspect,
    mistakes,
    pin,
    propose,
    serve,
    sign_command,
    trust,
    trust_carrying,
    trust_copies,
    trust_renaming,
    verify,
)
from proxy.cli.exits import UNDECIDED, USAGE
from proxy.cli.help import Command, Group
from proxy.cli.screen import say, say_next
from proxy.errors import OutOfReach, UserError

app = typer.Typer(
    name="tagwarden",
    cls=Group,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_config = typer.Typer(cls=Group, help="Check the configuration, or print its schema.")
_config.command("check", cls=Command)(config.check)
_config.command("schema", cls=Command)(config.schema)

_trust = typer.Typer(cls=Group, help="Look into the trust store, and carry what it remembers elsewhere and back.")
_trust.command("init", cls=Command)(trust.init)
_trust.command("list", cls=Command)(trust.list_)
_trust.command("show", cls=Command)(trust.show)
_trust.command("forget", cls=Command)(trust.forget)
_trust.command("export", cls=Command)(trust_carrying.export)
_trust.command("import", cls=Command)(trust_carrying.import_)
_trust.command("backup", cls=Command)(trust_copies.backup)
_trust.command("restore", cls=Command)(trust_copies.restore)
_trust.command("copy", cls=Command)(trust_copies.copy)
_trust.command("rename", cls=Command)(trust_renaming.rename)

app.command("serve", cls=Command)(serve.serve)
app.command("verify", cls=Command)(verify.verify)
app.command("explain", cls=Command)(explain.explain)
app.command("inspect", cls=Command)(inspect.inspect)
app.add_typer(_config, name="config")
app.command("pin", cls=Command)(pin.pin)
app.command("propose", cls=Command)(propose.propose)
app.command("doctor", cls=Command)(doctor.doctor)
app.command("sign-command", cls=Command)(sign_command.sign_command)
app.add_typer(_trust, name="trust")


def _version(asked: bool) -> None:
    if asked:
        print(f"tagwarden {proxy.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _asked: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """A registry proxy that serves what was signed in Notary, and refuses everything else."""


def main() -> None:
    """Run a command; a person's mistake ends in sentences and exit code 2, what is out of reach in 3."""
    try:
        status = app(prog_name="tagwarden", standalone_mode=False)
    except typer.TyperException as mistake:
        say(mistakes.sentence(mistake, sys.argv[1:]))
        if context := getattr(mistake, "ctx", None):
            say_next(*context.command_path.split(), "--help")
        sys.exit(USAGE)
    except UserError as error:
        for sentence in str(error).splitlines():
            say(sentence)
        sys.exit(UNDECIDED if isinstance(error, OutOfReach) else USAGE)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    sys.exit(status)
