"""What the demo shows while it works."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console

_WIDE: Final = 150


class Screen:
    """A terminal, or a file that is read later."""

    def __init__(self) -> None:
        console = Console(highlight=False)
        self.console = console if console.is_terminal else Console(highlight=False, width=_WIDE)

    def say(self, text: str = "") -> None:
        """Print a line as it is, so that it can be copied whole."""
        self.console.print(text, markup=False, soft_wrap=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show that something is being done, and how long it took."""
        begun = time.monotonic()
        try:
            with self.console.status(text):
                yield
        except KeyboardInterrupt:
            self.console.print(f"  stopped {text}", markup=False)
            raise
        except BaseException:
            self.console.print(f"  [red]failed[/red]  {text}")
            raise
        self.console.print(f"  [green]{time.monotonic() - begun:4.1f} s[/green]  {text}")
