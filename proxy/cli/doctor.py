"""`tagwarden doctor`: tests each hop alone, and says what is wrong and how to mend it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from proxy.cli.exits import FINDINGS, UNDECIDED, USAGE
from proxy.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile, read_reference, read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.config.settings import Settings
    from proxy.doctor.findings import Finding

_COLOURS: Final = {"ok": "green", "warning": "yellow", "failed": "bold red", "not checked": "dim"}


def doctor(
    repositories: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REPO]...", help="Repositories to look at; else some of the catalogue."),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
    past: Annotated[
        list[str] | None,
        typer.Option(
            "--past",
            metavar="URL",
            help="On a client's machine: only see that the registry does not answer here; can be repeated.",
        ),
    ] = None,
) -> None:
    """Test each hop alone: name, registry, Notary, clock, trust store, pins, signers, expiries."""
    import asyncio

    if past:
        found = asyncio.run(_past([*past, *(repositories or ())]))
    else:
        settings = _settings(config)
        found = asyncio.run(_everything(settings, repositories or ()))
    if as_json:
        _print_json(found)
    else:
        _print_lines(found, config)
    levels = {str(finding.level) for finding in found}
    if "failed" in levels:
        raise typer.Exit(FINDINGS)
    if levels == {"not checked"}:
        raise typer.Exit(UNDECIDED)


def _settings(config: Path) -> "Settings":
    """The configuration; its problems in the form of `config check`."""
    from proxy.config import ConfigProblems

    try:
        return read_settings(config)
    except ConfigProblems as found:
        for problem in found.problems:
            print(f"error: {problem}", file=sys.stderr)
        raise typer.Exit(USAGE) from None


async def _everything(settings: "Settings", repositories: "Sequence[str]") -> "Sequence[Finding]":
    from proxy.cli.screen import progress
    from proxy.doctor.examination import count_hops, examine

    named = [read_reference(text, settings).repository for text in repositories]
    with progress("hops", count_hops(settings)) as done:
        return await examine(settings, named, done=done)


async def _past(urls: "Sequence[str]") -> "Sequence[Finding]":
    from proxy.clock import Clock
    from proxy.doctor.findings import Hop
    from proxy.doctor.past import try_all

    hop = Hop("past the proxy")
    await try_all(hop, urls, Clock())
    return hop.findings


def _print_lines(found: "Sequence[Finding]", config: Path) -> None:
    from rich.text import Text

    from proxy.cli.screen import console, say, say_next

    shown = console()
    for finding in found:
        mark = Text(f"{finding.level:<12}", style=_COLOURS[finding.level])
        words = f"{finding.hop}: {finding.sentence}" + (f": {finding.remedy}" if finding.remedy else "")
        shown.print(mark, Text(f"{words} "), Text(f"[{finding.name}]", style="dim"), sep="", soft_wrap=True)
    counts = [sum(finding.level == level for finding in found) for level in ("failed", "warning")]
    say(f"{_counted(counts[0], 'failure')}, {_counted(counts[1], 'warning')}; docs/doctor.md explains every [name]")
    for command in dict.fromkeys(finding.command for finding in found if finding.command):
        say_next(*command, *(("-c", str(config)) if config != DEFAULT_CONFIG else ()))


def _counted(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _print_json(found: "Sequence[Finding]") -> None:
    import json
    from dataclasses import asdict

    print(json.dumps([asdict(finding) for finding in found], indent=2))
