"""How keys and thresholds are declared: tables, ids, and counting.

Source: dialect 2.2, 2.5, 2.6 and 2.8; rows 16, 18, 19, 59, 62. Difference S1.
"""

from collections.abc import Callable
from typing import Final

from tests.support.certificates import (
    EXPIRED,
    certificate,
    root_key,
    x509_key,
)
from tests.support.keys import Key, ecdsa_key, ed25519_key, plain_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.swizzler.cases import GUN
from tests.support.swizzler.edits import TRUE, both, declaration, declared, key_table, keyed, sealed
from tests.support.swizzler.swizzle import FINE, UNSIGNED, Apply, Swizzle, every
from tests.support.wire import Json, base64_text

NOT_ROOT: Final = ("timestamp", "snapshot", "targets", "targets/alice")
_INVALID: Final = every("invalid threshold specified for")
_NO_CERTIFICATE: Final = UNSIGNED | {"root": "unable to retrieve valid leaf certificates"}
_NO_KEY: Final = every("without corresponding key|doesn't exist|invalid role|unknown key|delegation role .* invalid")
_BAD_BASE64: Final = every("illegal base64 data")
_WRONG_SHAPE: Final = every("cannot unmarshal")


def _on_public(edit: Callable[[str], object]) -> Apply:
    """Change the text of `public` of the role's only key, which is listed and named by its true id."""

    def apply(sim: NotarySimulator, role: str) -> None:
        key_id = declaration(sim, role).keys[0].key_id

        def change(table: Json) -> None:
            table[key_id]["keyval"]["public"] = edit(table[key_id]["keyval"]["public"])

        key_table(change)(sim, role)

    return apply


def _on_entry(edit: Callable[[Json], object]) -> Apply:
    """Change the entry of the role's only key in the table."""

    def apply(sim: NotarySimulator, role: str) -> None:
        key_id = declaration(sim, role).keys[0].key_id
        key_table(lambda table: edit(table[key_id]))(sim, role)

    return apply


def _of_type(keytype: str) -> Apply:
    """The role's key under another `keytype`, under the id that belongs to it, signing as before."""

    def choose(sim: NotarySimulator, role: str) -> list[Key]:
        key = declaration(sim, role).keys[0]
        return [Key(keytype, key.public, key.private)]

    return keyed(choose)


def _with_false_id(sim: NotarySimulator, role: str) -> None:
    """List the key under an id that is not its own, and let the signature name that id."""
    true = declaration(sim, role).keys[0].key_id
    false = "f" * 64

    def table(entries: Json) -> None:
        entries[false] = entries[true]

    key_table(table)(sim, role)
    declared(lambda entry: entry.update(keyids=[false]))(sim, role)
    sealed(lambda envelope: envelope.signatures[0].update(keyid=false))(sim, role)


def _threshold(value: object) -> Apply:
    return declared(lambda entry: entry.update(threshold=value))


def _signed_only_by_first(sim: NotarySimulator, role: str) -> None:
    sim[role].signers = sim[role].signers[:1]


def _pair(sim: NotarySimulator, role: str) -> list[Key]:
    second = root_key(GUN, "second of root") if role == "root" else sim.key(f"second of {role}")
    return [declaration(sim, role).keys[0], second]


def _same_key_twice(sim: NotarySimulator, role: str) -> list[Key]:
    key = declaration(sim, role).keys[0]
    return [key, x509_key(key, certificate(GUN, key))]


def _two_certificates(sim: NotarySimulator, role: str) -> list[Key]:
    key = plain_key(declaration(sim, role).keys[0].private)
    return [x509_key(key, certificate(GUN, key)), x509_key(key, certificate(GUN, key, not_before=EXPIRED))]


def _listed_twice(entry: Json) -> None:
    entry["keyids"] = entry["keyids"] * 2


def _unused(key_id: str, entry: object) -> Apply:
    return key_table(lambda table: table.__setitem__(key_id, entry))


_TABLE_FINE: Final = {
    "private not null": _on_entry(lambda entry: entry["keyval"].update(private=base64_text(b"secret"))),
    "private absent": _on_entry(lambda entry: entry["keyval"].pop("private")),
    "unknown fields in a key": _on_entry(lambda entry: entry.update(scheme="ecdsa-sha2-nistp256", note={})),
    "public with line breaks": _on_public(lambda text: text[:30] + "\r\n" + text[30:] + "\n"),
    "unused key": _unused(ed25519_key("unused").key_id, ed25519_key("unused").as_json()),
    "unused key under a false id": _unused("e" * 64, ed25519_key("unused").as_json()),
    "unused key with garbage": _unused("e" * 64, {"keytype": "ecdsa", "keyval": {"private": None, "public": "AAAA"}}),
    "unused key of unknown type": _unused(
        "e" * 64, {"keytype": "dilithium", "keyval": {"private": None, "public": "AAAA"}}
    ),
    "keyid listed twice": declared(_listed_twice),
    "unknown fields in the declaration": declared(lambda entry: entry.update(note="x")),
}

