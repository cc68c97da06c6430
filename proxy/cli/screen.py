"""What commands put on the screen: colours on a terminal, plain lines where the output is read by a program."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console

_WIDE: Final = 10_000  # columns: what is piped is never broken into lines


def console(*, stderr: bool = False) -> "Console":
    """Where to print with colours: a terminal has its own width, anything else gets whole lines and no colour."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=_WIDE, no_color=True)


def say(sentence: str) -> None:
    """Tell the person something beside the command's output."""
    print(f"tagwarden: {sentence}", file=sys.stderr)


def say_next(*words: str) -> None:
    """Tell the person the exact command to run next, ready to be pasted into a shell."""
    print(f"next: {shlex.join(words)}", file=sys.stderr)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], object]]:
    """A bar on standard error while something takes long, nothing where that is no terminal.

    Yields what to call for each of the `total` steps.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    shown = console(stderr=True)
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bars:
        task = bars.add_task(what, total=total)
        yield lambda: bars.advance(task)
