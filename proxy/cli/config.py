"""`tagwarden config`: is a configuration right, what does it say, and what may be in one."""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from proxy.cli.exits import FINDINGS, USAGE
from proxy.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile, read_reference
from proxy.cli.screen import say_next
from proxy.clock import Clock

if TYPE_CHECKING:
    from proxy.config import Loaded, Problem
    from proxy.config.applying import Applying
    from proxy.config.effective import Value
    from proxy.store.strangers import Stranger

_WIDEST: Final = 100  # columns: longer lines do not push the origins of all others to the right


def check(
    reference: Annotated[
        str | None,
        typer.Argument(metavar="REF", help="Also say what holds for this image: the entry, the mode, what it hides."),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    effective: Annotated[
        bool,
        typer.Option("--effective", help="Print every value and where it came from; with REF, those of its entry."),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for findings: exit code 1.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the configuration and report every problem at once."""
    loaded = _loaded(config, as_json=as_json)
    asked = _asked(loaded, reference) if reference else None
    too_many = loaded.document.all_warnings() if strict else ()
    if effective:
        _print_effective(loaded, asked, as_json=as_json)
    elif asked:
        _print_applying(asked, as_json=as_json)
    else:
        _print_verdict(loaded, config, is_right=not too_many, as_json=as_json)
    if too_many or (asked and asked.entry is None):
        raise typer.Exit(FINDINGS)


def schema(
    included: Annotated[bool, typer.Option("--included", help="That of a file that `include` names.")] = False,
) -> None:
    """Print the JSON Schema of the configuration."""
    from proxy.config.schema import schema as make
    from proxy.config.shape import FileShape, IncludedShape

    print(json.dumps(make(IncludedShape if included else FileShape), indent=2))


def _loaded(config: Path, *, as_json: bool) -> "Loaded":
    """The configuration; its warnings are printed. Ends the command where there are problems."""
    from proxy.config import ConfigProblems, load_whole
    from proxy.config.extras import check_extras
    from proxy.config.here import warn_here

    try:
        loaded = load_whole(config, os.environ, Clock().now())
        check_extras(loaded.document, loaded.settings)
    except ConfigProblems as found:
        _print_all("error", found.problems)
        if as_json:
            _print_json({"ok": False, "problems": _plain(found.problems)})
        raise typer.Exit(USAGE) from None
    warn_here(loaded.document, loaded.settings)
    _warn_strangers(loaded)
    _print_all("warning", loaded.document.all_warnings())
    return loaded


def _warn_strangers(loaded: "Loaded") -> None:
    """Warn of what a trust store on this machine remembers of a Notary that was renamed.

    Nobody is asked over a network for that, and what is wrong with the store itself is for the doctor to say.
    """
    from contextlib import suppress

    import uvloop

    from proxy.errors import TrustStoreUnavailable, UserError
    from proxy.store.opening import open_reader
    from proxy.store.strangers import strangers

    settings = loaded.settings

    async def work() -> "tuple[Stranger, ...]":
        reader = await open_reader(settings.trust_store)
        if reader is None:
            return ()
        try:
            return await strangers(reader, settings.notaries)
        finally:
            await reader.close()

    if settings.trust_store.is_server:
        return
    with suppress(UserError, TrustStoreUnavailable):
        for each in uvloop.run(work()):
            loaded.document.warn(("notaries",), f"{each}; {each.remedy}")


def _asked(loaded: "Loaded", reference: str) -> "Applying":
    """What holds for a reference. Raises `UserError` for what is none."""
    from proxy.config.applying import applying

    return applying(loaded, read_reference(reference, loaded.settings), Clock().now())


def _print_verdict(loaded: "Loaded", config: Path, *, is_right: bool, as_json: bool) -> None:
    count, warnings = len(loaded.settings.policy.entries), loaded.document.all_warnings()
    if as_json:
        _print_json({"ok": is_right, "problems": [], "warnings": _plain(warnings), "entries": count})
        return
    if not is_right:
        print(f"{config}: not ok, because --strict takes warnings for findings")
        return
    print(f"{config}: ok, {count} {'entry' if count == 1 else 'entries'} of `repositories`")
    say_next("tagwarden", "serve", *(() if config == DEFAULT_CONFIG else ("-c", str(config))))


def _print_effective(loaded: "Loaded", asked: "Applying | None", *, as_json: bool) -> None:
    from proxy.config.effective import effective

    values = tuple(value for value in effective(loaded) if asked is None or asked.has(value.path))
    if as_json:
        _print_json([{"path": value.path, "value": value.value, "origin": value.origin} for value in values])
    else:
        _print_values(values)


def _print_values(values: "tuple[Value, ...]") -> None:
    """Lines like those of YAML, the origins below each other."""
    lines = [(f"{value.path}: {value.text}", value.origin) for value in values]
    width = max((len(line) for line, _ in lines if len(line) <= _WIDEST), default=0)
    for line, origin in lines:
        print(f"{line.ljust(width)}  # {origin}")


def _print_applying(found: "Applying", *, as_json: bool) -> None:
    if as_json:
        _print_json(found.as_json())
        return
    rows = found.rows()
    width = max(len(what) for what, _ in rows)
    for what, told in rows:
        print(f"{what.ljust(width)}  {told}")


def _print_all(kind: str, problems: "Iterable[Problem]") -> None:
    """One line for each thing to mend or to know: what it is, file, line, path, sentence."""
    for problem in problems:
        print(f"{kind}: {problem}", file=sys.stderr)


def _plain(problems: "Iterable[Problem]") -> list[dict[str, object]]:
    return [
        {"file": problem.file, "line": problem.line, "path": problem.path, "sentence": problem.sentence}
        for problem in problems
    ]


def _print_json(told: object) -> None:
    print(json.dumps(told, indent=2))
