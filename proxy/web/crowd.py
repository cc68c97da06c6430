"""How many clients are connected, and room for the next: no crowd takes the files that the proxy itself needs."""

import resource
from typing import Final, Protocol

import structlog

from proxy.limits import CLIENT_CONNECTIONS, FILES_RESERVED

log = structlog.get_logger()

_FILES_EACH: Final = 2  # the client's connection, and one to the registry for it


class Member(Protocol):
    """A client's connection."""

    @property
    def idle(self) -> bool:
        """Whether it waits for a request, or for the rest of one."""

    def force_close(self) -> None:
        """Hang up."""


class Crowd:
    """The clients that are connected, on all listeners together.

    Where one more would be too many, the one that has been connected longest and is idle makes room: it loses
    nothing but a connection, and whoever opens connections only to hold them loses those first. Where nobody is idle,
    the newcomer has to leave.
    """

    def __init__(self, room: int) -> None:
        """Make room for so many."""
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
            leaving = next((each for each in self._members if each.idle), member)
            self.leave(leaving)
            leaving.force_close()

    def leave(self, member: Member) -> None:
        """Forget a connection that has ended."""
        self._members.pop(member, None)
        if len(self._members) < self._room * 0.7:
            self._warned = False


def room_for_clients() -> int:
    """How many clients there is room for: as many as the limits allow, where the system gives the files for them.

    The soft limit of open files is raised as far as that needs and the hard one allows.
    """
    wanted = CLIENT_CONNECTIONS * _FILES_EACH + FILES_RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < wanted:
        soft = wanted if hard < 0 else min(wanted, hard)  # negative: without limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    files = wanted if soft < 0 else min(wanted, soft)
    room = max(1, (files - FILES_RESERVED) // _FILES_EACH)
    if room < CLIENT_CONNECTIONS / 10:
        log.warning("few open files are allowed: raise the hard limit (ulimit -n)", clients=room, files=files)
    return room