_TABLE_BROKEN: Final = {
    "public is no base64": (_on_public(lambda _: "not base64!"), _BAD_BASE64),
    "public without padding": (
        _on_public(lambda text: text.rstrip("=") + ("" if text.endswith("=") else "A")),
        _BAD_BASE64,
    ),
    "unused key is no base64": (
        _unused("e" * 64, {"keytype": "ecdsa", "keyval": {"private": None, "public": "!"}}),
        _BAD_BASE64,
    ),
    "public a number": (_on_public(lambda _: 7), _WRONG_SHAPE),
    "keytype a number": (_on_entry(lambda entry: entry.update(keytype=7)), _WRONG_SHAPE),
    "keyval a list": (_on_entry(lambda entry: entry.update(keyval=[])), _WRONG_SHAPE),
    "key a string": (_unused("e" * 64, "key"), _WRONG_SHAPE),
    "keyid without key": (declared(lambda entry: entry["keyids"].append("d" * 64)), _NO_KEY),
    "keyids a string": (declared(lambda entry: entry.update(keyids="x")), _WRONG_SHAPE),
    "threshold zero": (_threshold(0), _INVALID),
    "threshold negative": (_threshold(-1), _INVALID),
    "threshold absent": (declared(lambda entry: entry.pop("threshold")), _INVALID),
    "threshold null": (_threshold(None), _INVALID),
    "threshold a string": (_threshold("1"), _WRONG_SHAPE),
    "threshold true": (_threshold(TRUE), _WRONG_SHAPE),
    "threshold a fraction": (
        _threshold(1.5),
        every("cannot unmarshal|unsupported value|integrity of roots|rotate trust"),
    ),
}

_COUNTED: Final = {
    "threshold 2 of 2, both signed": (keyed(_pair, 2), FINE),
    "threshold 2 of 2, one signed": (both(keyed(_pair, 2), _signed_only_by_first), UNSIGNED),
    "threshold 1 of 2, one signed": (both(keyed(_pair, 1), _signed_only_by_first), FINE),
    "threshold 2 of 1": (_threshold(2), UNSIGNED),
    "threshold 3 of 2": (keyed(_pair, 3), UNSIGNED),
    "threshold huge": (_threshold(2**31), UNSIGNED),
    "threshold 2, one signature twice": (
        both(keyed(_pair, 2), sealed(lambda envelope: envelope.signatures.__setitem__(1, envelope.signatures[0]))),
        UNSIGNED,
    ),
    "threshold 2, second by a stranger": (
        both(keyed(_pair, 2), sealed(lambda envelope: envelope.signatures[1].update(keyid="c" * 64))),
        UNSIGNED,
    ),
    "no keys": (declared(lambda entry: entry.update(keyids=[])), _NO_CERTIFICATE),
    "keyids null": (declared(lambda entry: entry.update(keyids=None)), _NO_CERTIFICATE),
    "keyids absent": (declared(lambda entry: entry.pop("keyids")), _NO_CERTIFICATE),
    "key of unknown type": (_of_type("dilithium"), UNSIGNED),
    "key type in capitals": (_of_type("ECDSA"), UNSIGNED),
    "key type empty": (_of_type(""), UNSIGNED),
    "unknown type next to a good key": (
        keyed(lambda sim, role: [declaration(sim, role).keys[0], Key("dilithium", b"?", ecdsa_key("other").private)]),
        FINE,
    ),
}


def catalogue() -> list[Swizzle]:
    """All declarations of keys and thresholds."""
    return [
        *(Swizzle(name, apply, FINE) for name, apply in _TABLE_FINE.items()),
        *(Swizzle(name, apply, verdict, in_declarer=True) for name, (apply, verdict) in _TABLE_BROKEN.items()),
        *(Swizzle(name, apply, verdict) for name, (apply, verdict) in _COUNTED.items()),
        Swizzle(
            "key under a false id",
            _with_false_id,
            every("key ID is not valid for key content") | {"root": UNSIGNED["root"]},
        ),
        Swizzle("same key as two, threshold 2", keyed(_same_key_twice, 2), FINE, {"every": "S1"}, roles=NOT_ROOT),
        Swizzle("two certificates of one key, threshold 2", keyed(_two_certificates, 2), FINE, {"every": "S1"}),
    ]
