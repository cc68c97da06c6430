"""How help looks: plain lines that fit 80 columns, printed without waiting for what only colours need."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from proxy.cli.mistakes import check_config
from proxy.cli.pages import PAGES

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter
    from typer._click.core import Command as AnyCommand
    from typer._click.core import Parameter

    Panels: TypeAlias = dict[str, list[AnyCommand]]

Rows: TypeAlias = list[tuple[str, str]]
"""Pairs of what is typed and what it means."""

SHELLS: Final = ("bash", "zsh", "fish")
_NO_BRACKETS: Final = str.maketrans("", "", "<>")
_COMPLETION: Final = {
    "--install-completion": "Let the shell complete commands from now on: bash, zsh, fish, or that of $SHELL.",
    "--show-completion": "Print what makes the shell complete commands.",
}


class Command(TyperCommand):
    """A command whose help ends with examples and exit codes."""

    def invoke(self, ctx: "Context") -> Any:  # noqa: ANN401 - whatever the command gives
        """Run it, unless it needs a configuration that is not there. Raises `UserError`."""
        check_config(ctx.params)
        return super().invoke(ctx)

    def collect_usage_pieces(self, ctx: "Context") -> list[str]:
        """Name options and arguments as manuals do: what may be left out stands in brackets."""
        words = [_usage(each) for each in self.params if isinstance(each, TyperArgument)]
        return [super().collect_usage_pieces(ctx)[0], *words]

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write a table of arguments and one of options."""
        _write(formatter, "Arguments", arguments(self))
        _write(formatter, "Options", options(self, ctx))

    def format_epilog(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write examples and exit codes."""
        page = PAGES.get(path(ctx))
        if page is None:
            return
        with formatter.section("Examples"):
            formatter.write("".join(f"  {line}\n" for example in page.examples for line in example.splitlines()))
        _write(formatter, "Exit codes", [(str(code), meaning) for code, meaning in page.exits.items()])


class Group(TyperGroup):
    """A command with commands of its own, in panels; asked for nothing it prints its help."""

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """Take the name of a shell after the options of completion; a person who gives no word is shown them all."""
        if not args and not ctx.resilient_parsing:
            print(ctx.get_help())
            ctx.exit(2)
        for option in self.get_params(ctx):
            if isinstance(option, TyperOption) and option.is_bool_flag and option.default is None:
                option.default = False  # to convert None, typer would load all of pydantic
            if option.opts[0] in _COMPLETION and args[:1] == option.opts and not ctx.resilient_parsing:
                _complete(ctx, option, args[1] if args[1:] else Path(os.environ.get("SHELL", "")).name)
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: "Context") -> list[str]:
        """Say that a command follows."""
        return [super().collect_usage_pieces(ctx)[0], "COMMAND ..."]

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the commands by panel, then the options."""
        width = max(len(command.name or "") for command in self.commands.values())
        for panel, commands in panels(self).items():
            _write(formatter, panel, [((each.name or "").ljust(width), first_sentence(each)) for each in commands])
        _write(formatter, "Options", options(self, ctx))


def path(ctx: "Context") -> str:
    """The words of a command after `tagwarden`."""
    return ctx.command_path.partition(" ")[2]


def panels(group: TyperGroup) -> "Panels":
    """The commands of a group by panel, in the order of the pages."""
    places = {words[0]: place for place, words in enumerate(map(str.split, PAGES))}
    panel_of = {name.split()[0]: page.panel for name, page in PAGES.items()}
    found: Panels = {}
    for command in sorted(group.commands.values(), key=lambda each: places.get(each.name or "", 0)):
        found.setdefault(panel_of.get(command.name or "", "Commands"), []).append(command)
    return found


def arguments(command: "AnyCommand") -> Rows:
    """What stands without an option: the word for it, and its help."""
    shown = (each for each in command.params if isinstance(each, TyperArgument) and not each.hidden)
    return [(_word(each), each.help or "") for each in shown]


def options(command: "AnyCommand", ctx: "Context") -> Rows:
    """The options, short names first; those that take a word show it, flags show nothing."""
    return list(_options(command, ctx))


def _options(command: "AnyCommand", ctx: "Context") -> Iterator[tuple[str, str]]:
    for option in command.get_params(ctx):
        if not isinstance(option, TyperOption) or option.hidden:
            continue
        if option.opts[0] in _COMPLETION:
            yield f"{option.opts[0]} [SHELL]", _COMPLETION[option.opts[0]]
        elif row := option.get_help_record(ctx):
            yield row[0].translate(_NO_BRACKETS), row[1]


def _complete(ctx: "Context", option: "Parameter", shell: str) -> None:
    """Do what an option of completion is for, and exit."""
    if shell not in SHELLS:
        other = f", not for {shell!r}" if shell else ""
        ctx.fail(f"{option.opts[0]} is for one of {', '.join(SHELLS)}{other}: name one after it.")
    if option.callback:
        try:
            option.callback(ctx, option, shell)
        except OSError as error:
            where = f"{error.filename} cannot be written ({error.strerror})" if error.filename else str(error)
            ctx.fail(f"{where}: put what tagwarden --show-completion {shell} prints where {shell} reads it.")


def _usage(argument: TyperArgument) -> str:
    return _word(argument) if argument.required else f"[{_word(argument)}]"


def _word(argument: TyperArgument) -> str:
    word = argument.metavar or (argument.name or "").upper()
    if word.startswith("["):  # the usage has brackets of its own
        word = word[1:].replace("]", "", 1)
    return f"{word}..." if argument.nargs != 1 and not word.endswith("...") else word


def first_sentence(command: "AnyCommand") -> str:
    """What a command does, in one line."""
    return " ".join((command.help or "").split("\n\n")[0].split())


def _write(formatter: "HelpFormatter", heading: str, rows: Rows) -> None:
    if rows:
        with formatter.section(heading):
            formatter.write_dl(rows)
