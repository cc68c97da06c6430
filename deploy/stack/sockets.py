"""Directories for sockets, whose paths may have no more than 107 characters (podman asks for 50)."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def short_directory() -> Iterator[Path]:
    """Make a directory with a short path that only we can enter, and remove it in the end."""
    with tempfile.TemporaryDirectory(prefix="tagwarden-", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)
