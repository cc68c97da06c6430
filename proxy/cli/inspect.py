"""`tagwarden inspect`: what is in trust data, in the words and the JSON of `docker trust inspect`."""

import json
from typing import Annotated

import typer
import uvloop

from proxy import inspection
from proxy.cli.asking import asking, say
from proxy.cli.options import DEFAULT_CONFIG, ConfigFile, read_reference, read_settings
from proxy.config.settings import Settings
from proxy.errors import CannotDecide, Refusal
from proxy.inspection import Inspected
from proxy.names import Reference, Tag
from proxy.refusals import present
from proxy.tuf.collection import Collection


def inspect(
    image: Annotated[str, typer.Argument(metavar="REPO[:TAG]", help="A repository, with or without a tag.")],
    config: ConfigFile = DEFAULT_CONFIG,
    pretty: Annotated[bool, typer.Option("--pretty", help="Print a table for people.")] = False,
) -> None:
    """Show who signed what, as `docker trust inspect` does."""
    settings = read_settings(config)
    reference = read_reference(image, settings)
    try:
        collection = uvloop.run(_collection(settings, reference))
    except Refusal as refusal:
        print("[]")
        say(present(refusal, reference=image, **settings.policy.whereabouts(reference.repository)).message)
        raise typer.Exit(3 if isinstance(refusal, CannotDecide) else 1) from None
    tag = reference.target if _names_a_tag(image) and isinstance(reference.target, Tag) else None
    shown = inspection.inspect(image, collection, tag)
    if pretty:
        _print_table(shown)
    else:
        print(json.dumps([shown], indent=4))


async def _collection(settings: Settings, reference: Reference) -> Collection:
    async with asking(settings) as (parts, _):
        return (await parts.resolver.evidence_for(reference.repository)).collection


def _names_a_tag(image: str) -> bool:
    """Whether a tag was typed; a port of the registry's name is none."""
    return ":" in image.rpartition("/")[2]


def _print_table(shown: Inspected) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    tags = Table("Tag", "Digest", "Signers", title=f"Signatures for {shown['Name']}")
    for row in shown["SignedTags"]:
        tags.add_row(row["SignedTag"], row["Digest"], ", ".join(row["Signers"]))
    console.print(tags)
    keys = Table("Holder", "Key ids", title="Signers and administrative keys")
    for holder in (*shown["Signers"], *shown["AdministrativeKeys"]):
        keys.add_row(holder["Name"], "\n".join(key["ID"] for key in holder["Keys"]))
    console.print(keys)
