"""The configuration: a YAML file and a few environment variables become `Settings`, or all problems at once.

On the way down: `yaml` reads a `Document` with the line of every key, `environment` lays variables over it,
`checking` holds it against the models in `shape`, and `building` looks up names, files and patterns. Each notes what
is wrong in the document and goes on; only a document without problems becomes settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from proxy.config.building import build
from proxy.config.checking import check
from proxy.config.document import ConfigProblems, Document, Problem
from proxy.config.environment import override
from proxy.config.opening import open_document
from proxy.config.seen import Seen
from proxy.config.settings import Settings
from proxy.config.shape import FileShape

__all__ = ["ConfigProblems", "Loaded", "Problem", "Seen", "Settings", "load", "load_whole"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and what they were made from: for whoever asks where a value came from."""

    document: Document
    shape: FileShape
    settings: Settings


def load(path: Path, environ: Mapping[str, str], now: datetime | None = None, seen: Seen | None = None) -> Settings:
    """Read the configuration file and the environment variables that override it.

    With `now` (aware), what has run out by then is warned of, too. All files that are looked at are noted in `seen`.

    Raises `ConfigProblems`, whose text has one line for each thing to mend: `file:line: path: sentence`.
    """
    return load_whole(path, environ, now, seen).settings


def load_whole(path: Path, environ: Mapping[str, str], now: datetime | None = None, seen: Seen | None = None) -> Loaded:
    """Read like `load`, and keep what was read. Raises `ConfigProblems`."""
    document = open_document(path, seen=seen)
    override(document, environ)
    shape = check(document)
    return Loaded(document, shape, build(document, shape, path.parent, now))
