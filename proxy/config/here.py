"""Warns of what this machine lacks: a configuration may be right, and yet nothing can start with it here."""

import os
from pathlib import Path
from typing import Final

from proxy.config.document import Document, KeyPath, quoted
from proxy.config.settings import TrustStoreSettings

_URL: Final[KeyPath] = ("trust_store", "url")
_SERVING: Final = "the user that serves"


def warn_here(document: Document, trust_store: TrustStoreSettings) -> None:
    """Warn where the trust store could not be opened or made by this user; nothing is changed."""
    path = Path(trust_store.url.removeprefix("sqlite:///"))
    directory = path.parent
    if not directory.is_dir():
        document.warn(_URL, f"{quoted(directory)} is no directory on this machine; create it, writable for {_SERVING}")
    elif trust_store.must_exist and not path.exists():
        sentence = f"{quoted(path)} does not exist, so nothing starts; restore it, or write false here"
        document.warn(("trust_store", "must_exist"), sentence)
    else:
        for needed in (path, directory) if path.exists() else (directory,):
            if not os.access(needed, os.W_OK):
                _warn_not_writable(document, needed)


def _warn_not_writable(document: Document, path: Path) -> None:
    cure = f"give it to {_SERVING}, or check as that user"
    document.warn(_URL, f"{quoted(path)} is not writable for this user, and the trust store needs that; {cure}")
