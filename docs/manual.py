"""The man page, in roff: one page for all commands, without a date or a version that would make it stale."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from docs.command_tree import Described, commands, program
from proxy.cli.help import Rows

_WORDS: Final = re.compile(r"`([^`]+)`")
_EXITS: Final = [
    ("0", "Done; for the commands that decide: it is served."),
    ("1", "Refused, or something was found that should be mended."),
    ("2", "Command line, configuration or reference is mistaken, a port is in use, the trust store cannot be used."),
    ("3", "It could not be decided: asked again, the answer may be another."),
]
_ENVIRONMENT: Final = [
    ("TAGWARDEN_CONFIG", "The configuration, where no `-c` names one."),
    ("TAGWARDEN__REGISTRY__URL", "Overrides `registry.url` of the configuration; other scalars likewise."),
    ("NO_COLOR", "Where it is set, nothing is printed in colours."),
]
_FILES: Final = [
    ("/etc/tagwarden/config.yaml", "The configuration."),
    ("/var/lib/tagwarden/trust.db", "A usual place for the trust store, which the configuration names."),
]


def manual() -> str:
    """The page, for `man`."""
    root, described = program(), commands()
    lines = [
        '.TH TAGWARDEN 1 "" Tagwarden "User Commands"',
        ".SH NAME",
        _escaped(f"tagwarden - {_as_clause(root.paragraphs[0])}"),
        ".SH SYNOPSIS",
        f".B {_escaped(root.usage)}",
        ".SH DESCRIPTION",
        *_paragraphs(root.paragraphs),
        *_paragraphs(["Data goes to standard output; sentences, progress and what to run next go to standard error."]),
        ".SH OPTIONS",
        *_table(root.options),
        ".SH COMMANDS",
        *(line for each in described for line in _command(each)),
        ".SH EXIT STATUS",
        *_table(_EXITS),
        ".SH ENVIRONMENT",
        *_table(_ENVIRONMENT),
        ".SH FILES",
        *_table(_FILES),
        ".SH EXAMPLES",
        *_examples(example for each in described for example in each.page.examples[:1]),
    ]
    return "\n".join(lines) + "\n"


def _command(command: Described) -> Iterator[str]:
    yield f'.SS "{_escaped(command.usage)}"'
    yield from _paragraphs(command.paragraphs)
    yield from _table([*command.arguments, *command.options])
    yield from _paragraphs(["Examples:"])
    yield from _examples(command.page.examples)
    yield from _paragraphs(["Exit status:"])
    yield from _table([(str(code), meaning) for code, meaning in command.page.exits.items()])


def _paragraphs(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield ".PP"
        yield _prose(text)


def _table(rows: Rows) -> Iterator[str]:
    for typed, meaning in rows:
        yield ".TP"
        yield f".B {_escaped(typed)}"
        yield _prose(meaning)


def _examples(examples: Iterable[str]) -> Iterator[str]:
    yield ".PP"
    yield ".nf"
    for example in examples:
        yield from (f".RS 4\n{_escaped(line)}\n.RE" for line in example.splitlines())
    yield ".fi"


def _prose(text: str) -> str:
    return _WORDS.sub(r"\\fB\1\\fR", _escaped(text))


def _escaped(text: str) -> str:
    """Text in which roff sees no request, and whose dashes can be typed."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace('"', "\\(dq")
    return f"\\&{plain}" if plain.startswith(".") else plain


def _as_clause(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")
