"""`tagwarden trust export` and `import`: trust data in a directory, for a network that Notary is not in."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from proxy.cli.exits import FINDINGS, exit_code
from proxy.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile, read_settings
from proxy.cli.screen import progress, say, say_next
from proxy.cli.stores import (
    DAMAGED,
    NotaryName,
    find,
    one_notary,
    options_of,
    reading,
    reading_if_any,
    run,
    tell,
    writing,
)
from proxy.clock import Clock
from proxy.errors import NameInvalid, Refusal, TrustStoreUnavailable, UserError
from proxy.names import Gun

if TYPE_CHECKING:
    from proxy.config.settings import Settings
    from proxy.trust.belonging import Belonging
    from proxy.trust.bundles import Written
    from proxy.trust.exporting import Export
    from proxy.trust.outcomes import Outcome

    Exported: TypeAlias = tuple[list[Written], list[tuple[Outcome, int]]]

_CONTRADICTED: Final = (
    "Notary said something else since it was remembered, which did not verify: tagwarden explain tells why; "
    "export it again once a pull of it is served, or with --from-notary once that verifies"
)


def export(
    directory: Annotated[Path, typer.Option(metavar="DIR", help="Where to write; made where it is not there.")],
    repositories: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="REPO|PATTERN|GUN",
            help="What to export; everything that is remembered of the Notary if absent.",
            show_default=False,
        ),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    notary: NotaryName = None,
    from_notary: Annotated[
        bool, typer.Option("--from-notary", help="Ask Notary for what it has now, and export that.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write verified trust data into a directory, as Notary serves it, for `dir` under `notaries` and for `import`."""
    import json

    settings = read_settings(config)
    name = one_notary(settings, notary)
    written, refused = run(_export(settings, name, repositories or [], directory, from_notary=from_notary))
    if as_json:
        print(json.dumps([*(each.as_json() for each in written), *(each.as_json() for each, _ in refused)], indent=2))
    else:
        for each in written:
            until = f"{each.until:%Y-%m-%d %H:%M} UTC"
            print(f"{each.gun}: {each.files} files, good until {until}, when {each.role} runs out")
    for outcome, _ in refused:
        say(outcome.why)
    if any(outcome.code == "trust_store_unavailable" for outcome, _ in refused):
        say(DAMAGED)
    _tell_old(written)
    if written and not as_json:
        say(f"where Notary is out of reach, name {directory} as notaries.{name}.dir, or bring it into the trust store")
        say_next("tagwarden", "trust", "import", *options_of(config), str(directory))
    raise typer.Exit(max((status for _, status in refused), default=0))


