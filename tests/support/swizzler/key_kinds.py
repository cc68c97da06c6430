"""What kinds of keys there are: types, curves, sizes, certificates and their PEM, and the methods that go with them.

Source: dialect 2.5, 2.6 and 3.8; row 63. Differences S16 and S17.
"""

from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives import serialization

from tests.support.certificates import (
    EXPIRED,
    LONG_AGO,
    authority,
    certificate,
    pem,
    signed_with_sha1,
    with_compressed_point,
    x509_key,
)
from tests.support.keys import Key, compressed, ecdsa_key, ed25519_key, of_the_pss_kind, rsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.swizzler.cases import GUN
from tests.support.swizzler.edits import one, sealed
from tests.support.swizzler.swizzle import ACCEPTS, FINE, UNSIGNED, Apply, Swizzle

_SPELLED: Final = ("timestamp", "targets/alice")
NOT_ROOT: Final = ("timestamp", "snapshot", "targets", "targets/alice")


def _pem_key(sim: NotarySimulator, role: str) -> None:
    """The legacy method: an `rsa` key whose bytes are PEM."""
    key = rsa_key("rsa")
    pem = key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    one(Key("rsa", pem, key.private))(sim, role)
    sealed(lambda envelope: envelope.signatures[0].update(method="pycrypto-pkcs#1 pss"))(sim, role)


def _in_pem(text: bytes) -> Apply:
    return one(Key("ecdsa-x509", text, ecdsa_key("other").private))


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

_GARBAGE: Final = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
_CERTIFIED: Final = _x509(ecdsa_key("other"))
_BUNDLE: Final = pem([certificate(GUN, ecdsa_key("other")), authority("corp").certificate])
_SPELLINGS: Final = {
    "with CRLF": _CERTIFIED.public.replace(b"\n", b"\r\n"),
    "without final newline": _CERTIFIED.public.rstrip(b"\n"),
    "with a comment before": b"alice's key\n" + _CERTIFIED.public,
    "with text behind": _CERTIFIED.public + b"end\n",
    "with an authority behind": _BUNDLE,
    "with garbage PEM behind": _CERTIFIED.public + _GARBAGE,
    "with broken PEM before": b"-----BEGIN CERTIFICATE-----\n!\n" + _CERTIFIED.public,
}

_ODD_SPELLINGS: Final = {
    "with blanks at line ends": _CERTIFIED.public.replace(b"\n", b" \n"),
    "with a header": _CERTIFIED.public.replace(b"CERTIFICATE-----\n", b"CERTIFICATE-----\nOwner: alice\n\n", 1),
    "with another label": _CERTIFIED.public.replace(b"CERTIFICATE", b"SOMETHING"),
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
    "ecdsa with a compressed point": Key("ecdsa", compressed(ecdsa_key("other")), ecdsa_key("other").private),
    "ecdsa-x509 with a compressed point": x509_key(
        ecdsa_key("other"), with_compressed_point(certificate(GUN, ecdsa_key("other")), ecdsa_key("other"))
    ),
    "rsa key of the PSS kind": Key("rsa", of_the_pss_kind(rsa_key("rsa")), rsa_key("rsa").private),
    "ecdsa with bytes behind the key": Key("ecdsa", ecdsa_key("other").public + b"\0", ecdsa_key("other").private),
}


def catalogue() -> list[Swizzle]:
    """All kinds of keys, for every role but root, whose keys have rules of their own."""
    return [
        *(_kind(name, one(key), FINE) for name, key in _GOOD_KEYS.items()),
        *(_kind(name, one(key), UNSIGNED) for name, key in _BAD_KEYS.items()),
        *(Swizzle(f"key in PEM {name}", _in_pem(text), FINE, roles=_SPELLED) for name, text in _SPELLINGS.items()),
        *(
            Swizzle(f"key in PEM {name}", _in_pem(text), FINE, {"every": "S17"}, roles=_SPELLED)
            for name, text in _ODD_SPELLINGS.items()
        ),
        Swizzle("key in PEM with garbage PEM before", _in_pem(_GARBAGE + _CERTIFIED.public), UNSIGNED, roles=_SPELLED),
        _kind(
            "rsa-x509 1024",
            one(_x509(_SHORT)),
            {"top": UNSIGNED["top"], "delegation": "RSA bit length is too short"},
        ),
        _kind(
            "rsa-x509 with SHA-1",
            one(x509_key(rsa_key("rsa"), signed_with_sha1(certificate(GUN, rsa_key("rsa"), not_before=LONG_AGO)))),
            {"top": ACCEPTS, "delegation": "uses invalid SHA1 signature algorithm"},
        ),
        Swizzle("pycrypto method", _pem_key, FINE, {"every": "S16"}, roles=NOT_ROOT),
    ]


def _kind(name: str, apply: Apply, verdict: Mapping[str, str]) -> Swizzle:
    return Swizzle(f"key {name}", apply, verdict, roles=NOT_ROOT)
