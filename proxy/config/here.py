"""Warns of what this machine lacks: a configuration may be right, and yet nothing can start with it here."""

import os
from pathlib import Path
from typing import Final

from proxy.config.document import Document, KeyPath, quoted
from proxy.config.settings import STDOUT, BundleSettings, Settings, TrustStoreSettings

_AUDIT_FILE: Final[KeyPath] = ("log", "audit_file")
_URL: Final[KeyPath] = ("trust_store", "url")
_SERVING: Final = "the user that serves"


def warn_here(document: Document, settings: Settings) -> None:
    """Warn where trust store, trust data or audit file could not be opened by this user; nothing is changed."""
    _warn_trust_store(document, settings.trust_store)
    for notary in settings.notaries.values():
        if isinstance(notary, BundleSettings):
            _warn_bundle(document, notary)
    if settings.log.audit_file not in (None, STDOUT):
        _warn_audit_file(document, settings.log.audit_file)


def _warn_trust_store(document: Document, trust_store: TrustStoreSettings) -> None:
    if trust_store.is_server:
        return
    path = Path(trust_store.url.removeprefix("sqlite:///"))
    directory = path.parent
    if not directory.is_dir():
        document.warn(_URL, f"{quoted(directory)} is no directory on this machine; create it, writable for {_SERVING}")
    elif trust_store.must_exist and not path.exists():
        remedy = "run tagwarden trust init if it never was there, or else restore it"
        sentence = f"{quoted(path)} does not exist, so nothing starts; {remedy}"
        document.warn(("trust_store", "must_exist"), sentence)
    else:
        for needed in (path, directory) if path.exists() else (directory,):
            if not os.access(needed, os.W_OK):
                _warn_not_writable(document, _URL, needed, "the trust store")


def _warn_bundle(document: Document, notary: BundleSettings) -> None:
    at, directory = ("notaries", notary.name, "dir"), notary.directory
    if not directory.is_dir():
        remedy = "mount or export into it what belongs there, or every pull is an outage"
        document.warn(at, f"{quoted(directory)} is no directory on this machine; {remedy}")
    elif not os.access(directory, os.R_OK | os.X_OK):
        cure = f"let {_SERVING} read it, or check as that user"
        document.warn(at, f"{quoted(directory)} cannot be read by this user; {cure}")


def _warn_audit_file(document: Document, path: Path) -> None:
    if not path.parent.is_dir():
        sentence = f"{quoted(path.parent)} is no directory on this machine; create it, writable for {_SERVING}"
        document.warn(_AUDIT_FILE, sentence)
        return
    needed = path if path.exists() else path.parent
    if not os.access(needed, os.W_OK):
        _warn_not_writable(document, _AUDIT_FILE, needed, "the audit stream")


def _warn_not_writable(document: Document, at: KeyPath, path: Path, what: str) -> None:
    cure = f"give it to {_SERVING}, or check as that user"
    document.warn(at, f"{quoted(path)} is not writable for this user, and {what} needs that; {cure}")
