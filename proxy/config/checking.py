"""Holds a document against the shape of the file, with a sentence for everything that does not fit.

What does not fit is dropped and the rest is checked again, until all that remains fits: so the problems of
one place hide none of another.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from proxy.config.document import Document, KeyPath, Tree, quoted
from proxy.config.fields import BRANCHES, Shape
from proxy.config.schema import keys_at, required_at
from proxy.config.shape import FileShape, IncludedShape

_Kind = TypeVar("_Kind", bound=Shape)

_EACH: Final = "*"
_STAND_INS: Final[Mapping[type[Shape], Mapping[tuple[str, ...], object]]] = {
    FileShape: {
        ("version",): 1,
        ("name",): "registry.invalid",
        ("registry", "url"): "https://registry.invalid",
        ("signers", _EACH, "keys"): "delegated",
    },
    IncludedShape: {
        ("scope",): "**",
        ("signers", _EACH, "keys"): "delegated",
    },
}
"""In the place of required keys that are missing or wrong, to be able to read on; never used for more."""

_SENTENCES: Final = {
    "too_short": "this list is empty; write at least one value, or remove the key",
    "list_type": "a list is wanted here; write it in brackets, such as [one, another]",
    "dict_type": 'a mapping is wanted here; write names of your choice, each with a ":" and its keys',
}


def check(document: Document) -> FileShape:
    """Read what fits the shape of the main file; everything else is noted in the document and dropped.

    Raises `ConfigProblems` for an included file, of which nothing here can be said.
    """
    if "scope" in document.tree and "version" not in document.tree:
        document.problem(("scope",), "this is an included file, because it has a scope; check the main file instead")
        document.raise_problems()
    return _check(document, FileShape)


def check_included(document: Document) -> IncludedShape:
    """The same for an included file."""
    return _check(document, IncludedShape)


def _check(document: Document, kind: type[_Kind]) -> _Kind:
    while True:
        tree = document.remaining()
        for key, value in _STAND_INS[kind].items():
            _stand_in(document, tree, key, value, kind)
        try:
            return kind.model_validate(tree)
        except ValidationError as error:
            found = [(detail, _place(detail["loc"])) for detail in error.errors(include_url=False)]
        for detail, path in found:
            _note(document, detail, path, kind)
        for detail, path in found:
            document.drop(path[:-1] if detail["type"] == "missing" else path)


def _stand_in(
    document: Document, tree: Tree, path: tuple[str, ...], value: object, kind: type[Shape], at: KeyPath = ()
) -> None:
    """Note that a required key is missing, and fill it in."""
    key, *rest = path
    if key == _EACH:
        for name, part in tree.items():
            if isinstance(part, dict):
                _stand_in(document, part, tuple(rest), value, kind, (*at, name))
    elif rest:
        part = tree.setdefault(key, {})
        if isinstance(part, dict):
            _stand_in(document, part, tuple(rest), value, kind, (*at, key))
    elif key not in tree:
        document.problem((*at, key), _missing((*at, key), kind))
        tree[key] = value


def _note(document: Document, detail: ErrorDetails, path: KeyPath, kind: type[Shape]) -> None:
    if detail["type"] != "too_short" or not document.was_cut(path):
        document.problem(path, _sentence(detail, path, kind))


def _sentence(detail: ErrorDetails, path: KeyPath, kind: type[Shape]) -> str:
    match detail["type"]:
        case "value_error":
            return str(detail["ctx"]["error"])
        case "missing":
            return _missing(path, kind)
        case "extra_forbidden":
            return _unknown(path, kind)
        case "model_type":
            return f"a mapping is wanted here; write some of its keys: {', '.join(keys_at(path, kind))}"
        case other:
            return _SENTENCES.get(other, detail["msg"])


def _missing(path: KeyPath, kind: type[Shape]) -> str:
    purpose = keys_at(path[:-1], kind)[str(path[-1])]["description"]
    inside = " and ".join(required_at(path, kind))
    return f"this key is required; add {f'{path[-1]} with {inside}' if inside else 'it'} ({purpose})"


def _unknown(path: KeyPath, kind: type[Shape]) -> str:
    key, known = str(path[-1]), tuple(keys_at(path[:-1], kind))
    if kind is IncludedShape and key in keys_at(path[:-1]):
        what = "an entry of an included file" if len(path) > 1 else "an included file"
        return f"{what} may hold only {', '.join(known)}; write this into the main file"
    return f"unknown key; {nearest(key, known) or 'possible here: ' + ', '.join(known)}"


def nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """A question whether the most similar of some names, with a prefix in front, was meant; or empty."""
    similar = get_close_matches(name, known, n=1)
    return f"did you mean {quoted(prefix + similar[0])}?" if similar else ""


def _place(location: KeyPath) -> KeyPath:
    """The path that a location means: without the marks of union branches, which no key can be."""
    return tuple(part for part in location if part not in BRANCHES)
