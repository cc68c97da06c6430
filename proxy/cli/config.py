"""`tagwarden config`: is a configuration right, and what may be in one."""

import json
import os
import sys
from collections.abc import Iterable

import typer

from proxy.cli.options import DEFAULT_CONFIG, ConfigFile
from proxy.clock import Clock
from proxy.config import ConfigProblems, load

app = typer.Typer(name="config", help="Check the configuration, or print its schema.", no_args_is_help=True)


@app.command()
def check(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Check the configuration and report every problem at once."""
    try:
        settings = load(config, os.environ, Clock().now())
    except ConfigProblems as found:
        _print_all("error", map(str, found.problems))
        raise typer.Exit(2) from None
    _print_all("warning", settings.warnings)
    count = len(settings.policy.entries)
    print(f"{config}: ok, {count} {'entry' if count == 1 else 'entries'} of `repositories`")


def _print_all(kind: str, sentences: Iterable[str]) -> None:
    """One line for each thing to mend or to know: what it is, file, line, path, sentence."""
    for sentence in sentences:
        print(f"{kind}: {sentence}", file=sys.stderr)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration."""
    from proxy.config.schema import schema as make

    print(json.dumps(make(), indent=2))
