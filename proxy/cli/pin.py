"""`tagwarden pin`: what to write under `roots`, and what to compare it with before believing it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.exits import UNDECIDED, exit_code
from proxy.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile
from proxy.cli.screen import progress, say, say_next
from proxy.clock import Clock
from proxy.errors import NoRule, NoTrustData, RegistryUnreachable
from proxy.refusals import present

if TYPE_CHECKING:
    from proxy.config import Loaded
    from proxy.inspection.roots import Roots
    from proxy.policy.entries import Policy

_NAMED = 20  # repositories of one kind in one sentence


def pin(
    repositories: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="REPO|PATTERN",
            help="Repositories, or patterns of them, whose roots to pin; by default all in the registry that have an "
            "entry.",
            show_default=False,
        ),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Print ready `roots` entries for the roots that Notary serves now, and what to compare them with.

    What Notary serves is believed here only to be shown: compare it with what the holder of the root key has.
    """
    import uvloop

    from proxy.config import load_whole
    from proxy.inspection import entries

    loaded = load_whole(config, os.environ, Clock().now())
    policy = loaded.settings.policy
    try:
        roots = uvloop.run(_roots(loaded, repositories or []))
    except RegistryUnreachable as refusal:
        say(present(refusal).message)
        raise typer.Exit(UNDECIDED) from None
    if as_json or roots.keys:
        print(entries.as_json(roots, policy) if as_json else entries.as_yaml(roots, policy))
    _tell(roots, policy)
    if any(map(entries.is_new, roots.keys)) and not as_json:
        say("once their holders have confirmed them, write these under `roots`")
        say_next("tagwarden", "config", "check", *_given(config))
    raise typer.Exit(max(map(exit_code, roots.refusals.values()), default=0))


async def _roots(loaded: "Loaded", words: list[str]) -> "Roots":
    """The root keys of the repositories that are meant. Raises `UserError`, `RegistryUnreachable`."""
    from proxy.assembly import assemble
    from proxy.cli.quiet import quiet
    from proxy.inspection.roots import gather
    from proxy.inspection.selection import select
    from proxy.store.overlay import Overlay

    policy, taken = loaded.settings.policy, frozenset(loaded.shape.roots)
    with quiet():
        async with assemble(loaded.settings, Overlay(None)) as parts:
            chosen = await select(words, policy, parts.registry)
            with progress("reading trust data", len(chosen)) as step:
                notaries, clock = parts.resolver.renewal.notaries, parts.resolver.clock
                return await gather(chosen, policy, taken, notaries, clock, step)


def _tell(roots: "Roots", policy: "Policy") -> None:
    """Say what is beside the output: warnings, and why some repositories are not in it."""
    from proxy.inspection.words import some

    for key in roots.keys:
        for warning in key.warnings:
            say(f"warning: {key.name if key.fit else key.public_key_id}: {warning}")
    for warning in roots.warnings:
        say(f"warning: {warning}")
    for kind, why in ((NoRule, "no entry in `repositories`"), (NoTrustData, "no trust data in Notary")):
        without = [repository for repository, refusal in roots.refusals.items() if isinstance(refusal, kind)]
        if without:
            have = "repository has" if len(without) == 1 else "repositories have"
            say(f"{len(without)} {have} {why}: {some(without, _NAMED)}")
    for repository, refusal in roots.refusals.items():
        if not isinstance(refusal, NoRule | NoTrustData):
            say(present(refusal, reference=repository, **policy.whereabouts(repository)).message)


def _given(config: Path) -> tuple[str, ...]:
    return () if config == DEFAULT_CONFIG else ("-c", str(config))
