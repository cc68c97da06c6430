"""How many may be connected: no crowd, of clients or of those who would be, takes the files that the proxy needs."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, Protocol

import structlog

from proxy.limits import CLIENT_CONNECTIONS, FILES_RESERVED, TLS_HANDSHAKE_SECONDS, TLS_HANDSHAKES

log = structlog.get_logger()

# The client's connection, and one to the registry for it; during a handshake another one, for the alert if it fails.
_FILES_EACH: Final = 2
_CONNECTED: Final = 4  # of so many, one shakes hands where files are few


class Member(Protocol):
    """A client's connection."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """Its open end; None once it is closed."""

    @property
    def idle(self) -> bool:
        """Whether it waits for a request, or for the rest of one."""

    def force_close(self) -> None:
        """Hang up."""


class Handshakes:
    """Places for the TLS handshakes that are under way, on all listeners together. Who finds none free waits for one.

    A handshake has `TLS_HANDSHAKE_SECONDS`. While somebody waits, the oldest has only such a part of them as the places
    are of `TLS_HANDSHAKES`: where places are fewer, it takes as many silent connections a second to keep others out.
    """

    def __init__(self, places: int) -> None:
        """Make so many places."""
        self._free = asyncio.Semaphore(places)
        self._next = asyncio.Lock()
        self._part = places / TLS_HANDSHAKES
        self._under_way: dict[asyncio.Timeout, float] = {}  # oldest first; until when somebody who waits lets it be

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, and keep it for as long as the context lasts; `TimeoutError` if that is too long."""
        async with self._next:
            if self._free.locked():
                self._hurry()
            await self._free.acquire()
        now, limit = asyncio.get_running_loop().time(), asyncio.timeout(TLS_HANDSHAKE_SECONDS)
        self._under_way[limit] = now + TLS_HANDSHAKE_SECONDS * self._part
        try:
            async with limit:
                yield
        finally:
            del self._under_way[limit]
            self._free.release()

    def _hurry(self) -> None:
        """Let the oldest end sooner, so that somebody gets its place."""
        oldest, until = next(iter(self._under_way.items()))
        if not oldest.expired():
            oldest.reschedule(until)


class Crowd:
    """The clients that are connected, on all listeners together; `handshakes` are with those who are none yet.

    Where one more would be too many, the one that has been connected longest and is idle makes room: it loses
    nothing but a connection, and whoever opens connections only to hold them loses those first. Where nobody is idle,
    the newcomer has to leave.
    """

    def __init__(self, room: int, handshakes: int = TLS_HANDSHAKES) -> None:
        """Make room for so many clients, and for so many handshakes under way."""
        self.handshakes = Handshakes(handshakes)
        self._room = room
        self._members: dict[Member, None] = {}
        self._warned = False

    def enter(self, member: Member) -> None:
        """Count a new connection, and close one if it is too many."""
        self._members[member] = None
        count = len(self._members)
        if count >= self._room * 0.9 and not self._warned:
            self._warned = True
            log.warning("connections near the limit: idle ones will be closed", connections=count, limit=self._room)
        if count > self._room:
            self._send_away(next((each for each in self._members if each.idle), member))

    def leave(self, member: Member) -> None:
        """Forget a connection that has ended."""
        self._members.pop(member, None)
        if len(self._members) < self._room * 0.7:
            self._warned = False

    def _send_away(self, member: Member) -> None:
        """Hang up without a goodbye in TLS: who does not answer that would keep a file, and is counted no more."""
        self.leave(member)
        transport = member.transport
        member.force_close()
        if transport is not None:
            transport.abort()


class Room(NamedTuple):
    """For how many there is room, in one process."""

    clients: int
    handshakes: int  # under way, beside them


def room_in_files(*, tls: bool) -> Room:
    """How many there is room for: as many as the limits allow, where the system gives the files for them.

    The soft limit of open files is raised as far as that needs and the hard one allows. Without `tls` nobody shakes
    hands, so all of the room is for clients.
    """
    handshakes = TLS_HANDSHAKES if tls else 0
    wanted = (CLIENT_CONNECTIONS + handshakes) * _FILES_EACH + FILES_RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < wanted:
        soft = wanted if hard < 0 else min(wanted, hard)  # negative: without limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    files = wanted if soft < 0 else min(wanted, soft)
    connections = (files - FILES_RESERVED) // _FILES_EACH
    if tls:
        handshakes = max(1, min(handshakes, connections // _CONNECTED))
    room = Room(max(1, connections - handshakes), handshakes)
    if room.clients < CLIENT_CONNECTIONS / 10:
        log.warning("few open files are allowed: raise the hard limit (ulimit -n)", **room._asdict(), files=files)
    return room
