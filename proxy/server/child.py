"""One worker as its supervisor sees it: a process, and the line to it."""

import asyncio
import math
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, Self

import structlog

import proxy
from proxy.limits import (
    CHANNEL_COLLECTIONS,
    WORKER_LOOK_SECONDS,
    WORKER_SILENT_SECONDS,
    WORKER_START_SECONDS,
    WORKER_STOP_SECONDS,
    WORKER_TICK_SECONDS,
)
from proxy.server.channel import Broken, Channel
from proxy.server.handing import Handed
from proxy.server.words import FROM_WORKER, FromWorker, Rebind, Rebound, Serving, Word
from proxy.tasks import spawn

_log = structlog.get_logger()

# Signals are ignored before anything else: what a terminal sends to all is for the supervisor.
_START: Final = (
    "import signal, sys; [signal.signal(number, signal.SIG_IGN) for number in (1, 2, 15)]; "
    "sys.path.insert(0, sys.argv[1]); from proxy.server.worker import main; main(*map(int, sys.argv[2:]))"
)


class Child:
    """A worker. `start` makes one; `attend` sees it through to its end.

    `told` is the number of the configuration that it was told of last, `bound` of the one that it serves under, 0 as
    long as it does not serve.
    """

    def __init__(
        self,
        number: int,
        told: int,
        file: BinaryIO,
        process: "subprocess.Popen[bytes]",
        channel: Channel[FromWorker],
    ) -> None:
        self.number = number
        self.is_serving = False
        self.bound = 0
        self.told = told
        self._file = file
        self._process = process
        self._channel = channel
        self._silent = 0.0
        self._is_leaving = False
        self._informing: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, number: int, handed: Handed) -> Self:
        """Start a process; no thread is needed for it. Raises `OSError` where none can be started."""
        ours, theirs = socket.socketpair()
        file = None
        try:
            with theirs:
                file = handed.file()
                process = _spawn(number, file, (theirs.fileno(), *handed.descriptors))
            return cls(number, handed.number, file, process, await Channel.open(ours, FROM_WORKER))
        except BaseException:
            ours.close()  # a process that has begun ends when it finds nobody at the other end
            if file:
                file.close()
            raise

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def attend(self, heard: Callable[["Child", FromWorker], None]) -> int:
        """Listen to it until it ends, and end it where it is silent or cannot be understood; its exit status."""
        with self._file:
            listening = spawn(self._listen(heard), name=f"listen to worker {self.number}")
            while not (await asyncio.wait([listening], timeout=WORKER_TICK_SECONDS))[0]:
                # Counted in turns, not by a clock: after a pause of this process, its workers have their say first.
                self._silent += WORKER_TICK_SECONDS
                patience = WORKER_SILENT_SECONDS if self.is_serving else WORKER_START_SECONDS
                if self._silent >= patience:
                    _log.error("a worker does not answer: it is ended", worker=self.number, pid=self.pid)
                    self.kill()
                    self._silent = -math.inf  # said once: nothing survives that, but it may take a while
            self.is_serving = False
            if self._informing:
                self._informing.cancel()
            self._channel.close()
            return await self._bury()

    def tell(self, word: Word) -> None:
        """Say something to it, unless it leaves; where it does not listen it is ended, as this may be a revocation."""
        if self._is_leaving or self._channel.say(word):
            return
        self._is_leaving = True
        _log.error("a worker does not listen: it is ended", worker=self.number, pid=self.pid)
        self.kill()

    def inform(self, words: Iterator[Word]) -> None:
        """Tell it many things: the first of them at once, and the others as it listens.

        What is left of what it was to be told so before is not said any more. `words` are made one by one, so that each
        can be as true as what is told in between.
        """
        if self._informing:
            self._informing.cancel()
        self._tell_some(words)
        self._informing = spawn(self._inform(words), name=f"inform worker {self.number}")

    def rebind(self, handed: Handed) -> None:
        """Have it serve under another configuration, once it serves at all; it is told of each once.

        It reads the file when it hears of it, and is not told of another one before it has said so.
        """
        if self.is_serving and self.bound == self.told != handed.number:
            self.told = handed.number
            try:
                self.tell(Rebind(number=handed.number, length=handed.write(self._file)))
            except OSError as error:
                what = "a worker cannot be told of the configuration: it is ended"
                _log.error(what, worker=self.number, pid=self.pid, why=error.strerror)
                self.kill()

    def dismiss(self) -> None:
        """Let it finish what it is at, and end; one that has not begun has nothing to finish."""
        self._is_leaving = True
        if self.is_serving:
            self._channel.hang_up()
        else:
            self.kill()

    def kill(self) -> None:
        """End it now."""
        self._process.kill()

    async def _inform(self, words: Iterator[Word]) -> None:
        try:
            while not self._is_leaving and await self._channel.taken() and self._tell_some(words):
                pass
        except Exception:  # noqa: BLE001  (a defect of ours: what was not told could be a revocation)
            _log.exception("unexpected error", worker=self.number, pid=self.pid)
            self.kill()

    def _tell_some(self, words: Iterator[Word]) -> bool:
        """As many as surely fit between two looks at whether it listens; whether there were any."""
        some = list(islice(words, CHANNEL_COLLECTIONS))
        for word in some:
            self.tell(word)
        return bool(some)

    async def _listen(self, heard: Callable[["Child", FromWorker], None]) -> None:
        try:
            while (word := await self._channel.hear()) is not None:
                self._silent = 0.0
                self._note(word)
                heard(self, word)
        except Broken as broken:
            _log.error("a worker cannot be understood: it is ended", worker=self.number, pid=self.pid, why=str(broken))
            self.kill()
        except Exception:  # noqa: BLE001  (a defect of ours costs one worker, and is told)
            _log.exception("unexpected error", worker=self.number, pid=self.pid)
            self.kill()

    def _note(self, word: FromWorker) -> None:
        match word:
            case Serving():
                self.is_serving, self.bound = True, self.told
            case Rebound(number=number) if number == self.told:
                self.bound = number
            case Rebound():
                raise Broken("it serves under a configuration that nobody told it of")

    async def _bury(self) -> int:
        """Wait until it has ended, not for long: it has hung up."""
        try:
            async with asyncio.timeout(WORKER_STOP_SECONDS):
                return await self._end()
        except TimeoutError:
            self._process.kill()
            return await self._end()

    async def _end(self) -> int:
        """Its exit status, once it has one; looked for without a thread, which may be what the system is short of."""
        while (status := self._process.poll()) is None:  # noqa: ASYNC110  (nobody says when a process has ended)
            await asyncio.sleep(WORKER_LOOK_SECONDS)
        return status


def _spawn(number: int, settings: BinaryIO, descriptors: tuple[int, ...]) -> "subprocess.Popen[bytes]":
    """Start one; the first of what it inherits is its end of the line."""
    place = str(Path(proxy.__file__).parents[1])
    command = [sys.executable, "-I", "-c", _START, place, str(descriptors[0]), str(number)]
    return subprocess.Popen(command, stdin=settings, pass_fds=descriptors)  # noqa: S603  (ourselves)
