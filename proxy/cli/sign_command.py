"""`tagwarden sign-command`: what signers type, with digest and length; it signs nothing itself."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.exits import FINDINGS, UNDECIDED, exit_code
from proxy.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile, read_reference, read_settings
from proxy.cli.screen import say, say_next
from proxy.clock import Clock
from proxy.errors import NameInvalid, NoTrustData, Refusal, UserError
from proxy.names import RELEASES, TARGETS, Digest, Gun, Reference, RoleName, Tag
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
    asked = tuple(dict.fromkeys(map(_role, roles or ())))
    seen = uvloop.run(_look(settings, reference, tag))
    if RELEASES in asked and not (seen.collection and seen.collection.declares_releases):
        raise UserError(f"{seen.subject.gun} declares no targets/releases, so nothing is to be signed into it")
    groups = [asked] if asked else [(role,) for role in seen.lacking.roles]
    planned = signing.steps(seen.subject, seen.server, groups, seen.collection)
    signed = tuple(role for group in groups for role in group)
    if as_json:
        _print_json(reference, seen.subject, planned)
    elif planned:
        print(*signing.text(seen.subject, planned, seen.collection), "#", sep="\n")
        print(*signing.docker(seen.subject, seen.server, signed, seen.collection), sep="\n")
    if not planned:
        say(f"{reference} is signed as its rule asks: nothing is missing")
    elif not asked and seen.lacking.wanted < len(signed):
        say(f"{seen.lacking.wanted} of these {len(signed)} will do: name who signs with --role")
    say_next("tagwarden", "verify", *(() if config == DEFAULT_CONFIG else ("-c", str(config))), image)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What registry and Notary have of the tag, and what it lacks."""

    subject: "Subject"
    server: "Server"
    collection: "Collection | None"
    lacking: "Lacking"


def _tag(reference: Reference) -> tuple[Reference, Tag]:
    if isinstance(reference.target, Digest):
        raise UserError(
            f"{reference} is a digest, but tags are what is signed: name one, as {reference.repository}:1.4"
        )
    return reference, reference.target


def _role(text: str) -> RoleName:
    try:
        role = RoleName(text if text == TARGETS or text.startswith(f"{TARGETS}/") else f"{TARGETS}/{text}")
    except NameInvalid:
        raise UserError(f"{text} is no role: name a signer, as `ci` or `targets/ci`, or `targets`") from None
    return role


async def _look(settings: "Settings", reference: Reference, tag: Tag) -> _Seen:
    """Ask the registry what the tag is, and Notary what is signed of it. Exits with a sentence where either cannot."""
    from proxy.cli.asking import asking
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
            say(f"the registry answered {relayed.status} for {reference}: set registry.credentials_file")
            raise typer.Exit(UNDECIDED) from None
        except Refusal as refusal:
            where = settings.policy.whereabouts(reference.repository)
            say(present(refusal, reference=str(reference), **where).message)
            raise typer.Exit(exit_code(refusal)) from None
        notary = settings.notaries[entry.notary]
        server = Server(str(notary.url), notary.ca_file, notary.credentials is not None)
        return _Seen(subject, server, collection, lacking(entry, subject, collection, Clock().now()))


async def _subject(settings: "Settings", parts: "Parts", gun: Gun, reference: Reference, tag: Tag) -> "Subject":
    from proxy.registry.headers import ClientCredentials
    from proxy.signing import Subject
    from proxy.tuf.collection import Target

    credentials = parts.registry.walker(ClientCredentials(None))
    digest = await parts.registry.named(reference, credentials)
    measured = await parts.registry.measure(reference.repository, digest, credentials) if digest else None
    if measured is None:
        say(f"the registry has no {reference}: push it first, because what is signed is its digest")
        raise typer.Exit(FINDINGS)
    target = Target(measured.digest, measured.length)
    return Subject(gun, f"{settings.name}/{reference.repository}", tag, target, measured.is_index)


def _print_json(reference: Reference, subject: "Subject", planned: "list[Step]") -> None:
    import json
    from dataclasses import asdict

    facts = {"reference": str(reference), "gun": subject.gun, "digest": subject.target.digest}
    steps = [asdict(step) for step in planned]
    print(json.dumps({**facts, "length": subject.target.length, "steps": steps}, indent=2))
