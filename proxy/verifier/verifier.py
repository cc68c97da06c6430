"""Chooses where a collection is verified, and sees it through."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Self, TypeAlias

from proxy.drive import drive, replies_to
from proxy.errors import Undecided
from proxy.limits import INLINE_BYTES, VERIFIER_ATTEMPTS, VERIFIER_IDLE_SECONDS, VERIFIER_SECONDS
from proxy.names import Gun
from proxy.tasks import spawn
from proxy.tuf.messages import Fetch, Fetched, Reply
from proxy.verification import Job, Verified, recall, verification
from proxy.verifier.owner import ENDED, Process
from proxy.verifier.turns import Turns
from proxy.verifier.words import (
    Answered,
    Asked,
    Broke,
    Outcome,
    Recall,
    Refused,
    Tell,
    Verify,
    Wanted,
    files_in,
    files_of,
    portable,
)

Source: TypeAlias = Callable[[Fetch], Awaitable[Reply]]


class Verifier:
    """Verifies collections. To be entered, or closed, by whoever makes one.

    Its process is started when something large comes, and ends when nothing large came for a while. It takes one step
    at a time, each in its turn (`Turns`), and is timed from there on. Where it dies, or has to be ended, what it was
    at is `Undecided`; whatever else was under way starts over in another.
    """

    def __init__(self) -> None:
        self._process: asyncio.Task[Process] | None = None
        self._turns = Turns(time.monotonic)
        self._under_way = 0
        self._rest: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def __aenter__(self) -> Self:
        """Nothing is started before it is needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        await self.close()

    async def close(self) -> None:
        """End the process, if there is one; there will be no other."""
        self._is_closed = True
        if self._rest:
            self._rest.cancel()
        started, self._process = self._process, None
        if started:
            await _end(started)

    async def verify(self, job: Job, fetch: Source) -> Verified:
        """Verify what Notary has now; `fetch` gets its files. Raises a `Refusal`, and whatever `fetch` raises."""
        notes = _Notes(fetch, INLINE_BYTES - _weight(job))
        if notes.room >= 0:
            with suppress(_TooLarge):
                return await drive(verification(job), notes.fetch)
        return await self._apart(job, lambda process: self._verify_in(process, job, notes.fetch_again()))

    async def recall(self, job: Job) -> Verified:
        """Verify what is remembered, without Notary. Raises a `Refusal`."""
        if _weight(job) <= INLINE_BYTES:
            return recall(job)
        return await self._apart(job, lambda process: self._recall_in(process, job))

    async def _apart(self, job: Job, work: Callable[[Process], Awaitable[Verified]]) -> Verified:
        """Work in the process, and from the beginning in another where it ended over somebody else's step."""
        with self._turns.present(job.gun):
            for _ in range(VERIFIER_ATTEMPTS):
                with suppress(_Gone):
                    async with self._at_work() as process:
                        return await work(process)
        raise Undecided(ENDED)  # again and again

    async def _recall_in(self, process: Process, job: Job) -> Verified:
        answer = await self._step(process, job, Recall(process.number(), portable(job)))
        return _verified(answer, list(files_of(job)))

    async def _verify_in(self, process: Process, job: Job, fetch: Source) -> Verified:
        number, given = process.number(), list(files_of(job))
        try:
            answer = await self._step(process, job, Verify(number, portable(job)))
            while isinstance(answer, Wanted):
                replies = await replies_to(answer.wishes, fetch)
                given.extend(files_in(replies))
                answer = await self._step(process, job, Tell(number, replies))
        except BaseException:
            process.forget(number)
            raise
        return _verified(answer, given)

    async def _step(self, process: Process, job: Job, asked: Asked) -> Answered:
        """One step, in its turn. Raises `_Gone` where the process ended before, `Undecided` where it ends over it."""
        await self._turns.come(job.gun)
        # whoever leaves may not take the turn along: the process is at it until it is done
        step = spawn(_timed(process, asked), name=f"verify a step of {job.gun}")
        step.add_done_callback(lambda _: self._leave(job.gun, step))
        return await asyncio.shield(step)

    def _leave(self, gun: Gun, step: "asyncio.Task[Answered]") -> None:
        """Let the next one go; a failure that nobody waits for any more has been looked at."""
        self._turns.leave(gun)
        if not step.cancelled():
            step.exception()

    @asynccontextmanager
    async def _at_work(self) -> AsyncIterator[Process]:
        """The process, which goes on until nobody needs it any more. Raises `Undecided` where there can be none."""
        if self._rest:
            self._rest.cancel()
        self._under_way += 1
        try:
            yield await asyncio.shield(self._started())
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._rest = asyncio.get_running_loop().call_later(VERIFIER_IDLE_SECONDS, self._retire)

    def _started(self) -> asyncio.Task[Process]:
        """One process for all who come at the same time; another where the last one ended."""
        if self._is_closed:
            raise Undecided(ENDED)  # for good: this program is about to end
        started = self._process
        if started is None or _is_over(started):
            started = self._process = spawn(Process.start(), name="start of the verifying process")
            started.add_done_callback(_is_over)
        return started

    def _retire(self) -> None:
        """End the process; whoever comes from now on starts another."""
        started, self._process = self._process, None
        if started:
            spawn(_end(started), name="end of the verifying process")


