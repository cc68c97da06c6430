"""How keys and thresholds are declared: types, curves, sizes, ids, tables, and counting.

Source: dialect 2.2, 2.5, 2.6 and 2.8; rows 16, 18, 19, 59, 62, 63. Differences S1 and S16.
"""

from collections.abc import Callable
from typing import Any, Final

from cryptography.hazmat.primitives import serialization

from tests.support.certificates import EXPIRED, LONG_AGO, certificate, root_key, signed_with_sha1, x509_key
from tests.support.keys import Key, ecdsa_key, ed25519_key, plain_key, rsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.swizzler.cases import GUN
from tests.support.swizzler.edits import both, declaration, declared, key_table, keyed, sealed
from tests.support.swizzler.swizzle import ACCEPTS, FINE, UNSIGNED, Apply, Swizzle, every
from tests.support.wire import Json, base64_text

NOT_ROOT: Final = ("timestamp", "snapshot", "targets", "targets/alice")
_INVALID: Final = every("invalid threshold specified for")
_NO_CERTIFICATE: Final = UNSIGNED | {"root": "unable to retrieve valid leaf certificates"}
_NO_KEY: Final = every("without corresponding key|doesn't exist|invalid role|unknown key|delegation role .* invalid")
_BAD_BASE64: Final = every("illegal base64 data")
_WRONG_SHAPE: Final = every("cannot unmarshal")


def one(key: Key) -> Apply:
    """Declare this key alone, and sign by it."""
    return keyed(lambda _sim, _role: [key])


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


def _pem_key(sim: NotarySimulator, role: str) -> None:
    """The legacy method: an `rsa` key whose bytes are PEM."""
    key = rsa_key("rsa")
    pem = key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    one(Key("rsa", pem, key.private))(sim, role)
    sealed(lambda envelope: envelope.signatures[0].update(method="pycrypto-pkcs#1 pss"))(sim, role)


def _unused(key_id: str, entry: Json) -> Apply:
    return key_table(lambda table: table.__setitem__(key_id, entry))


def _x509(key: Key, **how: Any) -> Key:
    return x509_key(key, certificate(GUN, key, **how))


_SHORT: Final = rsa_key("short", 1024)

_GOOD_KEYS: Final = {
    "ecdsa P-224": ecdsa_key("other", "P-224"),
    "ecdsa P-384": ecdsa_key("other", "P-384"),
    "ecdsa P-521": ecdsa_key("other", "P-521"),
    "rsa 2048": rsa_key("rsa"),
    "rsa 3072": rsa_key("long", 3072),
    "ed25519": ed25519_key("other"),
    "ecdsa-x509": _x509(ecdsa_key("other")),
    "ecdsa-x509 on P-384": _x509(ecdsa_key("other", "P-384")),
    "rsa-x509": _x509(rsa_key("rsa")),
    "ecdsa-x509, expired": _x509(ecdsa_key("other"), not_after=EXPIRED),
    "ecdsa-x509, not yet valid": _x509(ecdsa_key("other"), not_before=EXPIRED.replace(year=2090)),
    "ecdsa-x509, other name": x509_key(ecdsa_key("other"), certificate("somebody else", ecdsa_key("other"))),
    "ecdsa-x509, an authority": _x509(ecdsa_key("other"), is_ca=True),
}

_BAD_KEYS: Final = {
    "ecdsa secp256k1": ecdsa_key("other", "secp256k1"),
    "rsa 1024": _SHORT,
    "ed25519 of 31 bytes": Key("ed25519", ed25519_key("other").public[:31], ed25519_key("other").private),
    "ed25519 as SubjectPublicKeyInfo": Key(
        "ed25519",
        b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00" + ed25519_key("other").public,
        ed25519_key("other").private,
    ),
    "ecdsa with garbage for a key": Key("ecdsa", b"garbage", ecdsa_key("other").private),
    "ecdsa key called rsa": Key("rsa", ecdsa_key("other").public, ecdsa_key("other").private),
    "rsa key called ecdsa": Key("ecdsa", rsa_key("rsa").public, rsa_key("rsa").private),
    "ecdsa-x509 with garbage": Key("ecdsa-x509", b"garbage", ecdsa_key("other").private),
    "ecdsa-x509 with DER": Key("ecdsa-x509", ecdsa_key("other").public, ecdsa_key("other").private),
    "ecdsa with a certificate": Key("ecdsa", _x509(ecdsa_key("other")).public, ecdsa_key("other").private),
    "ecdsa-x509 with an RSA certificate": Key("ecdsa-x509", _x509(rsa_key("rsa")).public, rsa_key("rsa").private),
    "rsa-x509 with an ECDSA certificate": Key("rsa-x509", _x509(ecdsa_key("other")).public, ecdsa_key("other").private),
    "ecdsa with bytes behind the key": Key("ecdsa", ecdsa_key("other").public + b"\0", ecdsa_key("other").private),
}

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
    "key a string": (_unused("e" * 64, "key"), _WRONG_SHAPE),  # type: ignore[arg-type]  # that is the corruption
    "keyid without key": (declared(lambda entry: entry["keyids"].append("d" * 64)), _NO_KEY),
    "keyids a string": (declared(lambda entry: entry.update(keyids="x")), _WRONG_SHAPE),
    "threshold zero": (_threshold(0), _INVALID),
    "threshold negative": (_threshold(-1), _INVALID),
    "threshold absent": (declared(lambda entry: entry.pop("threshold")), _INVALID),
    "threshold null": (_threshold(None), _INVALID),
    "threshold a string": (_threshold("1"), _WRONG_SHAPE),
    "threshold true": (_threshold(True), _WRONG_SHAPE),  # noqa: FBT003  (a value of JSON)
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
        *(Swizzle(f"key {name}", one(key), FINE, roles=NOT_ROOT) for name, key in _GOOD_KEYS.items()),
        *(Swizzle(f"key {name}", one(key), UNSIGNED, roles=NOT_ROOT) for name, key in _BAD_KEYS.items()),
        Swizzle(
            "key rsa-x509 1024",
            one(_x509(_SHORT)),
            {"top": UNSIGNED["top"], "delegation": "RSA bit length is too short"},
            roles=NOT_ROOT,
        ),
        Swizzle(
            "key rsa-x509 with SHA-1",
            one(x509_key(rsa_key("rsa"), signed_with_sha1(certificate(GUN, rsa_key("rsa"), not_before=LONG_AGO)))),
            {"top": ACCEPTS, "delegation": "uses invalid SHA1 signature algorithm"},
            roles=NOT_ROOT,
        ),
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
        Swizzle("pycrypto method", _pem_key, FINE, {"every": "S16"}, roles=NOT_ROOT),
    ]
