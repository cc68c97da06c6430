"""`log.audit_file`: a file that nothing else uses, because lines are appended to whatever is there."""

import os
from pathlib import Path
from typing import Final

from proxy.config.document import Document, KeyPath, quoted
from proxy.config.settings import STDOUT, LogSettings, TrustStoreSettings

_AT: Final[KeyPath] = ("log", "audit_file")
_BESIDE_A_DATABASE: Final = ("", "-wal", "-shm", "-journal")  # what SQLite writes, behind the name of its file
_ELSE: Final = "and lines would be appended to it; name a file that nothing else uses"


def check_audit_file(document: Document, log: LogSettings, trust_store: TrustStoreSettings) -> None:
    """Note a problem where lines would spoil what the configuration is made from, or what is remembered.

    All files that the configuration names must have been looked at before.
    """
    path = log.audit_file
    if path in (None, STDOUT):
        return
    named = [file for file, pattern in document.seen.looks if not pattern]
    store = trust_store.url.removeprefix("sqlite:///")
    remembered = [] if trust_store.is_server else [Path(f"{store}{suffix}") for suffix in _BESIDE_A_DATABASE]
    if path.is_dir():
        document.problem(_AT, f"{quoted(path)} is a directory; name a file in it")
    elif any(_is_same(path, each) for each in remembered):
        document.problem(_AT, f"{quoted(path)} belongs to the trust store, {_ELSE}")
    elif any(_is_same(path, each) for each in named):
        document.problem(_AT, f"{quoted(path)} is read as part of this configuration, {_ELSE}")
    elif path.exists() and not path.is_file():
        document.problem(_AT, f"{quoted(path)} is no regular file; name one, or write - for standard output")


def _is_same(one: Path, other: Path) -> bool:
    """Whether two names lead to one file, which need not be there yet; links of both kinds are followed."""
    try:
        return os.path.realpath(one) == os.path.realpath(other) or one.samefile(other)
    except (OSError, ValueError):
        return False
