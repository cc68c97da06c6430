"""`tagwarden verify`: decides as the proxy would under `enforce`, or asks a running one; the gate for CI."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.exits import FINDINGS
from proxy.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile, read_settings
from proxy.cli.outcome import Finding, Outcome
from proxy.cli.screen import say, say_next
from proxy.errors import UserError

if TYPE_CHECKING:
    from proxy.cli.deciding import Here
    from proxy.cli.via import There


class Print(StrEnum):
    """What standard output has, and nothing else."""

    DIGEST = "digest"


class Expect(StrEnum):
    """What ends with exit code 0 in place of an image that is served."""

    REFUSED = "refused"


def verify(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command line
    image: Annotated[
        str,
        typer.Argument(
            metavar="REF",
            help="repository[:tag] or repository@sha256:..., with or without the registry's host. As docker reads it, "
            "a first segment with a dot or a colon, or localhost, is a host; the proxy must answer for that registry.",
        ),
    ],
    config: ConfigFile = DEFAULT_CONFIG,
    via: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Ask this running proxy, with the credential that docker or podman has for it; no configuration "
            "is read. https where no scheme is given.",
        ),
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --via over https: authorities of its certificate, PEM.")
    ] = None,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="With --via: allow http to another machine, too.")
    ] = False,
    wait: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Ask again for so long, such as 60s, until it is as expected."),
    ] = None,
    only: Annotated[
        Print | None, typer.Option("--print", help="Print the digest alone, and only if it is allowed.")
    ] = None,
    expect: Annotated[
        Expect | None, typer.Option(help="Exit 0 if signatures or policy refuse it, 1 if it would be served.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decide about an image as the proxy would under `enforce`, whatever the repository's mode."""
    seconds = _seconds(wait)
    _check(via, ca_file=ca_file, plain_http=plain_http, only=only, expect=expect, as_json=as_json)
    decider = _here(config, image) if via is None else _there(via, image, ca_file, plain_http=plain_http)

    from proxy.cli.waiting import wait_for

    outcome = wait_for(decider.decide, lambda found: _status(found, expect) == 0, seconds)
    _show(outcome, only, as_json=as_json)
    status = _status(outcome, expect)
    if status == FINDINGS and expect is None:
        _explain(image, config, via)
    raise typer.Exit(status)


def _seconds(wait: str | None) -> float:
    if wait is None:
        return 0.0
    from proxy.config.values import duration

    try:
        return duration(wait).total_seconds()
    except ValueError as error:
        raise UserError(f"--wait: {error}") from None


def _check(
    via: str | None,
    *,
    ca_file: Path | None,
    plain_http: bool,
    only: Print | None,
    expect: Expect | None,
    as_json: bool,
) -> None:
    """Refuse options that say nothing together. Raises `UserError`."""
    if via is None and (ca_file or plain_http):
        raise UserError("--ca-file and --plain-http say how to reach a running proxy: name it with --via")
    if only and as_json:
        raise UserError("--print and --json both say what to print: choose one of them")
    if only and expect:
        raise UserError("--print prints what is allowed, --expect wants it refused: choose one of them")


def _here(config: Path, image: str) -> "Here":
    from proxy.cli.deciding import Here

    return Here(read_settings(config), image)


def _there(url: str, image: str, ca_file: Path | None, *, plain_http: bool) -> "There":
    from proxy.cli.via import There

    return There(url, image, ca_file=ca_file, plain_http=plain_http)


def _status(outcome: Outcome, expect: Expect | None) -> int:
    """The exit code (design: Command line); where a refusal is expected, whatever else is decided is a finding."""
    if expect is None or outcome.finding is Finding.UNDECIDED:
        return outcome.status
    return 0 if outcome.is_refused_by_policy else FINDINGS


def _show(outcome: Outcome, only: Print | None, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(outcome.as_json(), indent=2))
    elif only is None:
        print(outcome)
    else:
        say(str(outcome))
        if outcome.digest is not None:
            print(outcome.digest)


def _explain(image: str, config: Path, via: str | None) -> None:
    """Say what to run to hear more."""
    if via:
        say("where the proxy's configuration is, the next command tells what is missing")
    chosen = () if via or config == DEFAULT_CONFIG else ("-c", str(config))
    say_next("tagwarden", "explain", *chosen, image)
