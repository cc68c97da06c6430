"""Load at a given rate, whatever the server does: what requests wait when they come as they come.

An open loop: requests are due at instants that were drawn before (exponential gaps, as of many clients who know nothing
of each other), and a wait counts from the instant that its request was due. So a server that stands still is charged
with all who would have come meanwhile, and a client that is late does not flatter it (coordinated omission).
"""

import gc
import select
import socket
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Final

from loadtest.bench.load import Side, Spoilt, connected, read, request
from loadtest.bench.processes import on_load_core

_CONNECTIONS: Final = 64
_PATIENCE: Final = 5.0  # how often as long as planned it may take


@dataclass
class Paced:
    """What came of it, in microseconds: the waits, and how late requests were sent though a connection was idle."""

    waits: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)


def paced(side: Side, path: str, per_second: float, seconds: float) -> Paced:
    """Ask for one thing at this rate, on as many connections as are needed, up to 64. Plain HTTP only.

    Raises `Spoilt` where an answer is not a 200, or the server falls behind for good.
    """
    asked, chance, due, at = request(side, path), Random(1), [], 0.0  # noqa: S311  (when somebody comes is no secret)
    while at < seconds:
        due.append(at)
        at += chance.expovariate(per_second)
    with on_load_core(), ExitStack() as stack:
        lines = [stack.enter_context(connected(side)) for _ in range(_CONNECTIONS)]
        length = 0
        for each in lines:
            each.sendall(asked)
            length = read(each, has_body=True)
        gc.collect()
        gc.disable()
        try:
            return _asked(lines, asked, length, due)
        finally:
            gc.enable()


def _asked(lines: list[socket.socket], asked: bytes, length: int, due: list[float]) -> Paced:
    """The loop itself. It never sleeps, so that nobody has to be woken: it has a core of its own."""
    found, by_number, idle = Paced(), {each.fileno(): each for each in lines}, deque(lines)
    begun: dict[int, float] = {}
    partial: dict[int, bytes] = {}
    poll = select.epoll()
    for number, line in by_number.items():
        line.settimeout(0)
        poll.register(number, select.EPOLLIN)
    clock, began, sent, count = time.perf_counter, time.perf_counter(), 0, len(due)
    was_idle = True  # else whoever is sent next waited for the server, and not for this loop
    while len(found.waits) < count:
        now = clock() - began
        while sent < count and due[sent] <= now and idle:
            line = idle.popleft()
            line.send(asked)
            begun[line.fileno()] = due[sent]
            if was_idle:
                found.late.append(1e6 * (now - due[sent]))
            sent += 1
        was_idle = bool(idle)
        for number, _ in poll.poll(0):
            line = by_number[number]
            data = partial.pop(number, b"") + line.recv(65536)
            if not _is_whole(data, length):
                partial[number] = data
                continue
            found.waits.append(1e6 * (clock() - began - begun[number]))
            idle.append(line)
        if now > _PATIENCE * due[-1] + _PATIENCE:
            raise Spoilt(f"only {len(found.waits)} of {count} requests were answered in {now:.0f} s")
    poll.close()
    return found


def _is_whole(data: bytes, length: int) -> bool:
    """Whether this is a whole answer, with a body as long as that of the first one. Raises `Spoilt`."""
    if not data.startswith(b"HTTP/1.1 200"):
        raise Spoilt(f"no 200: {data[:200]!r}")
    head = data.find(b"\r\n\r\n")
    return head > 0 and len(data) - head - 4 >= length
