"""`tagwarden trust`: make the trust store, look into it, and forget a collection on purpose."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from proxy.cli.exits import FINDINGS
from proxy.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile, read_settings
from proxy.cli.screen import console, say, say_next
from proxy.cli.stores import (
    DAMAGED,
    NotaryName,
    check_exact,
    find,
    naming,
    options_of,
    reading,
    run,
    steps,
    tell_strangers,
    whoever,
    writing,
)
from proxy.clock import Clock
from proxy.errors import TrustStoreUnavailable, UserError

if TYPE_CHECKING:
    from proxy.config.settings import Settings
    from proxy.names import Gun
    from proxy.store.sql import SqlTrustReader
    from proxy.store.strangers import Stranger
    from proxy.trust.showing import Listed, Shown

    Found: TypeAlias = tuple[str, Gun, Shown | None]
    Forgetting: TypeAlias = tuple[str, Gun, bool]
    Forgotten: TypeAlias = frozenset[tuple[str, Gun]]

_LONGEST_REASON: Final = 500
_DOUBTED: Final = (
    "Notary said something else since, which did not verify: until it confirms or changes this, it serves nobody"
)


def init(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Make the trust store that the configuration names: a file, or the tables of a database.

    What is there already stays, brought up to date.
    """
    settings = read_settings(config).trust_store

    async def work() -> bool:
        async with writing(settings, create=True) as store:
            await store.check_writable()
            return store.created

    created = run(work())
    print(f"{settings.url} is {'made, and remembers nothing yet' if created else 'there already, and ready'}")


