"""The process that verifies large collections: it does what it is asked, one step after the other.

It has no socket but the line to its owner, and ends when that ends. Signals are its owner's concern: a service
manager sends them to both, and whoever drains still has answers to give.
"""

import gc
import os
import signal
import socket
import traceback
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, BinaryIO, Final

from proxy.errors import Refusal
from proxy.tuf.messages import Reply
from proxy.verification import Job, recall, verification
from proxy.verifier import frames
from proxy.verifier.words import (
    Answered,
    Asked,
    Broke,
    Forget,
    Outcome,
    Recall,
    Refused,
    Tell,
    Verify,
    Wanted,
    files_in,
    files_of,
    outcome,
)

_NICE: Final = 5  # whoever answers clients comes first


class _Running:
    """One verification under way, and the numbers of the files that it was given."""

    def __init__(self, number: int, job: Job) -> None:
        self._number = number
        self._workflow = verification(job)
        self._given: dict[bytes, int] = {}
        self._count = 0
        self._take(files_of(job))

    def begin(self) -> Wanted | Outcome:
        """Go on to the first wish. Raises a `Refusal`."""
        return self._go_on(None)

    def tell(self, replies: tuple[Reply, ...]) -> Wanted | Outcome:
        """Go on to the next wish, or to the end. Raises a `Refusal`."""
        self._take(files_in(replies))
        return self._go_on(replies)

    def _take(self, files: Iterable[bytes]) -> None:
        for data in files:
            self._given.setdefault(data, self._count)
            self._count += 1

    def _go_on(self, replies: tuple[Reply, ...] | None) -> Wanted | Outcome:
        try:
            wishes = next(self._workflow) if replies is None else self._workflow.send(replies)
        except StopIteration as end:
            return outcome(self._number, end.value, self._given)
        return Wanted(self._number, wishes)


class Bench:
    """All verifications under way, by number."""

    def __init__(self) -> None:
        self._running: dict[int, _Running] = {}

    def answer(self, asked: Asked) -> Answered | None:
        """Take one step, and say where it led; `Forget` leads nowhere. Raises nothing that a step raises."""
        if isinstance(asked, Forget):
            self._running.pop(asked.number, None)
            return None
        try:
            answer = self._step(asked)
        except Refusal as refusal:
            answer = Refused(asked.number, refusal)
        except Exception:  # noqa: BLE001  (a defect of ours ends one verification, and is told where there is a log)
            answer = Broke(asked.number, traceback.format_exc())
        if not isinstance(answer, Wanted):
            self._running.pop(asked.number, None)
        return answer

    def _step(self, asked: Verify | Recall | Tell) -> Answered:
        match asked:
            case Verify(number, job):
                running = self._running[number] = _Running(number, job)
                return running.begin()
            case Recall(number, job):
                given = {data: place for place, data in enumerate(files_of(job))}
                return outcome(number, recall(job), given)
            case Tell(number, replies):
                return self._running[number].tell(replies)


def main(descriptor: int) -> None:
    """Serve the owner at the other end of a socket, until it hangs up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICE)
    gc.disable()  # it would go through a hundred thousand values again and again while they are read
    with socket.socket(fileno=descriptor) as line, line.makefile("rb") as incoming, suppress(ConnectionError, EOFError):
        serve(incoming, line)


def serve(incoming: BinaryIO, line: socket.socket) -> None:
    """Answer one question after the other. Raises `EOFError` or `ConnectionError` when there is nobody any more."""
    bench = Bench()
    while True:
        answer = bench.answer(_receive(incoming))
        if answer is not None:
            for part in frames.frame(answer):
                line.sendall(part)
        if not isinstance(answer, Wanted):
            gc.collect()


def _receive(incoming: BinaryIO) -> Any:  # noqa: ANN401  (what the owner asks)
    apart, size = frames.lengths(_exactly(incoming, frames.HEAD.size))
    sizes, data = frames.sizes(_exactly(incoming, apart)), _exactly(incoming, size)
    return frames.value_of(data, [_exactly(incoming, each) for each in sizes])


def _exactly(incoming: BinaryIO, size: int) -> bytes:
    data = incoming.read(size)
    if len(data) < size:
        raise EOFError
    return data
