"""The owner's end of the line to the process that verifies: many ask at once, each is answered by its number."""

import asyncio
import itertools
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

import structlog

import proxy
from proxy.errors import Undecided
from proxy.limits import VERIFIER_CHUNK_BYTES, VERIFIER_LINE_BYTES
from proxy.tasks import spawn
from proxy.verifier import frames
from proxy.verifier.words import Answered, Asked, Forget

_log = structlog.get_logger()

_START: Final = (
    "import sys; sys.path.insert(0, sys.argv[2]); from proxy.verifier.process import main; main(int(sys.argv[1]))"
)
ENDED: Final = "the process that verifies large collections ended"
"""Why something is `Undecided` then."""


class Process:
    """A process that verifies, and the line to it. `start` makes one; it ends by `close`, or by itself."""

    def __init__(
        self, child: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._child = child
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Answered]] = {}
        self._turn = asyncio.Lock()
        self._has_ended = False
        self._listening = spawn(self._listen(), name="answers of the verifying process")

    @classmethod
    async def start(cls) -> Self:
        """Start a process. Raises `Undecided` where none can be started."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                child = await asyncio.to_thread(_spawn, theirs.fileno())
            except OSError as error:
                ours.close()
                raise Undecided(f"no process that verifies large collections can be started ({error})") from None
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=VERIFIER_LINE_BYTES)
        return cls(child, reader, writer)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._child.pid

    @property
    def has_ended(self) -> bool:
        """Whether nobody answers any more."""
        return self._has_ended

    def number(self) -> int:
        """A number for one more verification."""
        return next(self._numbers)

    async def ask(self, asked: Asked) -> Answered:
        """Ask, and wait for the answer. Raises `Undecided` where the process ends before."""
        if self.has_ended:
            raise Undecided(ENDED)
        answered: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._waiting[asked.number] = answered
        try:
            # whoever leaves may not leave half a sentence on the line
            await asyncio.shield(spawn(self._send(asked), name="question to the verifying process"))
            return await answered
        finally:
            self._waiting.pop(asked.number, None)

    def forget(self, number: int) -> None:
        """Nobody waits for a verification any more."""
        if not self.has_ended:
            spawn(self._send(Forget(number)), name="farewell to the verifying process")

    async def close(self) -> None:
        """End the process, now; whoever waits is answered `Undecided`."""
        self._child.kill()
        await self._listening

    async def _send(self, asked: Asked) -> None:
        try:
            async with self._turn:
                for part in frames.frame(asked):
                    for chunk in _chunks(part):
                        self._writer.write(chunk)
                        await self._writer.drain()
        except ConnectionError:
            self._writer.close()  # the one who listens hears of it

    async def _listen(self) -> None:
        try:
            while True:
                answer: Answered = await self._receive()
                waiting = self._waiting.get(answer.number)
                if waiting and not waiting.done():
                    waiting.set_result(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except Exception:  # noqa: BLE001  (whatever it is: nothing more is believed of this process)
            _log.exception("the process that verifies said what cannot be read")
        finally:
            await self._bury()

    async def _receive(self) -> Any:  # noqa: ANN401  (what the process answers)
        apart, size = frames.lengths(await self._reader.readexactly(frames.HEAD.size))
        sizes = frames.sizes(await self._reader.readexactly(apart))
        data = await self._reader.readexactly(size)
        return frames.value_of(data, [await self._reader.readexactly(each) for each in sizes])

    async def _bury(self) -> None:
        self._has_ended = True
        self._writer.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(Undecided(ENDED))
        self._child.kill()  # it may have hung up and live on
        await asyncio.to_thread(self._child.wait)


def _spawn(line: int) -> "subprocess.Popen[bytes]":
    place = str(Path(proxy.__file__).parents[1])
    command = [sys.executable, "-I", "-c", _START, str(line), place]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(line,))  # noqa: S603  (ourselves)


def _chunks(data: bytes) -> Iterator[memoryview]:
    view = memoryview(data)
    return (view[start : start + VERIFIER_CHUNK_BYTES] for start in range(0, len(view), VERIFIER_CHUNK_BYTES))
