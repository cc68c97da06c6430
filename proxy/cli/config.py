"""`tagwarden config`: is a configuration right, and what may be in one."""

import json
import sys
from datetime import datetime

import typer

from proxy.cli.options import DEFAULT_CONFIG, ConfigFile, read_settings
from proxy.clock import Clock
from proxy.config.settings import Settings

app = typer.Typer(name="config", help="Check the configuration, or print its schema.", no_args_is_help=True)


@app.command()
def check(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Check the configuration and report every problem at once."""
    settings = read_settings(config)
    for warning in (*settings.warnings, *_run_out(settings, Clock().now())):
        print(f"warning: {warning}", file=sys.stderr)
    print(f"{config}: ok, {len(settings.policy.entries)} entries of `repositories`")


def _run_out(settings: Settings, now: datetime) -> list[str]:
    """What was relaxed until an instant that is past: it is enforced by now, which may surprise."""
    rollout = [
        f'rollout."{relaxed.pattern}": its `until` is past, so it is enforced; remove it'
        for relaxed in settings.policy.rollout
        if relaxed.until and relaxed.until <= now
    ]
    digests = [
        f'repositories."{entry.pattern}".digest_pull: its `until` is past, so it is `signed`; remove it'
        for entry in settings.policy.entries
        if entry.any_digest and entry.any_digest.until <= now
    ]
    return rollout + digests


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration."""
    from proxy.config.schema import schema as make

    print(json.dumps(make(), indent=2))