def import_(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `export` wrote.")],
    repositories: Annotated[
        list[str] | None,
        typer.Argument(metavar="REPO|GUN", help="Only these; all that is there if absent.", show_default=False),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    notary: NotaryName = None,
    as_json: AsJson = False,
) -> None:
    """Bring exported trust data into the trust store: verified anew, as of now, and never an older version."""
    settings = read_settings(config)
    name = one_notary(settings, notary)
    outcomes = run(_import(settings, name, directory, repositories or []))
    raise typer.Exit(tell(outcomes, as_json=as_json))


async def _export(
    settings: "Settings", notary: str, words: Sequence[str], directory: Path, *, from_notary: bool
) -> "Exported":
    from proxy.notary.sources import open_source
    from proxy.trust.belonging import Belonging
    from proxy.trust.committing import damaged_here, refused
    from proxy.trust.exporting import Contradicted, Export
    from proxy.trust.outcomes import Became, Outcome
    from proxy.trust.verifying import Judge

    exporting = Export(notary, directory, Judge(Belonging.under(settings)), Clock())
    written, not_written = [], []
    opened = reading_if_any if from_notary else reading
    async with opened(settings.trust_store) as reader, open_source(settings.notaries[notary]) as source:
        remembered = await reader.collections() if reader else ()
        guns = _chosen(words, settings, exporting, [key for key in remembered if key[0] == notary])
        with progress("exporting", len(guns)) as step:
            for gun in guns:
                try:
                    known = await reader.load(notary, gun) if reader else None
                    if from_notary:
                        written.append(await exporting.served(gun, source, known))
                    elif known and known.stored.files:
                        written.append(exporting.remembered(gun, known))
                    else:
                        why = f"nothing is remembered of {gun} in Notary {notary}: export it with --from-notary"
                        not_written.append((Outcome(notary, gun, Became.REFUSED, why, "no_trust_data"), FINDINGS))
                except Contradicted:
                    why = f"{gun} in Notary {notary} is not exported, {_CONTRADICTED}"
                    not_written.append((Outcome(notary, gun, Became.REFUSED, why, "undecided"), FINDINGS))
                except TrustStoreUnavailable as unavailable:
                    not_written.append((damaged_here(notary, gun, unavailable), FINDINGS))
                except Refusal as refusal:
                    not_written.append((refused(notary, gun, refusal), exit_code(refusal)))
                step()
    return written, not_written


def _chosen(
    words: Sequence[str], settings: "Settings", exporting: "Export", remembered: list[tuple[str, Gun]]
) -> list[Gun]:
    """The collections that are meant, each once. Raises `UserError`."""
    from proxy.policy.patterns import RepositoryPattern

    belonging, notary = exporting.judge.belonging, exporting.notary
    chosen = [] if words else [gun for _, gun in remembered]
    for word in words:
        if "*" not in word:
            chosen.append(find(word, settings, remembered, notary)[1])
            continue
        try:
            pattern = RepositoryPattern(word.removeprefix(f"{settings.name}/"))
        except ValueError as error:
            raise UserError(str(error)) from None
        owned = [(gun, owner.repository) for _, gun in remembered for owner in belonging.owners(notary, gun)]
        fitting = [gun for gun, repository in owned if repository and pattern.matches(repository)]
        if not fitting:
            what = f"{word} stands for nothing that is remembered of Notary {notary}"
            raise UserError(f"{what}: name repositories, or check the pattern")
        chosen.extend(fitting)
    if not chosen:
        raise UserError(f"nothing is remembered of Notary {notary}: name repositories, with --from-notary")
    return list(dict.fromkeys(chosen))


def _tell_old(written: "Sequence[Written]") -> None:
    """Say what has run out already: whoever takes it must be told to."""
    now = Clock().now()
    old = [each for each in written if each.until < now]
    if old:
        what = f"{old[0].role} of {old[0].gun} ran out on {old[0].until:%Y-%m-%d}"
        more = f", and {len(old) - 1} more" if len(old) > 1 else ""
        say(f"{what}{more}: export anew with --from-notary, or it is only taken within `expiry_grace`")


async def _import(settings: "Settings", notary: str, directory: Path, words: Sequence[str]) -> "list[Outcome]":
    from proxy.config.settings import BundleSettings
    from proxy.notary.directory import DirectorySource
    from proxy.trust.belonging import Belonging
    from proxy.trust.committing import check_clock
    from proxy.trust.importing import Import
    from proxy.trust.verifying import Judge

    if pattern := next((word for word in words if "*" in word), None):
        what = f"{pattern} is a pattern, which export takes and import does not"
        raise UserError(f"{what}: name repositories, or none for all that is there")
    there = _there(directory)
    _check_level(directory, there, notary, Belonging.under(settings))
    clock, outcomes = Clock(), []
    source = DirectorySource(BundleSettings(notary, directory))
    may_create = not (settings.trust_store.must_exist or settings.trust_store.is_server)
    async with writing(settings.trust_store, create=may_create) as store:
        await check_clock(store, clock)
        importing = Import(notary, source, store, Judge(Belonging.under(settings)), clock)
        guns = [find(word, settings, [(notary, gun) for gun in there], notary)[1] for word in words] or there
        with progress("importing", len(guns)) as step:
            for gun in guns:
                outcomes.append(await importing.bring(gun))
                step()
    return outcomes


def _check_level(directory: Path, there: Sequence[Gun], notary: str, belonging: "Belonging") -> None:
    """See that a directory begins where GUNs do. Raises `UserError` for one that is a level too deep, or too high."""

    def fits(names: Iterable[str]) -> bool:
        with suppress(NameInvalid):
            return any(belonging.owners(notary, Gun(name)) for name in names)
        return False

    if fits(there):
        return
    here = directory.absolute()
    above = ((here.parts[-up:], here.parents[up - 1]) for up in range(1, len(here.parts)))
    too_deep = (place for parts, place in above if fits("/".join((*parts, gun)) for gun in there))
    split = (gun.split("/", depth) for gun in there for depth in range(1, gun.count("/") + 1))
    too_high = (here.joinpath(*parts) for *parts, rest in split if fits([rest]))
    if meant := next(chain(too_deep, too_high), None):
        shown = meant if directory.is_absolute() else os.path.relpath(meant)
        raise UserError(f"no entry of `repositories` reads what is in {directory}: did you mean {shown}?")


def _there(directory: Path) -> list[Gun]:
    """The collections in a directory. Raises `UserError`."""
    from proxy.notary.directory import collections

    try:
        found = list(collections(directory))
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise UserError(f"{directory} cannot be read ({why}): check the path and its permissions") from None
    if not found:
        raise UserError(f"{directory} holds no trust data: name a directory that tagwarden trust export wrote")
    return found
