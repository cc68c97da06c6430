"""Certificates, keys and authorities as they were read when the configuration was checked.

Files change while a program runs, one after the other. What was checked together is kept together: every process, and
every connection, works with the very bytes that were found to fit, until a newer configuration is.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class PemFile:
    """A file for TLS: `data` is what it held, `path` is for people alone."""

    path: Path
    data: bytes = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """A file as it is now. Raises `OSError`."""
        return cls(path, path.read_bytes())

    def __str__(self) -> str:
        """Where it is."""
        return str(self.path)

    @contextmanager
    def in_memory(self) -> Iterator[str]:
        """A path to these bytes for OpenSSL, which reads files alone; a key stands on no other disk for that."""
        with os.fdopen(os.memfd_create("tagwarden-pem"), "wb", buffering=0) as file:
            file.write(self.data)
            yield f"/proc/self/fd/{file.fileno()}"
