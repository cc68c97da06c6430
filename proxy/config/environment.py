"""Environment variables that override single values: `TAGWARDEN__REGISTRY__URL` (design: Configuration)."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final

from proxy.config.checking import nearest
from proxy.config.document import Document, KeyPath
from proxy.config.schema import Node, keys_at

_PREFIX: Final = "TAGWARDEN__"
_SECTIONS: Final = ("listen", "probes", "registry", "trust_store")
_SCALARS: Final = ("version", "name", "workers")
_SINGLE: Final = ("string", "integer", "boolean")


def override(document: Document, environ: Mapping[str, str]) -> None:
    """Lay variables over the document; names with a single underscore are others' (Kubernetes injects such)."""
    known = _known()
    for variable in sorted(name for name in environ if name.startswith(_PREFIX)):
        name = variable.removeprefix(_PREFIX)
        if name in known:
            path, node = known[name]
            document.override(path, variable, _typed(environ[variable], node))
        else:
            hint = _nearest(name, known) or f"behind {_PREFIX}, these are possible: {', '.join(known)}"
            document.problem_of_variable(variable, f"no value has this name; {hint}")


def _nearest(name: str, known: Iterable[str]) -> str:
    """A question for the most similar name of the same section: a value of another one is never what was meant."""
    section, _, key = name.partition("__")
    similar = get_close_matches(section, {other.partition("__")[0] for other in known}, n=1)
    if not similar:
        return ""
    keys = [other.partition("__")[2] for other in known if other.partition("__")[0] == similar[0]]
    return nearest(key, keys, f"{_PREFIX}{similar[0]}__") if all(keys) else nearest(section, similar, _PREFIX)


def _known() -> dict[str, tuple[KeyPath, Node]]:
    """Every name that has a meaning behind the prefix, with the path and the schema of the key that it overrides."""
    top = {(key,): node for key, node in keys_at(()).items() if key in _SCALARS}
    below = {
        (section, key): node
        for section in _SECTIONS
        for key, node in keys_at((section,)).items()
        if node.get("type") in _SINGLE
    }
    return {"__".join(path).upper(): (path, node) for path, node in (top | below).items()}


def _typed(text: str, node: Node) -> object:
    """A variable is text; numbers and booleans are told by what the key wants."""
    match node["type"], text:
        case "boolean", "true" | "false":
            return text == "true"
        case (("integer" | ["integer", *_]), digits) if digits.isdecimal() and digits.isascii():
            return int(digits)
        case _:
            return text
