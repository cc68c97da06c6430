"""From a path to a document: bytes, text, YAML, each with a sentence where that fails."""

from pathlib import Path

from proxy.config.document import ConfigProblems, Document, Problem
from proxy.config.yaml import read_into
from proxy.limits import CONFIGURATION_BYTES


def open_document(path: Path, main: Document | None = None) -> Document:
    """Read a file of the configuration, `main` being the one that includes it; problems are noted in the document.

    Raises `ConfigProblems` where reading cannot go on.
    """
    document = Document(str(path), main)
    read_into(document, _text(document, path))
    return document


def _text(document: Document, path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(CONFIGURATION_BYTES + 1)
        if len(data) <= CONFIGURATION_BYTES:
            return data.decode()
        sentence = f"this file is larger than {CONFIGURATION_BYTES >> 20} MiB; split it into files under include"
    except OSError as error:
        sentence = f"this file cannot be read ({error.strerror}); check its path and permissions"
    except UnicodeDecodeError:
        sentence = "this file is not UTF-8; save it in that encoding"
    document.problems.append(Problem(document.file, None, "", sentence))
    raise ConfigProblems(document.problems)
