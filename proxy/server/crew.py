"""All workers: started, replaced when they end, and drained together."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import chain

import structlog

from proxy.clock import Clock
from proxy.errors import Undecided, UserError
from proxy.limits import (
    DRAIN_SECONDS,
    REBOUND_SECONDS,
    WORKER_LONGEST_SECONDS,
    WORKER_PAUSE_SECONDS,
    WORKER_SETTLED_SECONDS,
    WORKER_STOP_SECONDS,
)
from proxy.server.child import Child
from proxy.server.handing import Handed
from proxy.server.sockets import Bound
from proxy.server.words import Asked, FromWorker, Greeted, Hinted, Rebound, Serving, Word
from proxy.tasks import spawn
from proxy.telemetry import shared

_log = structlog.get_logger()


def _nobody(_: Asked) -> None:
    """Nobody keeps what is asked for renewed."""


def _nothing(_: int) -> Iterator[Word]:
    """There is nothing that a worker should know."""
    return iter(())


class Crew:
    """So many workers over the same sockets.

    `asked` hears what their clients ask for; it may raise `Broken`. `news` is what one should know that was told
    of the configuration of that number, and of nothing since; it may raise `LookupError`.
    """

    def __init__(self, handed: Handed, bound: Sequence[Bound], count: int, clock: Clock) -> None:
        """Prepare; `at_work` starts them."""
        self.asked: Callable[[Asked], None] = _nobody
        self.news: Callable[[int], Iterator[Word]] = _nothing
        self._handed, self._bound, self._clock = handed, bound, clock
        self._children: dict[int, Child] = {}
        self._starting: dict[int, Handed] = {}
        self._changed = asyncio.Event()
        self._numbers = range(1, count + 1)
        self._stopping = asyncio.Event()
        self._began = False

    @asynccontextmanager
    async def at_work(self, stopping: asyncio.Event | None = None) -> AsyncIterator[None]:
        """Have workers serve for as long as the context lasts, from when all of them do; then drain.

        It begins at once where all are `stopping` before. Raises `UserError` where one of them cannot even begin.
        """
        loop = asyncio.get_running_loop()
        firsts: dict[int, asyncio.Future[None]] = {number: loop.create_future() for number in self._numbers}
        tending = [spawn(self._tend(number, firsts[number]), name=f"worker {number}") for number in self._numbers]
        try:
            self._began = await _all_done(firsts.values(), stopping or asyncio.Event())
            yield
        finally:
            await self._drain(tending)
            for first in firsts.values():
                if not first.cancel() and not first.cancelled():
                    first.exception()  # where several cannot begin, one of them is enough to be told

    def serving(self) -> int:
        """How many serve now."""
        return sum(child.is_serving for child in self._children.values())

    def check_ready(self) -> None:
        """Raise `Undecided` unless somebody serves: all of them at the start, one at least from then on."""
        if self._stopping.is_set() or not self._began:
            raise Undecided("it is starting or draining")
        if not any(child.is_serving for child in self._children.values()):
            raise Undecided("no worker serves")

    def tell(self, word: Word) -> None:
        """Say something to everybody who has the configuration of now, or has been told of it.

        A hint is for the others too: it speaks of no kinds, and one of them may have begun to serve at this moment.
        """
        for child in self._children.values():
            if child.told == self._handed.number or isinstance(word, Hinted):
                child.tell(word)

    async def rebind(self, handed: Handed) -> None:
        """Have all serve under another configuration; when this returns, nobody serves under one before it.

        All who serve are told before this waits for the first time. Who does not say in time that it has taken it is
        ended, and another one takes its place.
        """
        self._handed = handed
        for child in self._children.values():
            self._instruct(child)
        deadline = asyncio.get_running_loop().time() + REBOUND_SECONDS
        while (behind := self._behind()) or any(each is not handed for each in self._starting.values()):
            self._changed.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._changed.wait()
            except TimeoutError:
                deadline += REBOUND_SECONDS
                for child in behind:
                    what = "a worker does not take the configuration: it is ended"
                    _log.error(what, worker=child.number, pid=child.pid)
                    child.kill()

    def _instruct(self, child: Child) -> None:
        """Have one that serves do so under the configuration of now, and know what is in doubt of all that is in it."""
        before = child.told
        child.rebind(self._handed)
        if child.told != before:
            child.inform(self.news(child.told))

    def _behind(self) -> list[Child]:
        """Who serves under a configuration before the one of now, or is about to."""
        return [child for child in self._children.values() if (child.bound or child.told) != self._handed.number]

    def kill(self) -> None:
        """End all workers now."""
        for child in self._children.values():
            child.kill()

    async def _tend(self, number: int, first: "asyncio.Future[None]") -> None:
        """Keep one place filled, with a pause that grows while workers keep ending."""
        pause = WORKER_PAUSE_SECONDS
        while not self._stopping.is_set():
            begun = self._clock.seconds()
            try:
                how = await self._employ(number, first)
            except Exception as defect:  # noqa: BLE001  (no defect of ours leaves a place empty)
                _log.exception("unexpected error", worker=number)
                how = f"a defect, {type(defect).__name__}"
            if self._stopping.is_set():
                return
            if not first.done():
                first.set_exception(UserError(f"worker {number} cannot serve ({how}): what it said stands above"))
                return
            if self._clock.seconds() - begun >= WORKER_SETTLED_SECONDS:
                pause = WORKER_PAUSE_SECONDS
            _log.error("a worker ended: another one takes its place", worker=number, how=how, pause=pause)
            try:
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            except TimeoutError:
                pause = min(2 * pause, WORKER_LONGEST_SECONDS)

    async def _employ(self, number: int, first: "asyncio.Future[None]") -> str:
        """One worker from its start to its end; how it ended, in a few words."""

        def heard(child: Child, word: FromWorker) -> None:
            match word:
                case Serving():
                    _log.info("worker serving", worker=number, pid=child.pid)
                    self._instruct(child)
                    self._changed.set()
                    if not first.done():
                        first.set_result(None)
                case Rebound():
                    self._changed.set()
                case Asked():
                    self.asked(word)

        handed = self._starting[number] = self._handed
        try:
            child = await Child.start(number, handed)
        except OSError as error:
            return f"no process can be started, {error.strerror}"
        finally:
            del self._starting[number]
            self._changed.set()
        self._children[number] = child
        try:
            child.inform(chain(self.news(child.told), (Greeted(),)))
            if self._stopping.is_set():
                child.dismiss()
            status = await child.attend(heard)
        except BaseException:
            child.kill()
            raise
        finally:
            del self._children[number]
            self._changed.set()
            shared.end_of(str(number))
        return f"signal {-status}" if status < 0 else f"status {status}"

    async def _drain(self, tending: Sequence["asyncio.Task[None]"]) -> None:
        """Listen no more, and let all workers finish; who takes too long is ended."""
        self._stopping.set()
        for each in self._bound:
            each.close()
        for child in self._children.values():
            child.dismiss()
        _, late = await asyncio.wait(tending, timeout=DRAIN_SECONDS + WORKER_STOP_SECONDS)
        if late:
            _log.warning("workers took too long to stop: they are ended", workers=sorted(self._children))
            self.kill()
            await asyncio.wait(late)


async def _all_done(firsts: Collection["asyncio.Future[None]"], stopping: asyncio.Event) -> bool:
    """Wait until all have begun, or all are to stop; whether they have. Raises what keeps one of them from it."""
    begun = spawn(asyncio.wait(firsts, return_when=asyncio.FIRST_EXCEPTION), name="workers begin")
    told = spawn(stopping.wait(), name="told to stop")
    try:
        await asyncio.wait((begun, told), return_when=asyncio.FIRST_COMPLETED)
    finally:
        begun.cancel()
        told.cancel()
    done = [first for first in firsts if first.done()]
    for first in done:
        first.result()
    return len(done) == len(firsts)
