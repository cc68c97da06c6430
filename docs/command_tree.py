"""All commands as the command line itself describes them: what reference page and man page are made from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import typer.main
from typer.core import TyperGroup

from proxy.cli.app import app
from proxy.cli.help import Rows, arguments, options
from proxy.cli.pages import PAGES, Page

if TYPE_CHECKING:
    from typer._click import Context
    from typer._click.core import Command as AnyCommand

NAME: Final = "tagwarden"


@dataclass(frozen=True, slots=True)
class Described:
    """A command: its words after `tagwarden`, how it is called, paragraphs of help, arguments and options."""

    words: str
    usage: str
    paragraphs: tuple[str, ...]
    arguments: Rows
    options: Rows

    @property
    def page(self) -> Page:
        """What its help ends with."""
        return PAGES[self.words]


def program() -> Described:
    """The command line itself, with the options that stand before a command."""
    root = _root()
    return _described(root.command, root)


def commands() -> list[Described]:
    """Every command that does something, in the order of the pages."""
    order = list(PAGES)
    return sorted(_below(_root()), key=lambda each: order.index(each.words))


def _root() -> "Context":
    return typer.main.get_command(app).make_context(NAME, [], resilient_parsing=True)


def _below(context: "Context") -> Iterator[Described]:
    if not isinstance(context.command, TyperGroup):
        yield _described(context.command, context)
        return
    for name, command in context.command.commands.items():
        yield from _below(command.make_context(name, [], parent=context, resilient_parsing=True))


def _described(command: "AnyCommand", context: "Context") -> Described:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    help_ = tuple(" ".join(each.split()) for each in (command.help or "").split("\n\n"))
    rows = [(typed, " ".join(meaning.split())) for typed, meaning in options(command, context)]
    if context.parent:  # every command has it, so it is said once
        rows = [row for row in rows if "--help" not in row[0]]
    return Described(context.command_path.partition(" ")[2], usage, help_, arguments(command), rows)
