"""`tagwarden propose`: a first configuration from what registry and Notary have now."""

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.exits import FINDINGS, exit_code
from proxy.cli.options import NotaryCa, NotaryCredentials, RegistryCa, RegistryCredentials, read_reference
from proxy.cli.screen import progress, say, say_next
from proxy.clock import Clock
from proxy.errors import Refusal, UserError
from proxy.names import Repository

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
    import uvloop

    from proxy.config.without_file import Trial, load_trial
    from proxy.proposal import summary, writing
    from proxy.proposal.proposing import draw_up

    trial = Trial(name, registry, notary, registry_ca, registry_credentials, notary_ca, notary_credentials)
    settings = load_trial(trial, os.environ, Clock().now())
    wanted = [read_reference(each, settings).repository for each in repositories or ()]
    writing.check_free(directory)
    audited = _duration(audit_for)
    try:
        gathered = uvloop.run(_gather(settings, wanted))
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
    from proxy.proposal import gathering
    from proxy.store.overlay import Overlay

    async with assemble(settings, Overlay(None)) as parts:
        names = wanted or await gathering.repositories(parts.registry)
        return await gathering.gather(parts, settings, names, progress)


def _duration(text: str) -> timedelta:
    from proxy.config.values import waiting_time

    try:
        return waiting_time(text)
    except ValueError as error:
        raise UserError(f"--audit-for: {error}") from None


def _sentence(refusal: Refusal, settings: "Settings") -> str:
    """Why nothing was written: a server is away."""
    from proxy.refusals import present

    notary = next(iter(settings.notaries))
    return f"nothing was written: {present(refusal, reference='what to propose', notary=notary).message}"
