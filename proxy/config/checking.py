"""Holds a document against the shape of the file, with a sentence for everything that does not fit.

What does not fit is dropped and the rest is checked again, until all that remains fits: so the problems of
one place hide none of another.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from proxy.config.document import Document, KeyPath, Tree, quoted
from proxy.config.fields import BRANCHES
from proxy.config.schema import keys_at, required_at
from proxy.config.shape import FileShape

_EACH: Final = "*"
_STAND_INS: Final[Mapping[tuple[str, ...], object]] = {
    ("version",): 1,
    ("name",): "registry.invalid",
    ("registry", "url"): "https://registry.invalid",
    ("notaries", _EACH, "url"): "https://notary.invalid",
    ("signers", _EACH, "keys"): "delegated",
}
"""In the place of required keys that are missing or wrong, to be able to read on; never used for more."""

_SENTENCES: Final = {
    "too_short": "this list is empty; write at least one value, or remove the key",
    "list_type": "a list is wanted here; write it in brackets, such as [one, another]",
    "dict_type": 'a mapping is wanted here; write names of your choice, each with a ":" and its keys',
}


def check(document: Document) -> FileShape:
    """Read what fits the shape; everything else is noted in the document and dropped."""
    while True:
        tree = document.remaining()
        for key, value in _STAND_INS.items():
            _stand_in(document, tree, key, value)
        try:
            return FileShape.model_validate(tree)
        except ValidationError as error:
            found = [(detail, _place(detail["loc"])) for detail in error.errors(include_url=False)]
        for detail, path in found:
            _note(document, detail, path)
        for detail, path in found:
            document.drop(path[:-1] if detail["type"] == "missing" else path)


def _stand_in(document: Document, tree: Tree, path: tuple[str, ...], value: object, at: KeyPath = ()) -> None:
    """Note that a required key is missing, and fill it in."""
    key, *rest = path
    if key == _EACH:
        for name, part in tree.items():
            if isinstance(part, dict):
                _stand_in(document, part, tuple(rest), value, (*at, name))
    elif rest:
        part = tree.setdefault(key, {})
        if isinstance(part, dict):
            _stand_in(document, part, tuple(rest), value, (*at, key))
    elif key not in tree:
        document.problem((*at, key), _missing((*at, key)))
        tree[key] = value


def _note(document: Document, detail: ErrorDetails, path: KeyPath) -> None:
    if detail["type"] != "too_short" or not document.was_cut(path):
        document.problem(path, _sentence(detail, path))


def _sentence(detail: ErrorDetails, path: KeyPath) -> str:
    match detail["type"]:
        case "value_error":
            return str(detail["ctx"]["error"])
        case "missing":
            return _missing(path)
        case "extra_forbidden":
            return _unknown(str(path[-1]), tuple(keys_at(path[:-1])))
        case "model_type":
            return f"a mapping is wanted here; write some of its keys: {', '.join(keys_at(path))}"
        case kind:
            return _SENTENCES.get(kind, detail["msg"])


def _missing(path: KeyPath) -> str:
    purpose = keys_at(path[:-1])[str(path[-1])]["description"]
    inside = " and ".join(required_at(path))
    return f"this key is required; add {f'{path[-1]} with {inside}' if inside else 'it'} ({purpose})"


def _unknown(key: str, known: tuple[str, ...]) -> str:
    return f"unknown key; {nearest(key, known) or 'possible here: ' + ', '.join(known)}"


def nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """A question whether the most similar of some names, with a prefix in front, was meant; or empty."""
    similar = get_close_matches(name, known, n=1)
    return f"did you mean {quoted(prefix + similar[0])}?" if similar else ""


def _place(location: KeyPath) -> KeyPath:
    """The path that a location means: without the marks of union branches, which no key can be."""
    return tuple(part for part in location if part not in BRANCHES)
