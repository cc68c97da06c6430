"""`tagwarden inspect`: what is in trust data, in the words and the JSON of `docker trust inspect`."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.exits import FINDINGS, exit_code
from proxy.cli.options import DEFAULT_CONFIG, ConfigFile, read_reference, read_settings
from proxy.cli.screen import console, say
from proxy.errors import Refusal, TrustStoreUnavailable
from proxy.names import Digest, Reference, Tag
from proxy.refusals import present

if TYPE_CHECKING:
    from proxy.config import Settings
    from proxy.inspection.signatures import Inspected
    from proxy.tuf.collection import Collection


def inspect(
    image: Annotated[
        str,
        typer.Argument(
            metavar="REPO[:TAG|@DIGEST]", help="A repository; with a tag or a digest, what is signed of that alone."
        ),
    ],
    config: ConfigFile = DEFAULT_CONFIG,
    pretty: Annotated[bool, typer.Option("--pretty", help="Print a table for people.")] = False,
) -> None:
    """Show who signed what, as `docker trust inspect` does."""
    import uvloop

    from proxy.inspection import signatures

    settings = read_settings(config)
    reference = read_reference(image, settings)
    try:
        collection = uvloop.run(_collection(settings, reference))
    except Refusal as refusal:
        print("[]")
        say(present(refusal, reference=image, **settings.policy.whereabouts(reference.repository)).message)
        raise typer.Exit(exit_code(refusal)) from None
    only = _typed(image, reference)
    shown = signatures.inspect(image, collection, only)
    if pretty:
        _print_table(shown, signatures.public_root_ids(collection))
    else:
        print(json.dumps([shown], indent=4))
    if isinstance(only, Digest) and not shown["SignedTags"]:
        say(f"no tag of {reference.repository} is signed for {only}")
        raise typer.Exit(FINDINGS)


async def _collection(settings: "Settings", reference: Reference) -> "Collection":
    from proxy.cli.asking import asking, is_first_use
    from proxy.tuf.packed import unfold

    async with asking(settings) as (parts, _):
        entry = settings.policy.entry_for(reference.repository)
        believed = await is_first_use(settings, parts.resolver.store, reference.repository)
        collection = (await parts.resolver.evidence_for(reference.repository)).collection
        remembered = await parts.resolver.store.load(entry.notary, collection.gun)
    if remembered is None:
        raise TrustStoreUnavailable("what was verified just now is not in it")
    collection = unfold(collection, remembered.stored.files)
    if believed:
        known = f"nothing is remembered of {collection.gun}, and no root is pinned"
        say(f"{known}: this is whatever Notary serves, believed by nobody yet (tagwarden pin {reference.repository})")
    return collection


def _typed(image: str, reference: Reference) -> Tag | Digest | None:
    """The tag or digest that was typed, where one was; a port of the registry's name is none."""
    return reference.target if "@" in image or ":" in image.rpartition("/")[2] else None


def _print_table(shown: "Inspected", public_root_ids: dict[str, str]) -> None:
    """Whole ids, whatever the width: what is compared by eye must not end in dots."""
    from rich.table import Table
    from rich.text import Text

    screen = console()
    tags, keys = Table(), Table()
    for column in ("Tag", "Digest", "Signers"):
        tags.add_column(column, overflow="fold")
    for column in ("Holder", "Key ids", "Public key ids, as `roots` pins them"):
        keys.add_column(column, overflow="fold")
    for row in shown["SignedTags"]:
        tags.add_row(*map(Text, (row["SignedTag"], row["Digest"], ", ".join(row["Signers"]))))
    for holder in (*shown["Signers"], *shown["AdministrativeKeys"]):
        ids = [key["ID"] for key in holder["Keys"]]
        public = [public_root_ids[each] for each in ids] if holder["Name"] == "Root" else []
        keys.add_row(*map(Text, (holder["Name"], "\n".join(ids), "\n".join(public))))
    for title, table in ((f"Signatures for {shown['Name']}", tags), ("Signers and administrative keys", keys)):
        screen.print(Text(title, style="bold"), soft_wrap=True)
        screen.print(table)
