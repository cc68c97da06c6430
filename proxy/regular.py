"""Opens regular files: anything else that a path may name can keep whoever reads it waiting for ever."""

import errno
import os
import stat
from functools import partial
from io import BufferedReader
from os import PathLike


class NotRegular(OSError):
    """A path names a pipe, a device or the like."""

    def __init__(self) -> None:
        super().__init__(errno.EINVAL, "it is no regular file")


def open_regular(path: PathLike[str], *, follow: bool = True) -> BufferedReader:
    """Open a file for reading, without waiting for whoever might write into a pipe.

    Args:
        path: where it is.
        follow: whether the path may be a symbolic link.

    Raises:
        NotRegular: it is something else; nothing was read.
        OSError: it cannot be opened.
        ValueError: no file has such a path.
    """
    file = open(path, "rb", opener=partial(_open, extra=0 if follow else os.O_NOFOLLOW))  # noqa: SIM115  (returned open)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise NotRegular
    return file


def _open(path: str, flags: int, extra: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | extra)
