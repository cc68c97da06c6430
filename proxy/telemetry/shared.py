"""Numbers of several processes together: each writes files of its own, and one process adds them up.

The files lie in a directory in memory, private to this user, which whoever starts the others makes and removes. Each
process writes under a name that its successor takes over, so a counter goes on where a process that died left it, and
there are never more files than processes. That of a process which was killed is found by its lock and removed.
"""

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import prometheus_client

from proxy.errors import UserError
from proxy.telemetry import meters

ENVIRONMENT: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which the other processes learn of the directory; the library knows it by that name."""

_MULTIPROCESS: Final[Any] = import_module("prometheus_client.multiprocess")  # it has no types
_PREFIX: Final = "tagwarden-metrics-"
_IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108  (a directory of its own there, made private)
_LOCK: Final = "lock"
_LEFT_SECONDS: Final = 60.0  # a younger directory may be one that is just being made


@contextmanager
def directory() -> Iterator[Path]:
    """Make the directory, and name it to processes that are started within the context. Raises `UserError`."""
    parent = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    try:
        _clear(parent)
        made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        descriptor = _locked(made)
    except OSError as error:
        why = (error.strerror or "it cannot be written").lower()
        raise UserError(
            f"workers count together in {parent}, where nothing can be written ({why}): mend that"
        ) from None
    os.environ[ENVIRONMENT] = str(made)
    try:
        yield made
    finally:
        os.environ.pop(ENVIRONMENT, None)
        shutil.rmtree(made, ignore_errors=True)
        os.close(descriptor)


def begin(process: str) -> None:
    """Keep the numbers of this process in the directory, under a name that no other process has at the same time.

    Where nobody named a directory, nobody wants them.
    """
    if ENVIRONMENT in os.environ:
        meters.begin(None, process)


def end_of(process: str) -> None:
    """A process that this one started has ended: what it had at that moment is gone, what it counted stays."""
    if place := os.environ.get(ENVIRONMENT):
        _MULTIPROCESS.mark_process_dead(process, place)


def registry_of(place: Path) -> prometheus_client.CollectorRegistry:
    """A registry that adds up what all processes wrote."""
    registry = prometheus_client.CollectorRegistry()
    _MULTIPROCESS.MultiProcessCollector(registry, str(place))
    return registry


def _locked(made: Path) -> int:
    descriptor = os.open(made / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _clear(parent: Path) -> None:
    """Remove what processes of this user left behind that were killed."""
    for left in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            found = left.lstat()
            is_old = time.time() - found.st_mtime > _LEFT_SECONDS
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and is_old:
                os.close(_locked(left))
                shutil.rmtree(left, ignore_errors=True)
