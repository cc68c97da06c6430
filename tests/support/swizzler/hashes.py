"""How snapshot and timestamp describe the files below them: hashes, lengths, entries.

The `role` of a case is the one that is described. Source: dialect 2.3; rows 20, 21, 64, 65, 67, 68. Difference S12.
"""

from collections.abc import Callable
from typing import Final

from tests.support.notary_simulator import NotarySimulator
from tests.support.swizzler.edits import described
from tests.support.swizzler.swizzle import ACCEPTS, FINE, FRESH, NEWER, SKIPS, Apply, Swizzle, every
from tests.support.wire import Json, base64_text

DESCRIBED: Final = ("root", "snapshot", "targets", "targets/alice")
_BELOW_ROOT: Final = DESCRIBED[1:]
_HUGE: Final = 1 << 40
_MISSING: Final = {
    "root": "missing root|does not have trust data",
    "every": r"^(snapshot|targets|targets/alice)\.(78){32} trust data unavailable",
}
_NO_SHA256: Final = {
    "delegation": "no checksums for supported algorithms were provided for targets/alice",
    "every": "missing .* sha256 checksum information",
}
_INVALID_HASH: Final = {
    "delegation": "checksum for targets/alice did not match|trust data unavailable",
    "every": "invalid .* checksum information",
}
_NOT_WHOLE: Final = every("cannot unmarshal|unsupported value")
_WRONG_SHAPE: Final = every("cannot unmarshal")


def _hashes(edit: Callable[[Json], object]) -> Apply:
    """Change the hashes of the entry."""
    return described(lambda entry: edit(entry["hashes"]))


def _length(edit: Callable[[int], object]) -> Apply:
    """Change the length of the entry; `edit` maps the true one to another value."""
    return described(lambda entry: entry.update(length=edit(entry["length"])))


def _meta(edit: Callable[[Json, str], object]) -> Apply:
    """Change the table that holds the role's entry; `edit` gets it and the role."""

    def apply(sim: NotarySimulator, role: str) -> None:
        describer = sim.timestamp if role == "snapshot" else sim.snapshot
        describer.before_signing.append(lambda fields: edit(fields["meta"], role))

    return apply


def _blanks_around(sim: NotarySimulator, role: str) -> None:
    """Serve the file with a blank at both ends, but describe it as it was without them (row 7)."""
    sim.after_publish.append(lambda: sim.serve(role, b" " + sim.current[role] + b" "))


_CHANGED: Final = {"every": "checksum for .* did not match|trust server returned a bad response"}


