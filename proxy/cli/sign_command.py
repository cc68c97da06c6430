"""`tagwarden sign-command`: what signers type, with digest and length; it signs nothing itself."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.exits import FINDINGS, UNDECIDED, exit_code
from proxy.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile, read_reference, read_settings
from proxy.cli.roles import read_role, remarks
from proxy.cli.screen import say, say_next
from proxy.clock import Clock
from proxy.errors import NoTrustData, Refusal, RegistryUnreachable, UserError
from proxy.names import RELEASES, Digest, Gun, Reference, RoleName, Tag
from proxy.refusals import present

if TYPE_CHECKING:
    from proxy.assembly import Parts
    from proxy.config.settings import Settings
    from proxy.signing import Lacking, Server, Step, Subject
    from proxy.tuf.collection import Collection


def sign_command(
    image: Annotated[str, typer.Argument(metavar="REF", help="The tag to sign: repository[:tag].")],
    roles: Annotated[
        list[str] | None,
        typer.Option(
            "--role",
            metavar="ROLE",
            help="Who signs, such as ci for targets/ci; can be repeated. Without it: whom the rule still lacks.",
        ),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Print the commands of `notary` and `docker trust` that sign a tag for what the registry has.

    It holds no keys: paste the lines where they are. What has to be there before, such as a collection or a
    delegation, comes first, and comments say who runs what.
    """
    import uvloop

    from proxy import signing

    settings = read_settings(config)
    reference, tag = _tag(read_reference(image, settings))
    asked = tuple(dict.fromkeys(map(read_role, roles or ())))
    seen = uvloop.run(_look(settings, reference, tag, asked))
    if RELEASES in asked and not (seen.collection and seen.collection.declares_releases):
        raise UserError(f"{seen.subject.gun} declares no targets/releases, so nothing can be signed into it")
    groups = [asked] if asked else [(role,) for role in seen.lacking.roles]
    wanted = len(groups) if asked else seen.lacking.wanted
    chosen = signing.in_turn(groups, seen.collection)
    planned = signing.steps(seen.subject, seen.server, chosen, seen.collection, wanted=wanted)
    if as_json:
        _print_json(reference, seen.subject, planned, wanted)
    elif planned:
        choice = [f"{wanted} of these {len(groups)} will do: name who signs with --role."]
        first = [*(choice if wanted < len(groups) else ()), *seen.remarks]
        signed = tuple(role for group in chosen[:wanted] for role in group)
        print(*signing.text(seen.subject, planned, seen.collection, first), "#", sep="\n")
        print(*signing.docker(seen.subject, seen.server, signed, seen.collection), sep="\n")
    if not planned:
        say(f"{reference} is signed as its rule asks: nothing is missing")
    say_next("tagwarden", "verify", *(() if config == DEFAULT_CONFIG else ("-c", str(config))), image)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What registry and Notary have of the tag, what it lacks, and what to know of the roles that were named."""

    subject: "Subject"
    server: "Server"
    collection: "Collection | None"
    lacking: "Lacking"
    remarks: list[str]


def _tag(reference: Reference) -> tuple[Reference, Tag]:
    if isinstance(reference.target, Digest):
        raise UserError(
            f"{reference} is a digest, but tags are what is signed: name one, as {reference.repository}:1.4"
        )
    return reference, reference.target


async def _look(settings: "Settings", reference: Reference, tag: Tag, asked: tuple[RoleName, ...]) -> _Seen:
    """Ask the registry what the tag is, and Notary what is signed of it. Exits with a sentence where either cannot.

    Raises:
        UserError: a role was named that nobody knows.
    """
    from proxy.cli.asking import asking
    from proxy.config.settings import NotarySettings
    from proxy.registry import nearby
    from proxy.registry.failures import Relayed
    from proxy.signing import Server, lacking

    async with asking(settings) as (parts, _):
        try:
            entry = settings.policy.entry_for(reference.repository)
            gun = entry.gun(settings.name, reference.repository)
            subject = await _subject(settings, parts, gun, reference, tag)
            try:
                collection = (await parts.resolver.evidence_for(reference.repository)).collection
            except NoTrustData:
                collection = None
        except Relayed as relayed:
            say(f"asked for {reference}, the registry {nearby.answered(relayed, parts.registry.account)}")
            raise typer.Exit(UNDECIDED) from None
        except Refusal as refusal:
            where = settings.policy.whereabouts(reference.repository)
            message = present(refusal, reference=str(reference), **where).message
            if isinstance(refusal, RegistryUnreachable) and nearby.is_no(refusal):
                message = f"asked for {reference}, the registry {nearby.answered(refusal, parts.registry.account)}"
            say(message)
            raise typer.Exit(exit_code(refusal)) from None
        notary = settings.notaries[entry.notary]
        if isinstance(notary, NotarySettings):
            authority = None if notary.ca_file is None else notary.ca_file.path
            server = Server(str(notary.url), authority, notary.credentials is not None)
        else:
            say(f"{notary.place} is a copy, where nothing can be signed: write the host of the real Notary for NOTARY")
            server = Server("https://NOTARY", None, wants_login=False)
        told = remarks(asked, reference, entry.rule_for(tag)[1], settings.policy, collection)
        return _Seen(subject, server, collection, lacking(entry, subject, collection, Clock().now()), told)


async def _subject(settings: "Settings", parts: "Parts", gun: Gun, reference: Reference, tag: Tag) -> "Subject":
    from proxy.registry import nearby
    from proxy.registry.headers import ClientCredentials
    from proxy.signing import Subject
    from proxy.tuf.collection import Target

    credentials = parts.registry.walker(ClientCredentials(None))
    digest = await parts.registry.named(reference, credentials)
    measured = await parts.registry.measure(reference.repository, digest, credentials) if digest else None
    if measured is None:
        found = await nearby.gap(parts.registry, reference)
        push = "" if found.instead else ": push it first, because what is signed is its digest"
        say(f"the registry {found}{push}")
        raise typer.Exit(FINDINGS)
    target = Target(measured.digest, measured.length)
    return Subject(gun, f"{settings.name}/{reference.repository}", tag, target, measured.is_index)


def _print_json(reference: Reference, subject: "Subject", planned: "list[Step]", wanted: int) -> None:
    import json
    from dataclasses import asdict

    facts = {"reference": str(reference), "gun": subject.gun, "digest": subject.target.digest}
    steps = [asdict(step) for step in planned]
    print(json.dumps({**facts, "length": subject.target.length, "wanted": wanted, "steps": steps}, indent=2))
