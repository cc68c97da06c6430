"""From a path to a document: bytes, text, YAML, each with a sentence where that fails."""

import os
from pathlib import Path

from proxy.config.document import ConfigProblems, Document, Problem
from proxy.config.seen import Seen
from proxy.config.yaml import read_into
from proxy.limits import CONFIGURATION_BYTES
from proxy.regular import open_regular


def open_document(path: Path, main: Document | None = None, seen: Seen | None = None) -> Document:
    """Read a file of the configuration, `main` being the one that includes it; problems are noted in the document.

    What is looked at on the way is noted in `seen`. Raises `ConfigProblems` where reading cannot go on.
    """
    document = Document(str(path), main, seen)
    read_into(document, _text(document, path))
    return document


def read_bounded(path: Path, most: int, seen: Seen) -> bytes:
    """Up to one byte more than `most` of a regular file: anything else might keep whoever reads it waiting for ever.

    It is noted in `seen`. Raises `OSError`, and `ValueError` for what is no path.
    """
    try:
        file = open_regular(path)
    except (OSError, ValueError):
        seen.note(path)
        raise
    with file:
        seen.note(path, os.fstat(file.fileno()))
        return file.read(most + 1)


def _text(document: Document, path: Path) -> str:
    try:
        data = read_bounded(path, CONFIGURATION_BYTES, document.seen)
        if len(data) <= CONFIGURATION_BYTES:
            return data.decode()
        sentence = f"this file is larger than {CONFIGURATION_BYTES >> 20} MiB; split it into files under include"
    except OSError as error:
        sentence = f"this file cannot be read ({error.strerror}); check its path and permissions"
    except UnicodeDecodeError:
        sentence = "this file is not UTF-8; save it in that encoding"
    document.problems.append(Problem(document.file, None, "", sentence))
    raise ConfigProblems(document.problems)
