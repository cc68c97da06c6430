"""Python functions in processes of their own, which are there to be killed or to collide.

They are forked, but not from here: what another thread holds at the moment of a fork, such as a lock of OpenSSL that
it takes on its way out, nobody in the child ever lets go of. `multiprocessing` keeps a process without threads to fork
from.
"""

import asyncio
import multiprocessing
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Concatenate, Final, Literal, ParamSpec, TextIO

_P = ParamSpec("_P")

_CONTEXT: Final = multiprocessing.get_context("forkserver")
# What takes long to import, and is then there for each that is forked.
_CONTEXT.set_forkserver_preload(["proxy.store.opening_server", "proxy.store.opening", "pytest"])


@dataclass(frozen=True)
class Child:
    """Another process and the two pipes to it."""

    process: BaseProcess
    orders: TextIO
    words: TextIO

    def order(self, number: int) -> None:
        """Write a line to it."""
        self.orders.write(f"{number}\n")
        self.orders.flush()

    def kill(self) -> None:
        """End it wherever it is, unless it has ended; what it has said can still be read."""
        if self.process.is_alive():
            self.process.kill()


@contextmanager
def child(
    work: Callable[Concatenate[TextIO, TextIO, _P], Coroutine[None, None, None]],
    *arguments: _P.args,
    **named: _P.kwargs,
) -> Iterator[Child]:
    """Do work in another process, which is killed with the block.

    Args:
        work: A function of a module, given the orders that it reads, the words that it writes, and the arguments.
            What it raises becomes its last word.
        arguments: Whatever can be pickled.
        named: The same.
    """
    orders, ordering = _CONTEXT.Pipe(duplex=False)
    hearing, words = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_do, args=(orders, words, work, arguments, named), daemon=True)
    process.start()
    orders.close()
    words.close()
    with _stream(ordering, "w") as to_child, _stream(hearing, "r") as from_child:
        made = Child(process, to_child, from_child)
        try:
            yield made
        finally:
            made.kill()
            process.join()
            process.close()


def _do(
    orders: Connection,
    words: Connection,
    work: Callable[..., Coroutine[None, None, None]],
    arguments: tuple[object, ...],
    named: dict[str, object],
) -> None:
    with _stream(orders, "r") as ordered, _stream(words, "w") as spoken:
        try:
            asyncio.run(work(ordered, spoken, *arguments, **named))
        except Exception as error:  # noqa: BLE001  (whoever started it hears of it, whatever it is)
            spoken.write(f"{error!r}\n")


def _stream(end: Connection, mode: Literal["r", "w"]) -> TextIO:
    """The end of a pipe for lines of text, instead of for pickled objects."""
    with end:
        return os.fdopen(os.dup(end.fileno()), mode, buffering=1)