class _TooLarge(Exception):
    """More files came, or are to come, than are verified here."""


class _Gone(Exception):
    """The process ended while it was at something else."""


class _Notes:
    """Files that were fetched, so that they need not be fetched once more where a verification starts over elsewhere.

    It asks for the very same again, in the same order: it depends on nothing but its job and the replies.
    """

    def __init__(self, fetch: Source, room: int) -> None:
        self.room = room
        self._fetch = fetch
        self._replies: dict[Fetch, list[Reply]] = {}

    async def fetch(self, wish: Fetch) -> Reply:
        """Fetch while there is room. Raises `_TooLarge`; a reply that came is noted."""
        if "." in wish.name and wish.limit > self.room:  # a file that is asked for by its hash is as long as that
            raise _TooLarge
        reply = await self._noted(wish)
        self.room -= len(reply.data) if isinstance(reply, Fetched) else 0
        if self.room < 0:
            raise _TooLarge
        return reply

    def fetch_again(self) -> Source:
        """A source that begins anew: the replies that were noted, each once, then whatever there is now."""
        told: Counter[Fetch] = Counter()

        async def fetch(wish: Fetch) -> Reply:
            noted, place = self._replies.get(wish, []), told[wish]
            told[wish] += 1
            return noted[place] if place < len(noted) else await self._noted(wish)

        return fetch

    async def _noted(self, wish: Fetch) -> Reply:
        reply = await self._fetch(wish)
        self._replies.setdefault(wish, []).append(reply)
        return reply


async def _timed(process: Process, asked: Asked) -> Answered:
    """One step, within its time; a process that needs longer is ended."""
    if process.has_ended:
        raise _Gone
    try:
        async with asyncio.timeout(VERIFIER_SECONDS):
            return await process.ask(asked)
    except TimeoutError:
        await process.close()
        raise Undecided("its trust data took too long to verify") from None


async def _end(started: asyncio.Task[Process]) -> None:
    """End a process, once it has started."""
    with suppress(Undecided):
        await (await started).close()


def _verified(answer: Answered, given: list[bytes]) -> Verified:
    match answer:
        case Outcome():
            return answer.verified(given)
        case Refused(_, refusal):
            raise refusal
        case Broke(_, trace):
            raise RuntimeError(trace)
        case Wanted():
            raise RuntimeError("files are wanted of somebody who has none")


def _is_over(started: asyncio.Task[Process]) -> bool:
    """Whether there is no process, or none any more; a failure that nobody waits for has been looked at."""
    if not started.done():
        return False
    return started.cancelled() or started.exception() is not None or started.result().has_ended


def _weight(job: Job) -> int:
    """How many bytes of files a job starts from."""
    return sum(map(len, files_of(job))) + (len(job.remembered.past) if job.remembered else 0)
