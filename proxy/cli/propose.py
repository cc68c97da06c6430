"""`tagwarden propose`: a first configuration from what registry and Notary have now."""

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from proxy.cli.exits import FINDINGS, USAGE, exit_code
from proxy.cli.options import NotaryCa, NotaryCredentials, RegistryCa, RegistryCredentials, read_reference
from proxy.cli.screen import progress, say, say_next
from proxy.clock import Clock
from proxy.errors import Refusal, UserError
from proxy.names import Repository

_CREDENTIALS: Final = tuple(f"command line: --{each}-credentials:" for each in ("registry", "notary"))
"""How those warnings begin that are about the options here; all others are about a configuration that is none yet."""

if TYPE_CHECKING:
    from proxy.config.settings import Settings
    from proxy.proposal.gathering import Gathered


def propose(  # noqa: PLR0913, PLR0917  (each is an option of the command, and none has a place)
    name: Annotated[str, typer.Option(metavar="HOST[:PORT]", help="How clients name this registry in images.")],
    registry: Annotated[str, typer.Option(metavar="URL", help="The registry.")],
    notary: Annotated[str, typer.Option(metavar="URL", help="The Notary server.")],
    directory: Annotated[
        Path, typer.Option(metavar="DIR", help="Where to write config.yaml and the signers' public keys.")
    ],
    repositories: Annotated[
        list[str] | None, typer.Argument(metavar="REPO...", help="Only these; everything the registry lists if absent.")
    ] = None,
    registry_ca: RegistryCa = None,
    registry_credentials: RegistryCredentials = None,
    notary_ca: NotaryCa = None,
    notary_credentials: NotaryCredentials = None,
    audit_for: Annotated[
        str, typer.Option(metavar="TIME", help="How long nothing is enforced yet, such as 36h or 14d.")
    ] = "14d",
) -> None:
    """Write a first configuration: who signs today, everything in audit, owners to fill in.

    Nothing that is there already is overwritten.
    """
    import asyncio

    import uvloop

    from proxy.cli.servers import find_trouble
    from proxy.config.without_file import Trial, load_trial
    from proxy.proposal import summary, writing
    from proxy.proposal.gathering import OtherName
    from proxy.proposal.proposing import draw_up

    trial = Trial(name, registry, notary, registry_ca, registry_credentials, notary_ca, notary_credentials)
    settings = load_trial(trial, os.environ, Clock().now())
    for warning in settings.warnings:
        if str(warning).startswith(_CREDENTIALS):
            say(f"warning: {warning}")
    wanted = [_repository(each, settings) for each in repositories or ()]
    writing.check_free(directory)
    audited = _duration(audit_for)
    if trouble := asyncio.run(find_trouble(settings, wanted)):
        say(f"nothing was written: {trouble.sentence}")
        raise typer.Exit(trouble.status)
    try:
        gathered = uvloop.run(_gather(settings, wanted))
    except OtherName as other:
        say(str(other))
        say_next(*_renamed(sys.argv, other.name))
        raise typer.Exit(USAGE) from None
    except Refusal as refusal:
        say(_sentence(refusal, settings))
        raise typer.Exit(exit_code(refusal)) from None
    now = Clock().now()
    proposal = draw_up(trial, settings, gathered, now, now + audited)
    if not proposal.is_blind:
        proposal = writing.write(proposal, directory)
        print("\n".join(summary.summary(proposal, directory)), flush=True)
    for sentence in summary.troubles(proposal):
        say(sentence)
    if proposal.is_blind:
        raise typer.Exit(max(exit_code(each.refusal) for each in proposal.unreadable))
    say_next("tagwarden", "config", "check", "-c", str(directory / writing.CONFIG))
    if summary.has_findings(proposal):
        raise typer.Exit(FINDINGS)


async def _gather(settings: "Settings", wanted: list[Repository]) -> "tuple[Gathered, ...]":
    from proxy.assembly import assemble
    from proxy.cli.quiet import quiet
    from proxy.proposal import gathering
    from proxy.store.overlay import Overlay

    with quiet():
        async with assemble(settings, Overlay(None)) as parts:
            names = wanted or await gathering.repositories(parts.registry)
            found = await gathering.gather(parts, settings, names, progress)
            if wanted:
                await gathering.check_named(parts.registry, found)
            return found


def _repository(text: str, settings: "Settings") -> Repository:
    """A repository as a person names it. Raises `UserError` for a pattern, a tag or a digest."""
    if set(text) & set("*?["):
        raise UserError(f"{text} is a pattern: name repositories, or none for all that the registry lists")
    above, slash, last = text.partition("@")[0].rpartition("/")
    bare = f"{above}{slash}{last.partition(':')[0]}"
    if bare != text:
        raise UserError(f"{text} is one image: a proposal is for whole repositories, so write {bare}")
    return read_reference(text, settings).repository


def _renamed(typed: Sequence[str], name: str) -> list[str]:
    """The same command with another `--name`."""
    words = ["tagwarden", *typed[1:]]
    for place, word in enumerate(words):
        if word == "--name" and words[place + 1 :]:
            words[place + 1] = name
        elif word.startswith("--name="):
            words[place] = f"--name={name}"
    return words


def _duration(text: str) -> timedelta:
    from proxy.config.values import waiting_time

    try:
        return waiting_time(text)
    except ValueError as error:
        if text.isdecimal():
            raise UserError(f"--audit-for: {text} has no unit: write {text}d for days, or {text}h for hours") from None
        raise UserError(f"--audit-for: {error}") from None


def _sentence(refusal: Refusal, settings: "Settings") -> str:
    """Why nothing was written: a server is away."""
    from proxy.refusals import present

    notary = next(iter(settings.notaries))
    return f"nothing was written: {present(refusal, reference='what to propose', notary=notary).message}"
