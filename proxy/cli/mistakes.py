"""What is wrong with the words that were typed, in one line, and what was most likely meant."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from typer.core import TyperGroup, TyperOption

from proxy.cli.options import DEFAULT_CONFIG
from proxy.errors import UserError

if TYPE_CHECKING:
    from typer import TyperException
    from typer._click import Context

_MEANT: Final = {
    "sign": "tagwarden sign-command",
    "check": "tagwarden config check",
    "schema": "tagwarden config schema",
    "help": "tagwarden COMMAND --help",
    "version": "tagwarden --version",
    "run": "tagwarden serve",
    "start": "tagwarden serve",
}
"""What people type who know other programs."""

_WITHOUT_CONFIG: Final = ("via", "ca_file", "plain_http", "past", "audit", "name", "registry", "notary")
"""Options with which a command needs no configuration, or has another fault that is said first."""

_CHOICE: Final = re.compile(r"Value error, '(.*)' is not one of (.*)\.")
_EXTRA: Final = re.compile(r"got unexpected extra arguments? \((.*)\)")


def sentence(mistake: "TyperException", words: Sequence[str]) -> str:
    """One line about a mistake on a command line; `words` are what was typed after `tagwarden`."""
    said = " ".join(mistake.format_message().split()).replace("argument(s)", "argument")
    said = said[:1].lower() + said[1:]
    context = getattr(mistake, "ctx", None)
    if said.startswith("no such command"):
        return _no_command(said, context)
    if option := getattr(mistake, "option_name", ""):
        return _no_option(mistake, option, context, words) or said
    if chosen := _CHOICE.fullmatch(mistake.message):
        names = " or ".join(getattr(getattr(mistake, "param", None), "opts", ()))
        return f"{names} takes {chosen[2].replace(chr(39), '')}, not {chosen[1]}"
    extra = _EXTRA.fullmatch(said)
    if extra and Path(extra[1]).is_file():
        return f"{said}: did you mean -c {extra[1]}?"
    return said


def check_config(params: Mapping[str, object]) -> None:
    """See that there is a configuration, before a command looks for it where nobody has put one.

    Raises:
        UserError: none was named, and there is none at the usual place.
    """
    is_needed = "config" in params and not any(params.get(name) for name in _WITHOUT_CONFIG)
    if not is_needed or params.get("as_json") or params["config"] != DEFAULT_CONFIG or os.path.lexists(DEFAULT_CONFIG):
        return
    values = (each for value in params.values() for each in (value if isinstance(value, list | tuple) else [value]))
    mistaken = next((each for each in values if isinstance(each, str) and Path(each).is_file()), None)
    if mistaken is not None:
        raise UserError(f"there is no {DEFAULT_CONFIG}: did you mean -c {mistaken}?")
    raise UserError(f"there is no {DEFAULT_CONFIG}: name yours with -c FILE or TAGWARDEN_CONFIG")


def _no_command(said: str, context: "Context | None") -> str:
    """The nearest command of the group; at the top also what people call it elsewhere."""
    name = said.removeprefix("no such command '").partition("'")[0]
    if context is not None and context.parent is None and name in _MEANT:
        return f"no such command '{name}'. Did you mean {_MEANT[name]}?"
    return said


def _no_option(mistake: "TyperException", option: str, context: "Context | None", words: Sequence[str]) -> str:
    """The nearest option; or where it belongs, if that is behind the command. Empty where there is nothing to add."""
    if context is not None and isinstance(context.command, TyperGroup) and (fitting := _behind(context, option, words)):
        return f"options stand behind the command: write tagwarden {fitting} {option} ..."
    nearest = getattr(mistake, "possibilities", None)
    return f"no such option: {option}. Did you mean {' or '.join(sorted(nearest))}?" if nearest else ""


def _behind(context: "Context", option: str, words: Sequence[str]) -> str:
    """The command that was typed later on and has this option; empty where there is none."""
    group = context.command
    if not isinstance(group, TyperGroup):
        return ""
    for word in words:
        command = group.commands.get(word)
        known = (each.opts for each in command.params if isinstance(each, TyperOption)) if command else ()
        if any(option in names for names in known):
            return " ".join((*context.command_path.split()[1:], word))
    return ""
