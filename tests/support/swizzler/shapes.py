"""Shapes of JSON values where a file may have others than it should: null, absent, empty, of another type.

Source: dialect 2, 2.2, 2.3; rows 10, 19 to 21.
"""

from collections.abc import Callable
from typing import Final

from tests.support.swizzler.edits import TRUE, key_table, rewritten, sealed, signed, with_field, without_field
from tests.support.swizzler.swizzle import FINE, FRESH_ONLY, TOP, UNSIGNED, Apply, Swizzle, every
from tests.support.wire import Json

_REFUSED: Final = every(".")  # a panic of the real client is a refusal too
_NO_SIGNATURES: Final = {"root": UNSIGNED["root"], "every": "data has no signatures"}
_WRONG_SHAPE: Final = every("cannot unmarshal")
_MISSING: Final = every("missing .* sha256 checksum information")


def _on_roles(edit: Callable[[Json], object]) -> Apply:
    return signed(lambda fields: edit(fields["roles"]))


def _more_roles(**roles: object) -> Apply:
    return _on_roles(lambda held: held.update(roles))


def _null_signature(place: int) -> Apply:
    return sealed(lambda envelope: envelope.signatures.insert(place, None))


def _unused(entry: object) -> Apply:
    """One more key in the file that declares the role, which nobody uses."""
    return key_table(lambda table: table.__setitem__("e" * 64, entry))


def _no_member(name: str) -> Apply:
    """Leave `signed` or `signatures` out of the file."""
    return rewritten(lambda data: data.replace(f'"{name}":'.encode(), f'"no {name}":'.encode(), 1))


_ENVELOPES: Final[dict[str, tuple[Apply, dict[str, str]]]] = {
    "nothing": (rewritten(lambda _: b""), _REFUSED),
    "null": (rewritten(lambda _: b"null"), _REFUSED),
    "an empty object": (rewritten(lambda _: b"{}"), _REFUSED),
    "an empty list": (rewritten(lambda _: b"[]"), _REFUSED),
    "a number": (rewritten(lambda _: b"7"), _REFUSED),
    "signed absent": (_no_member("signed"), _REFUSED),
    "signed null": (sealed(lambda envelope: setattr(envelope, "signed", None)), _REFUSED),
    "signed empty": (sealed(lambda envelope: setattr(envelope, "signed", {})), _REFUSED),
    "signatures absent": (_no_member("signatures"), _NO_SIGNATURES),
    "an empty signature beside": (sealed(lambda envelope: envelope.signatures.append({})), FINE),
}

_ROOTS: Final[dict[str, tuple[Apply, dict[str, str]]]] = {
    "consistent_snapshot true": (with_field("consistent_snapshot", TRUE), FINE),
    "consistent_snapshot null": (with_field("consistent_snapshot", None), FINE),
    "consistent_snapshot absent": (without_field("consistent_snapshot"), FINE),
    "consistent_snapshot a text": (with_field("consistent_snapshot", "yes"), _WRONG_SHAPE),
    "consistent_snapshot a number": (with_field("consistent_snapshot", 1), _WRONG_SHAPE),
    "one more role": (_more_roles(mirror={"keyids": [], "threshold": 1}), FINE),
    "an older root as a role": (_more_roles(**{"root.1": {"keyids": [], "threshold": 1}}), FINE),
    "one more role that is invalid": (_more_roles(mirror={"keyids": ["d" * 64], "threshold": 0}), FINE),
    "one more role that is null": (_more_roles(mirror=None), FINE),
    "one more role that is a text": (_more_roles(mirror="x"), _WRONG_SHAPE),
    "one more role with a text for threshold": (_more_roles(mirror={"threshold": "1"}), _WRONG_SHAPE),
    "a role null": (_on_roles(lambda held: held.update(timestamp=None)), every("missing timestamp role specification")),
    "a role a list": (_on_roles(lambda held: held.update(timestamp=[])), _WRONG_SHAPE),
    "roles null": (with_field("roles", None), every("missing root role specification")),
    "roles absent": (without_field("roles"), every("missing root role specification")),
    "roles a list": (with_field("roles", []), _WRONG_SHAPE),
    "keys null": (with_field("keys", None), every("without corresponding key")),
    "keys absent": (without_field("keys"), every("without corresponding key")),
    "keys a list": (with_field("keys", []), _WRONG_SHAPE),
}

_DESCRIBERS: Final[dict[str, tuple[Apply, dict[str, str]]]] = {
    "meta null": (with_field("meta", None), _MISSING),
    "meta absent": (without_field("meta"), _MISSING),
    "meta empty": (with_field("meta", {}), _MISSING),
    "meta a list": (with_field("meta", []), _WRONG_SHAPE),
    "meta a text": (with_field("meta", "x"), _WRONG_SHAPE),
    "custom data in an entry": (signed(lambda fields: _each(fields, custom={"any": [1]})), FINE),
    "custom null in an entry": (signed(lambda fields: _each(fields, custom=None)), FINE),
}

_UNUSED_KEYS: Final[dict[str, object]] = {
    "null": None,
    "empty": {},
    "without keyval": {"keytype": "rsa"},
    "with null for a type": {"keytype": None, "keyval": {"public": "AAAA"}},
    "with keyval null": {"keytype": "ecdsa", "keyval": None},
}


def _each(fields: Json, **more: object) -> None:
    for entry in fields["meta"].values():
        entry.update(more)


def catalogue() -> list[Swizzle]:
    """All shapes."""
    return [
        *(Swizzle(name, apply, verdict, states=FRESH_ONLY) for name, (apply, verdict) in _ENVELOPES.items()),
        *(
            Swizzle(f"null {place} the signatures", _null_signature(at), FINE, {"every": "S17"}, states=FRESH_ONLY)
            for place, at in (("before", 0), ("behind", 1))
        ),
        *(Swizzle(name, apply, verdict, roles=("root",)) for name, (apply, verdict) in _ROOTS.items()),
        *(Swizzle(name, apply, verdict, roles=TOP[:2]) for name, (apply, verdict) in _DESCRIBERS.items()),
        *(
            Swizzle(f"unused key {name}", _unused(entry), FINE, {"every": "S17"}, roles=("targets", "targets/alice"))
            for name, entry in _UNUSED_KEYS.items()
        ),
    ]
