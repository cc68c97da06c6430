"""The configuration: a YAML file and a few environment variables become `Settings`, or all problems at once.

On the way down: `yaml` reads a `Document` with the line of every key, `environment` lays variables over it,
`checking` holds it against the models in `shape`, and `building` looks up names, files and patterns. Each notes what
is wrong in the document and goes on; only a document without problems becomes settings.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from proxy.config.building import build
from proxy.config.checking import check
from proxy.config.document import ConfigProblems, Problem
from proxy.config.environment import override
from proxy.config.settings import Settings
from proxy.config.yaml import read

__all__ = ["ConfigProblems", "Problem", "Settings", "load"]


def load(path: Path, environ: Mapping[str, str], now: datetime | None = None) -> Settings:
    """Read the configuration file and the environment variables that override it.

    With `now` (aware), what has run out by then is warned of, too.

    Raises `ConfigProblems`, whose text has one line for each thing to mend: `file:line: path: sentence`.
    """
    document = read(_text(path), str(path))
    override(document, environ)
    return build(document, check(document), path.parent, now)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        sentence = f"this file cannot be read ({error.strerror}); check its path and permissions"
    except UnicodeDecodeError:
        sentence = "this file is not UTF-8; save it in that encoding"
    raise ConfigProblems([Problem(str(path), None, "", sentence)])
