"""`tagwarden trust backup`, `restore` and `copy`: all of a trust store, in a file or in another store."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from proxy.cli.exits import FINDINGS
from proxy.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile, read_settings
from proxy.cli.screen import progress, say, say_next
from proxy.cli.stores import options_of, other_store, reading, run, steps, tell, tell_strangers, writing
from proxy.clock import Clock
from proxy.errors import UserError

if TYPE_CHECKING:
    from proxy.config.settings import Settings, TrustStoreSettings
    from proxy.store.strangers import Stranger
    from proxy.trust.holding import Piece
    from proxy.trust.uniting import Union

PasswordFile: TypeAlias = Annotated[
    Path | None, typer.Option("--password-file", metavar="FILE", help="With the password for that database.")
]
CaFile: TypeAlias = Annotated[
    Path | None, typer.Option("--ca-file", metavar="FILE", help="Authorities of that database's server, PEM.")
]


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write; an older backup there is replaced.")],
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Write everything that the trust store holds into one file, also while the proxy runs."""
    from proxy.trust import backups
    from proxy.trust.holding import pieces

    settings = read_settings(config)

    async def work() -> list[str]:
        async with reading(settings.trust_store) as reader:
            with steps("writing the backup") as (begin, step):
                return await backups.write(file, pieces(reader, begin), Clock().now(), step)

    damaged = run(work())
    content = backups.count(file)
    print(f"{file}: {content}, read again and whole")
    _tell_damaged(damaged, "is not in the backup")
    if not content.collections:
        say(f"the trust store remembers nothing: if it should, see whether {settings.trust_store.url} is the right one")
    if damaged or not content.collections:
        raise typer.Exit(FINDINGS)
    say_next("tagwarden", "trust", "restore", *options_of(config), str(file))


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` wrote.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Unite a backup with the trust store, also while the proxy runs: no version falls, and everything is verified."""
    from proxy.trust import backups

    settings = read_settings(config)
    content = backups.count(file)

    async def work() -> "tuple[Union, tuple[Stranger, ...]]":
        async def held() -> "AsyncIterator[Piece]":
            with progress("restoring", content.pieces) as step:
                for piece in backups.read(file):
                    yield piece
                    step()

        return await _unite(settings, settings.trust_store, held())

    _end(*run(work()), source=str(file), as_json=as_json)


def copy(
    source: Annotated[
        str | None, typer.Option("--from", metavar="URL", help="The store to copy, as in `trust_store.url`.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--to", metavar="URL", help="The store to copy into; it is made where there is none.")
    ] = None,
    password_file: PasswordFile = None,
    ca_file: CaFile = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Unite the configured trust store with another one: no version falls, and everything is verified.

    Name the other one with --from or with --to.
    """
    if (source is None) == (target is None):
        raise UserError("name one other store: --from URL to copy from it, or --to URL to copy into it")
    settings = read_settings(config)
    option = "--from" if source else "--to"
    other = other_store(option, source or target or "", password_file, ca_file)
    if other.url == settings.trust_store.url:
        raise UserError(f"{option} names the trust store of the configuration itself: name another one")
    there, here = (other, settings.trust_store) if source else (settings.trust_store, other)

    missing = {"cure": "check the path that --from names"} if source else {}

    async def work() -> "tuple[Union, tuple[Stranger, ...]]":
        from proxy.trust.holding import pieces

        async with reading(there, **missing) as reader:
            with steps("copying") as (begin, step):

                async def held() -> "AsyncIterator[Piece]":
                    async for piece in pieces(reader, begin):
                        yield piece
                        step()

                return await _unite(settings, here, held())

    _end(*run(work()), source=there.url, as_json=as_json)


async def _unite(
    settings: "Settings", store: "TrustStoreSettings", held: "AsyncIterator[Piece]"
) -> "tuple[Union, tuple[Stranger, ...]]":
    """Take all pieces into a store, which is made where there is none; and what counts for nobody there."""
    from proxy.store.strangers import strangers
    from proxy.trust.belonging import Belonging
    from proxy.trust.uniting import Union
    from proxy.trust.verifying import Judge

    async with writing(store, create=True) as opened:
        union = Union(opened, Judge(Belonging.under(settings)), Clock())
        await union.begin()
        async for piece in held:
            await union.take(piece)
        await union.end()
        return union, await strangers(opened, settings.notaries)


def _end(union: "Union", strange: "Sequence[Stranger]", *, source: str, as_json: bool) -> None:
    status = tell(union.outcomes, as_json=as_json)
    _tell_damaged(union.damaged, "is not copied")
    tell_strangers(strange)
    if not union.outcomes and not union.damaged:
        say(f"{source} remembers no collection, so nothing is taken over: see whether it is the right one")
    is_found = bool(union.damaged) or not union.outcomes
    raise typer.Exit(max(status, FINDINGS) if is_found else status)


def _tell_damaged(damaged: list[str], so: str) -> None:
    for what in damaged:
        say(f"{what} is damaged in the trust store, and {so}")
