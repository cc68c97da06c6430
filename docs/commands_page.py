"""The reference page of all commands."""

from collections.abc import Iterator
from typing import Final

from docs.command_tree import Described, commands, program
from proxy.cli.help import Rows

_INTRODUCTION: Final = """# Commands

Made from the commands themselves by `make docs`; `tagwarden COMMAND --help` says the same, and so does the man page
([tagwarden.1](tagwarden.1): `man -l docs/tagwarden.1`).

Data goes to standard output; sentences, progress and what to run next go to standard error. Where a command fails, one
sentence says what, why and what to do. A reference is `[name/]repository[:tag]` or `repository@sha256:...`; without a
tag it is `latest`.

"""
_COMPLETION: Final = """## <a id="completion"></a>Shell completion

`tagwarden --install-completion` lets the shell of `$SHELL` complete commands and options from the next session on; the
name of another may follow: `bash`, `zsh` or `fish`. `tagwarden --show-completion bash` prints the script instead, for a
place of your own:

```sh
tagwarden --show-completion bash > /etc/bash_completion.d/tagwarden
```
"""


def commands_page() -> str:
    """The page in Markdown, each command with an anchor of its words joined by dashes."""
    described = commands()
    parts = [_INTRODUCTION]
    parts.extend(f"- [`tagwarden {each.words}`](#{_anchor(each)}): {each.paragraphs[0]}\n" for each in described)
    parts.append('\n## <a id="options"></a>Before every command\n\n')
    parts.extend(_list(program().options))
    parts.append("\n")
    for each in described:
        parts.extend(_section(each))
    return "".join([*parts, _COMPLETION])


def _section(command: Described) -> Iterator[str]:
    yield f'## <a id="{_anchor(command)}"></a>tagwarden {command.words}\n\n'
    yield f"```text\n{command.usage}\n```\n\n"
    yield from (f"{paragraph}\n\n" for paragraph in command.paragraphs)
    yield from _list([*command.arguments, *command.options])
    yield "\nExamples:\n\n```sh\n" + "".join(f"{example}\n" for example in command.page.examples) + "```\n\n"
    yield "| exit code | |\n|---|---|\n"
    yield from (f"| {code} | {meaning} |\n" for code, meaning in command.page.exits.items())
    yield "\n"


def _list(rows: Rows) -> Iterator[str]:
    return (f"- `{typed}`: {meaning}\n" for typed, meaning in rows)


def _anchor(command: Described) -> str:
    return command.words.replace(" ", "-")
