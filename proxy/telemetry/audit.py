"""The audit stream: what was refused, and what happened to trust, one JSON object a line that survives any crash.

An event is part of it by its field `audit`, which says what kind it is. It is in the log as well, so nothing is lost
where its file cannot be written.
"""

import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, Self

from proxy.config.settings import STDOUT
from proxy.errors import UserError
from proxy.limits import AUDIT_LOOK_SECONDS
from proxy.telemetry.metrics import AUDIT_LINES_LOST

_STDOUT_DESCRIPTOR: Final = 1
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
_MODE: Final = 0o640  # who reads audits need not be who runs the proxy
_ALSO_TO_READ: Final = (_FLAGS & ~(os.O_ACCMODE | os.O_CREAT)) | os.O_RDWR
_END: Final = b"\n"


class Audit(StrEnum):
    """The kinds of events in the audit stream; `meaning` is for the docs."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """Take a kind and what it means."""
        made = str.__new__(cls, value)
        made._value_, made.meaning = value, meaning
        return made

    REFUSAL = "refusal", "A request was refused, or would be under `audit` and `protect`: its `decision` or `request`."
    STALE_SERVED = (
        "stale served",
        "Something was served by evidence as old as `stale` says, in seconds: it could not be confirmed.",
    )
    GRACE_SERVED = "grace served", "Something was served that rests on roles which had expired, by `expiry_grace`."
    DRIFT = "drift", "A client got another digest than the signed one, where nothing is enforced."
    REGRESSION = (
        "regression",
        "A tag was refused that had been admitted within 7 days: said once, until it is admitted again.",
    )
    FIRST_TRUSTED = "first trusted", "A collection was verified for the first time: its root, and whose keys sign."
    ROOT_CHANGED = "root changed", "A collection has another root: versions, and the keys that came and went."
    KEY_FIRST_USED = "key first used", "A key signs for a role that it did not sign for in the collection before."
    KEY_LAST_USED = (
        "key last used",
        "A key signed for a role in the collection before, and does not any more.",
    )
    ROLLBACK_SEEN = "rollback seen", "Notary, or who stands in for it, went back: said once for each way it does."
    STORE_CREATED = "trust store created", "The trust store was begun anew: nothing is remembered."
    RELOADED = "reloaded", "A changed configuration is in effect, or was not taken."


class Trouble(NamedTuple):
    """Why the file cannot be had, and whether lines are lost to it: else they go on into one that was moved away."""

    why: str
    is_lost: bool


class AuditFile:
    """A file, or standard output, to which lines are appended, each by one call to the system.

    No line waits in this process, so none is lost when it dies. A file that was moved away, as `logrotate` does, is
    begun anew within `AUDIT_LOOK_SECONDS`; where that cannot be, lines go on into the one that was moved. A line
    stands alone whoever left a part of one before it: where it was glued to that, it is written once more. Raises
    `UserError` where it cannot be written at first; later, `trouble` hears once of each kind of trouble, and None when
    it is well again.
    """

    def __init__(self, path: Path, trouble: Callable[[Trouble | None], None]) -> None:
        self._path = path
        self._trouble = trouble
        self._is_torn = False
        self._astray: str | None = None
        self._said: Trouble | None = None
        self._looked = time.monotonic()
        try:
            self._descriptor = _STDOUT_DESCRIPTOR if path == STDOUT else _opened(path)
        except OSError as error:
            raise UserError(f"log.audit_file: {path} cannot be written ({_why(error)}): {_advice(path)}") from None

    def write(self, line: bytes) -> None:
        """Append a line, which has no end yet; never raises."""
        if time.monotonic() - self._looked >= AUDIT_LOOK_SECONDS:
            self._look()
        trouble = self._trouble_at_hand
        try:
            self._put(line)
        except OSError as error:
            trouble = Trouble(_why(error), is_lost=True)
        if trouble and trouble.is_lost:
            AUDIT_LINES_LOST.inc()
        self._tell(trouble)

    def reopen(self) -> None:
        """Go on in a new file of that name; the one at hand is kept where that cannot be, which `trouble` hears."""
        self._look(anew=True)
        if self._astray is not None:
            self._tell(self._trouble_at_hand)

    def close(self) -> None:
        """Write nothing more."""
        if self._path != STDOUT:
            os.close(self._descriptor)

    @property
    def _trouble_at_hand(self) -> Trouble | None:
        """Where the file at hand is another one: lost is what is written where nobody will find it, without a name."""
        if self._astray is None:
            return None
        return Trouble(self._astray, is_lost=not os.fstat(self._descriptor).st_nlink)

    def _tell(self, trouble: Trouble | None) -> None:
        before, self._said = self._said, trouble
        if (trouble and trouble.is_lost) != (before and before.is_lost):
            self._trouble(trouble)

    def _look(self, *, anew: bool = False) -> None:
        """Go on in another file where the name leads to one; that it cannot be had makes nothing at hand worse."""
        self._looked = time.monotonic()
        self._astray = None
        try:
            if self._path != STDOUT and (anew or self._is_elsewhere()):
                before, self._descriptor = self._descriptor, _opened(self._path)
                os.close(before)
                self._is_torn = False
        except OSError as error:
            self._astray = _why(error)

    def _is_elsewhere(self) -> bool:
        """Whether the name leads to another file than the one at hand, or to none. Raises `OSError`."""
        here = os.fstat(self._descriptor)
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return True
        return (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino)

    def _put(self, line: bytes) -> None:
        """Append a line that stands alone. Raises `OSError` where it does not stand there whole."""
        if self._is_torn:
            self._append(_END + line + _END)
            return
        self._append(line + _END)
        if self._path != STDOUT and self._is_glued(len(line + _END)):
            self._append(line + _END)

    def _is_glued(self, length: int) -> bool:
        """Whether what was appended last stands behind a part of a line: of another worker, or from before a restart.

        One can only look back: in front of the end another worker may have a line that it is still writing.
        """
        try:
            begin = os.lseek(self._descriptor, 0, os.SEEK_CUR) - length
            # nothing is read where somebody has emptied the file meanwhile
            return begin > 0 and os.pread(self._descriptor, 1, begin - 1) not in (b"", _END)
        except OSError:  # it may be written and not read, say: then only what this process left there is known
            return False

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            written = os.write(self._descriptor, rest)  # where this fails, the end is what it was
            self._is_torn = rest[written - 1] != _END[0]
            rest = rest[written:]


def _advice(path: Path) -> str:
    directory = Path(os.path.realpath(path)).parent
    if not directory.exists():
        return f"create the directory {directory}, and let this user write there"
    return "give this user the right to write it, or name another one"


def _why(error: OSError) -> str:
    return (error.strerror or "it cannot be written").lower()


def _opened(path: Path) -> int:
    """Open a file to append to it, and to read what it has where that may be.

    Raises `OSError`, also for what is no file: it might keep everybody waiting.
    """
    descriptor = os.open(path, _FLAGS, _MODE)
    try:
        here = os.fstat(descriptor)
        if not stat.S_ISREG(here.st_mode):
            raise OSError(0, "it is no regular file; write - for standard output")
    except OSError:
        with suppress(OSError):
            os.close(descriptor)
        raise
    try:
        # only now, because a pipe that nobody reads could be opened like this
        readable = os.open(path, _ALSO_TO_READ)
    except OSError:
        return descriptor  # who writes audits need not be who reads them
    if os.path.samestat(os.fstat(readable), here):
        descriptor, readable = readable, descriptor
    os.close(readable)
    return descriptor
