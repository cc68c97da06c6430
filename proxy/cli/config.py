"""`tagwarden config`: is a configuration right, and what may be in one."""

import json
import sys

import typer

from proxy.cli.options import DEFAULT_CONFIG, ConfigFile, read_settings

app = typer.Typer(name="config", help="Check the configuration, or print its schema.", no_args_is_help=True)


@app.command()
def check(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Check the configuration and report every problem at once."""
    settings = read_settings(config)
    for warning in settings.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    entries, signers = len(settings.policy.entries), len(settings.notaries)
    print(f"{config}: ok, {entries} entries of repositories, {signers} Notary servers")


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration."""
    from proxy.config.schema import schema as make

    print(json.dumps(make(), indent=2))