def catalogue() -> list[Swizzle]:
    """All descriptions of files."""
    fine: dict[str, Apply] = {
        "sha256 only": _hashes(lambda table: table.pop("sha512")),
        "unknown algorithm beside": _hashes(lambda table: table.update(sha384=base64_text(b"x" * 48))),
        "unknown algorithm SHA256 beside": _hashes(lambda table: table.update(SHA256=base64_text(b"x"))),
        "unknown fields in the entry": described(lambda entry: entry.update(version=1, custom={"a": []})),
        "entry for an unknown file": _meta(lambda meta, _: meta.update(mirrors={"hashes": {}, "length": 1})),
        "entries for files it does not govern": _meta(_false_entries),
        "hashes with line breaks": _hashes(
            lambda table: table.update(sha256=table["sha256"][:9] + "\n" + table["sha256"][9:])
        ),
    }
    broken: dict[str, tuple[Apply, dict[str, str]]] = {
        "sha256 of another file": (_hashes(lambda table: table.update(sha256=base64_text(b"x" * 32))), _MISSING),
        "sha512 of another file": (
            _hashes(lambda table: table.update(sha512=base64_text(b"x" * 64))),
            every("sha512 checksum for .* did not match"),
        ),
        "blanks around the file": (_blanks_around, _CHANGED),
        "unknown algorithm only": (_hashes(_only_sha384), _NO_SHA256),
        "no hashes": (_hashes(lambda table: table.clear()), _NO_SHA256),
        "hashes null": (described(lambda entry: entry.update(hashes=None)), _NO_SHA256),
        "hashes absent": (described(lambda entry: entry.pop("hashes")), _NO_SHA256),
        "sha256 of 31 bytes": (_hashes(lambda table: table.update(sha256=base64_text(b"x" * 31))), _INVALID_HASH),
        "sha256 of 33 bytes": (_hashes(lambda table: table.update(sha256=base64_text(b"x" * 33))), _INVALID_HASH),
        "sha256 empty": (_hashes(lambda table: table.update(sha256="")), _INVALID_HASH),
        "sha256 null": (_hashes(lambda table: table.update(sha256=None)), _INVALID_HASH),
        "sha256 a number": (_hashes(lambda table: table.update(sha256=7)), _WRONG_SHAPE),
        "sha512 of 63 bytes": (_hashes(lambda table: table.update(sha512=base64_text(b"x" * 63))), _INVALID_HASH),
        "sha256 no base64": (_hashes(lambda table: table.update(sha256="!")), every("illegal base64")),
        "unknown hash no base64": (_hashes(lambda table: table.update(sha384="!")), every("illegal base64")),
        "sha256 as hex": (_hashes(lambda table: table.update(sha256="ab" * 32)), _INVALID_HASH),
        "hashes a list": (described(lambda entry: entry.update(hashes=[])), _WRONG_SHAPE),
        "length a string": (_length(str), _WRONG_SHAPE),
        "length 1e9": (_length(lambda _: "1e9"), _WRONG_SHAPE),
        "entry null": (_meta(lambda meta, role: meta.update({role: None})), _NO_SHA256 | {"delegation": SKIPS}),
        "entry a string": (_meta(lambda meta, role: meta.update({role: "x"})), _WRONG_SHAPE),
    }
    lengths: dict[str, Apply] = {
        "described as shorter": _length(lambda length: length - 1),
        "described as empty": _length(lambda _: 0),
        "length absent": described(lambda entry: entry.pop("length")),
        "length null": _length(lambda _: None),
        "length negative": _length(lambda _: -5),
    }
    return [
        *(Swizzle(name, apply, _CHANGED, roles=_BELOW_ROOT) for name, apply in lengths.items()),
        Swizzle("described as longer", _length(lambda length: length + 1000), FINE, {"every": "S12"}, roles=DESCRIBED),
        Swizzle("described as huge", _length(lambda _: _HUGE), FINE, {"every": "S12"}, roles=DESCRIBED),
        *(
            Swizzle(name, apply, FINE, {"root": "S12"}, roles=("root",), states=(FRESH,))
            for name, apply in lengths.items()
        ),
        *(Swizzle(name, apply, _CHANGED, roles=("root",), states=(NEWER,)) for name, apply in lengths.items()),
        Swizzle(
            "length a fraction", _length(lambda length: length + 0.5), _NOT_WHOLE, roles=DESCRIBED, in_declarer=True
        ),
        Swizzle("length minus one", _length(lambda _: -1), FINE, {"every": "S12"}, roles=DESCRIBED),
        *(Swizzle(name, apply, FINE, roles=DESCRIBED) for name, apply in fine.items()),
        *(Swizzle(name, apply, verdict, roles=DESCRIBED) for name, (apply, verdict) in broken.items()),
        Swizzle(
            "entry absent",
            _dropped,
            {"delegation": SKIPS, "every": "missing .* sha256 checksum information"},
            roles=DESCRIBED,
            states=(FRESH,),
        ),
        Swizzle("entry gone", _dropped, {"delegation": SKIPS}, roles=DESCRIBED, states=(NEWER,)),
        Swizzle(
            "sha512 only",
            _hashes(lambda table: table.pop("sha256")),
            _NO_SHA256 | {"delegation": ACCEPTS},
            {"delegation": "S17"},
            roles=DESCRIBED,
        ),
    ]


def _dropped(sim: NotarySimulator, role: str) -> None:
    _meta(lambda meta, name: meta.pop(name))(sim, role)


def _false_entries(meta: Json, _role: str) -> None:
    false = {"hashes": {"sha256": base64_text(b"x" * 32)}, "length": 1}
    for role in ("timestamp", "snapshot", "root", "targets/ghost"):
        meta.setdefault(role, false)


def _only_sha384(table: Json) -> None:
    table.clear()
    table["sha384"] = base64_text(b"x" * 48)