def list_(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show every collection that is remembered, with its generation, last check and versions."""
    import json

    settings = read_settings(config)

    async def work() -> "tuple[list[Listed], tuple[Stranger, ...]]":
        from proxy.store.strangers import strangers

        async with reading(settings.trust_store) as reader:
            keys = await reader.everything()
            forgotten = frozenset((each.notary, each.gun) for each in await reader.forgettings())
            with steps("reading") as (begin, step):
                begin(len(keys))
                found = []
                for key in keys:
                    line = await _line(reader, *key, forgotten)
                    found.append(replace(line, is_configured=line.notary in settings.notaries))
                    step()
            return found, await strangers(reader, settings.notaries)

    found, strange = run(work())
    if as_json:
        print(json.dumps([each.as_json() for each in found], indent=2))
    elif found:
        _print_list(found)
    else:
        print("nothing is remembered yet")
    tell_strangers(strange)
    if any(each.trouble == "damaged" for each in found):
        say(DAMAGED)
        raise typer.Exit(FINDINGS)


async def _line(reader: "SqlTrustReader", notary: str, gun: "Gun", forgotten: "Forgotten") -> "Listed":
    """One collection in a line; one is damaged as well whose tags are, on which `protect` rests."""
    from proxy.store.failures import is_damage
    from proxy.trust.showing import Listed, listed

    line = await listed(reader, notary, gun, forgotten)
    try:
        await reader.check_notes(notary, gun)
    except TrustStoreUnavailable as unavailable:
        if not is_damage(unavailable):
            raise
        return Listed(notary, gun, None, None, {}, "damaged")
    return line


def show(
    name: Annotated[str, typer.Argument(metavar="REF|GUN", help="A repository, or the GUN of a collection.")],
    config: ConfigFile = DEFAULT_CONFIG,
    notary: NotaryName = None,
    as_json: AsJson = False,
) -> None:
    """Show all that is remembered of one collection: roles, expiries, floors, root keys, and what was forgotten."""
    import json

    settings = read_settings(config)

    async def work() -> "Found":
        from proxy.trust.showing import shown

        async with reading(settings.trust_store) as reader:
            key = find(name, settings, await reader.everything(), notary)
            with naming(*key):
                return *key, await shown(reader, *key)

    where, gun, found = run(work())
    if found is None:
        say(f"nothing is remembered of {gun} in Notary {where}")
        raise typer.Exit(FINDINGS)
    if as_json:
        print(json.dumps(found.as_json(), indent=2))
    else:
        _print_shown(found)


def forget(
    name: Annotated[str, typer.Argument(metavar="REPO|GUN", help="One repository, or the GUN of one collection.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it is kept in the trust store.")],
    config: ConfigFile = DEFAULT_CONFIG,
    notary: NotaryName = None,
) -> None:
    """Forget the root and the version floors of one collection, after it was made anew or Notary was restored.

    Who did it, when and why is kept. Tags that it ever had are not forgotten, so `protect` goes on protecting them.
    """
    check_exact(name, "one collection is forgotten at a time")
    if not reason.strip() or not reason.isprintable() or len(reason) > _LONGEST_REASON:
        raise UserError(f"--reason: write why, on one line of at most {_LONGEST_REASON} characters")
    settings, by = read_settings(config), whoever()
    where, gun, is_done = run(_forget(name, notary, settings, reason=reason.strip(), by=by))
    if not is_done:
        say(f"there is nothing to forget: no files are remembered of {gun} in Notary {where}")
        raise typer.Exit(FINDINGS)
    print(f"{gun} in Notary {where} is forgotten")
    say(f"forgotten by {by}: {reason.strip()}")
    _tell_meaning(settings, where, gun)
    say_next("tagwarden", "trust", "show", *options_of(config), gun)


async def _forget(name: str, notary: str | None, settings: "Settings", *, reason: str, by: str) -> "Forgetting":
    async with writing(settings.trust_store) as store:
        key = find(name, settings, await store.everything(), notary)
        with naming(*key):
            return *key, await store.forget(*key, reason=reason, by=by, at=Clock().now())


def _tell_meaning(settings: "Settings", notary: str, gun: "Gun") -> None:
    """What happens next, which depends on what anchors the collection."""
    from proxy.trust.belonging import Belonging

    anchors = Belonging.under(settings).anchors(notary, gun)
    if any(each.pins.is_tofu for each in anchors):
        say("no root is pinned for it: whoever answers for this Notary next is believed")
    elif anchors:
        say("what Notary serves next is accepted in any version, if its root is one that `roots` pins")
    say("the tags that it ever had stay remembered, for `protect`; a running proxy notices by itself")


def _print_list(found: "list[Listed]") -> None:
    from rich.table import Table
    from rich.text import Text

    from proxy.trust.showing import at

    table = Table()
    for column in ("Notary", "GUN", "Generation", "Last check", "Versions"):
        table.add_column(column, overflow="fold")
    for each in found:
        versions = " ".join(f"{role.removeprefix('targets/')}:{version}" for role, version in each.versions.items())
        generation = "" if each.generation is None else str(each.generation)
        notary = each.notary if each.is_configured else f"{each.notary} (not configured)"
        cells = (notary, each.gun, generation, at(each.checked_at) or "", versions or each.trouble)
        table.add_row(*map(Text, cells))
    console().print(table)


def _print_shown(found: "Shown") -> None:
    from rich.table import Table
    from rich.text import Text

    from proxy.names import plain
    from proxy.trust.showing import at

    screen = console()
    # an older version wrote down who forgot as the environment had it
    facts = [
        ("collection", f"{found.gun} in Notary {found.notary}"),
        ("generation", str(found.generation)),
        ("last check", at(found.checked_at) or ""),
        *([("in doubt", _DOUBTED)] if found.is_doubted else []),
        ("tags", f"{found.tags} that it has or ever had, which `protect` protects"),
        ("earlier", f"{found.earlier} statements about tags that were signed anew"),
        *(("root key", key) for key in found.root_keys),
        *(("forgotten", plain(f"{at(each.at)} by {each.by}: {each.reason}")) for each in found.forgettings),
    ]
    for what, told in facts:
        print(f"{what.ljust(10)}  {told}")
    if not found.roles:
        print("nothing else is remembered: what Notary serves next is a first contact")
        return
    table = Table()
    for column in ("Role", "Version", "Expires", "Bytes", ""):
        table.add_column(column, overflow="fold")
    for role in found.roles:
        version = "" if role.version is None else str(role.version)
        table.add_row(*map(Text, (role.name, version, at(role.expires) or "", str(role.size), role.note)))
    screen.print(table)
