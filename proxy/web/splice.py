"""The rest of a body inside the kernel: from the registry's socket through a pipe into the client's (splice(2)).

Both sockets belong to transports, which neither read nor write meanwhile. They are worked on through duplicates: a
number of ours means this connection until it is closed here, whatever becomes of the transport's own.
"""

import asyncio
import errno
import fcntl
import os
import resource
from contextlib import ExitStack, suppress
from typing import Final

from proxy.errors import RegistryUnreachable
from proxy.limits import GATHERED_BYTES
from proxy.registry.streams import Rest

_FLAGS: Final = os.SPLICE_F_NONBLOCK | os.SPLICE_F_MOVE
_CANNOT: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EPERM})


async def splice(rest: Rest, target: asyncio.Transport) -> bool:
    """Move all that is left to the client's socket, whose transport must have nothing more to send.

    Returns False, and has moved nothing, where the kernel does not do it here, or files are short.

    Raises:
        RegistryUnreachable: it broke off.
        ConnectionError: the client left.
    """
    if rest.transport.is_closing():
        raise RegistryUnreachable("the connection broke")
    if target.is_closing():
        raise ConnectionResetError("the client left")
    if target.get_write_buffer_size():
        return False
    with ExitStack() as files:
        try:
            source, sink = _duplicate(rest.transport, files), _duplicate(target, files)
            under_way = _Splice(rest, source, sink, _pipe(files))
        except OSError:
            return False
        try:
            await rest.until(under_way.ended)
        finally:
            under_way.stop()
    if under_way.failure is not None:
        raise under_way.failure
    return under_way.is_possible


class _Splice:
    """One body under way: `wanted` bytes are still with the registry, what else is left is in the pipe."""

    def __init__(self, rest: Rest, source: int, sink: int, pipe: tuple[int, int]) -> None:
        """Begin to wait for the registry."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failure: Exception | None = None
        self.is_possible = True
        self._loop = asyncio.get_running_loop()
        self._rest = rest
        self._wanted = self._size = rest.left
        self._source = source
        self._sink = sink
        self._outlet, self._inlet = pipe
        self._waits_for_client = False
        rest.wake_for(self._wanted)
        self._loop.add_reader(source, self._take)

    def stop(self) -> None:
        """Wait for nobody any more; only then the files may be closed."""
        self._loop.remove_reader(self._source)
        self._loop.remove_writer(self._sink)

    def _take(self) -> None:
        """Take from the registry what fits into the empty pipe, and not one byte beyond the body."""
        try:
            taken = os.splice(self._source, self._inlet, min(self._wanted, GATHERED_BYTES), flags=_FLAGS)
        except BlockingIOError:
            return
        except OSError as failure:
            self.is_possible = self._wanted < self._size or failure.errno not in _CANNOT
            self._end(RegistryUnreachable("the connection broke") if self.is_possible else None)
            return
        if not taken:
            self._end(RegistryUnreachable("it closed the connection"))
            return
        self._wanted -= taken
        self._rest.wake_for(self._wanted)
        self._give()

    def _give(self) -> None:
        """Give the client what the pipe holds, as far as it takes it."""
        rest = self._rest
        try:
            while held := rest.left - self._wanted:
                rest.left -= os.splice(self._outlet, self._sink, held, flags=_FLAGS)
        except BlockingIOError:
            self._wait(for_client=True)
        except OSError:
            self._end(ConnectionResetError("the client left"))
        else:
            self._wait(for_client=False)
            if not rest.left:
                self._end(None)

    def _wait(self, *, for_client: bool) -> None:
        """Wait for one of the two: for the registry only while the pipe is empty."""
        if for_client == self._waits_for_client:
            return
        self._waits_for_client = for_client
        if for_client:
            self._loop.remove_reader(self._source)
            self._loop.add_writer(self._sink, self._give)
        else:
            self._loop.remove_writer(self._sink)
            self._loop.add_reader(self._source, self._take)

    def _end(self, failure: Exception | None) -> None:
        self.stop()
        self.failure = failure
        if not self.ended.done():
            self.ended.set_result(None)


def _duplicate(transport: asyncio.Transport, files: ExitStack) -> int:
    """A file of ours for the socket of a transport that is open. Raises `OSError`."""
    duplicate = os.dup(transport.get_extra_info("socket").fileno())
    files.callback(os.close, duplicate)
    return duplicate


def _pipe(files: ExitStack) -> tuple[int, int]:
    """A pipe that never blocks, as large as is allowed.

    Raises:
        OSError: there is none, or files are so few that clients need them.
    """
    ends = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    for end in ends:
        files.callback(os.close, end)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft // 4 <= max(ends):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    with suppress(OSError):  # all pipes of one user have a limit together
        fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, GATHERED_BYTES)
    return ends
