"""What a verifying process and its owner say to each other: pickled values, large bytes apart from them.

Both are this program, and nobody else has the line: what comes over it is believed. Bytes that are apart are neither
copied nor looked at, so a file of ten megabytes passes in small portions.
"""

import pickle
from array import array
from collections.abc import Iterator
from io import BytesIO
from struct import Struct
from typing import Any, Final

_APART: Final = 4096  # bytes; smaller ones go with their value

HEAD: Final = Struct("=IQ")
"""How many values stand apart, and how many bytes the pickle has; their lengths follow, eight bytes each."""


class _Writer(pickle.Pickler):
    def __init__(self, file: BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.apart: list[bytes] = []

    def persistent_id(self, obj: Any) -> int | None:  # noqa: ANN401  (pickle hands it anything)
        if type(obj) is not bytes or len(obj) < _APART:
            return None
        self.apart.append(obj)
        return len(self.apart) - 1


class _Reader(pickle.Unpickler):
    def __init__(self, file: BytesIO, apart: list[bytes]) -> None:
        super().__init__(file)
        self._apart = apart

    def persistent_load(self, pid: int) -> bytes:
        return self._apart[pid]


def frame(value: object) -> Iterator[bytes]:
    """The parts of which a value is sent, one after the other."""
    file = BytesIO()
    writer = _Writer(file)
    writer.dump(value)
    yield HEAD.pack(len(writer.apart), file.tell())
    yield array("Q", map(len, writer.apart)).tobytes()
    yield file.getvalue()
    yield from writer.apart


def lengths(head: bytes) -> tuple[int, int]:
    """How long the two parts are that follow a head: the lengths of what is apart, and the pickle."""
    count, size = HEAD.unpack(head)
    return 8 * count, size


def sizes(data: bytes) -> Iterator[int]:
    """The lengths of what is apart."""
    return iter(array("Q", data))


def value_of(data: bytes, apart: list[bytes]) -> Any:  # noqa: ANN401  (it is what was sent)
    """The value that was sent."""
    return _Reader(BytesIO(data), apart).load()
