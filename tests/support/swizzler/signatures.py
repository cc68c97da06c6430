"""Signatures: whose they are, what they cover, how they are written, and how they are counted.

Source: dialect 2.6 and 2.8; rows 14, 15, 59 to 63.
"""

import base64
import json
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.support.keys import Key, key_of_type, sign_der, sign_pss
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import Envelope
from tests.support.swizzler.edits import both, on_signature, sealed, with_field
from tests.support.swizzler.swizzle import FINE, FRESH_ONLY, KINDS, UNSIGNED, Apply, Swizzle, every
from tests.support.wire import Json, base64_text, canonical, on_the_wire

_NO_SIGNATURES: Final = {
    "root": "failed to validate integrity of roots|could not rotate trust to a new trusted root",
    "every": "data has no signatures",
}
_BAD_BASE64: Final = every("illegal base64 data")
_WRONG_SHAPE: Final = every("cannot unmarshal")
_HALF_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _bytes_of(signature: Json) -> bytes:
    return base64.b64decode(signature["sig"])


def _bytes(edit: Callable[[bytes], bytes]) -> Apply:
    """Change the bytes of every signature; `edit` maps bytes to bytes."""
    return on_signature(lambda signature: signature.update(sig=base64_text(edit(_bytes_of(signature)))))


def _text(edit: Callable[[str], str]) -> Apply:
    """Change the base64 text of every signature; `edit` maps text to text."""
    return on_signature(lambda signature: signature.update(sig=edit(signature["sig"])))


def _signed_by(sim_keys: Callable[[NotarySimulator, str], list[Key]]) -> Apply:
    """Sign by other keys; `sim_keys` maps a simulator and a role to them."""

    def apply(sim: NotarySimulator, role: str) -> None:
        sim[role].signers = sim_keys(sim, role)

    return apply


def _by(method: Callable[[Key, bytes], bytes]) -> Apply:
    """Sign by the role's own keys in a way of one's own; `method` maps a key and a message to a signature."""

    def apply(sim: NotarySimulator, role: str) -> None:
        def resign(envelope: Envelope) -> None:
            message = canonical(envelope.signed)
            for key, signature in zip(sim[role].signers, envelope.signatures, strict=True):
                signature["sig"] = base64_text(method(key, message))

        sim[role].after_signing.append(resign)

    return apply


def _der(key: Key, message: bytes) -> bytes:
    assert isinstance(key.private, ec.EllipticCurvePrivateKey)
    return sign_der(key.private, message)


def _salted(length: int) -> Apply:
    def pss(key: Key, message: bytes) -> bytes:
        assert isinstance(key.private, rsa.RSAPrivateKey)
        return sign_pss(key.private, message, length if length >= 0 else key.private.key_size // 8 - 34)

    return _by(pss)


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _mirrored(data: bytes) -> bytes:
    """The other signature that an ECDSA signature implies: s replaced by the group order minus s."""
    return data[:32] + (_HALF_ORDER - int.from_bytes(data[32:])).to_bytes(32)


def _stray_bits(text: str) -> str:
    """The same bytes with bits set in the padding of the base64."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = text.rstrip("=")
    assert body != text, "a text without padding has no stray bits"
    return body[:-1] + alphabet[alphabet.index(body[-1]) | 1] + text[len(body) :]


def _add(make: Callable[[Json], Json], *, first: bool = False) -> Apply:
    """Add a signature before or behind the good ones; `make` maps a copy of the first good one to it."""

    def add(envelope: Envelope) -> None:
        envelope.signatures.insert(0 if first else len(envelope.signatures), make(dict(envelope.signatures[0])))

    return sealed(add)


def _covering(over: Callable[[Json], bytes]) -> Apply:
    """Sign something else than the canonical form; `over` maps `signed` to the bytes."""

    def apply(sim: NotarySimulator, role: str) -> None:
        def resign(envelope: Envelope) -> None:
            message = over(envelope.signed)
            envelope.signatures = [key.signature(message) for key in sim[role].signers]

        sim[role].after_signing.append(resign)

    return apply


_STRANGER: Final = {
    "signed by a stranger": _signed_by(lambda sim, _: [sim.key("a stranger")]),
    "signed by a key of another role": _signed_by(
        lambda sim, role: [sim.key("releases" if role != "releases" else "snapshot")]
    ),
    "signed by the root's key only": _signed_by(
        lambda sim, role: sim.root.signers if role != "root" else [sim.key("targets")]
    ),
}

_WRONG: Final = {
    "signature is text": _bytes(lambda _: b"invalid signature"),
    "signature empty": _bytes(lambda _: b""),
    "signature all zero": _bytes(lambda data: bytes(len(data))),
    "last bit flipped": _bytes(_flipped),
    "one byte short": _bytes(lambda data: data[:-1]),
    "one byte long": _bytes(lambda data: data + b"\0"),
    "zero byte in the middle": _bytes(lambda data: data[: len(data) // 2] + b"\0" + data[len(data) // 2 :]),
    "leading zero byte": _bytes(lambda data: b"\0" + data),
    "twice the signature": _bytes(lambda data: data * 2),
    "keyid of nobody": on_signature(lambda signature: signature.update(keyid="0" * 64)),
    "keyid in capitals": on_signature(lambda signature: signature.update(keyid=signature["keyid"].upper())),
    "keyid with a blank": on_signature(lambda signature: signature.update(keyid=signature["keyid"] + " ")),
    "keyid absent": on_signature(lambda signature: signature.pop("keyid")),
    "keyid null": on_signature(lambda signature: signature.update(keyid=None)),
    "method unknown": on_signature(lambda signature: signature.update(method="none")),
    "method empty": on_signature(lambda signature: signature.update(method="")),
    "method absent": on_signature(lambda signature: signature.pop("method")),
    "method null": on_signature(lambda signature: signature.update(method=None)),
    "method of another kind of key": on_signature(
        lambda signature: signature.update(method="eddsa" if signature["method"] != "eddsa" else "ecdsa")
    ),
    "method rsapss or ecdsa, swapped": on_signature(
        lambda signature: signature.update(method="rsapss" if signature["method"] != "rsapss" else "ecdsa")
    ),
    "covers compact JSON": both(
        with_field("note", "<&>\n"),
        _covering(lambda signed: json.dumps(signed, separators=(",", ":"), sort_keys=True).encode()),
    ),
    "covers the wire form": both(with_field("note", "<&>"), _covering(on_the_wire)),
    "covers another version": _covering(lambda signed: canonical(signed | {"version": signed["version"] + 1})),
    "covers the whole file": _covering(lambda signed: canonical({"signed": signed})),
    "sig absent": on_signature(lambda signature: signature.pop("sig")),
    "sig null": on_signature(lambda signature: signature.update(sig=None)),
    "signed by a stranger in the owner's name": _by(lambda key, message: _namesake(key).sign(message)),
}

_RIGHT: Final = {
    "signature twice": _add(lambda good: good),
    "bad signature first, same keyid": _add(lambda good: good | {"sig": base64_text(b"bad")}, first=True),
    "bad signature last, same keyid": _add(lambda good: good | {"sig": base64_text(b"bad")}),
    "stranger's signature first": _add(lambda good: good | {"keyid": "f" * 64}, first=True),
    "signature with unknown method beside": _add(lambda good: good | {"method": "minisign"}, first=True),
    "signature with unknown fields": on_signature(lambda signature: signature.update(note="x", is_valid=True)),
    "method in capitals": on_signature(lambda signature: signature.update(method=signature["method"].upper())),
    "base64 with line breaks": _text(
        lambda text: "\r\n".join(text[start : start + 20] for start in range(0, len(text), 20)) + "\n"
    ),
    "base64 with stray bits": _text(_stray_bits),
    "a hundred strangers' signatures": sealed(
        lambda envelope: envelope.signatures.extend(
            {"keyid": f"{number:064x}", "method": "ecdsa", "sig": "AAAA"} for number in range(100)
        )
    ),
}

_EMPTY: Final = {
    "signatures empty": sealed(lambda envelope: envelope.signatures.clear()),
    "signatures null": sealed(lambda envelope: setattr(envelope, "signatures", None)),
}

_BAD_TEXT: Final = {
    "base64 without padding": _text(lambda text: text.rstrip("=")),
    "base64 with a blank": _text(lambda text: text[:8] + " " + text[8:]),
    "base64 with a tab": _text(lambda text: text[:8] + "\t" + text[8:]),
    "base64 for URLs": _text(lambda text: "-_" + text[2:]),
    "base64 with garbage behind": _text(lambda text: text + "!"),
    "base64 with padding inside": _text(lambda text: text[:4] + "=" + text[5:]),
    "base64 followed by base64": _text(lambda text: text + "AAAA"),
    "hex instead of base64": _text(lambda text: base64.b64decode(text).hex()[:-1]),
    "stranger's signature is no base64": _add(lambda good: good | {"keyid": "f" * 64, "sig": "not base64!"}),
    "stranger's signature without padding": _add(lambda good: good | {"keyid": "f" * 64, "sig": "AAA"}),
}

_BAD_SHAPE: Final = {
    "keyid a number": on_signature(lambda signature: signature.update(keyid=7)),
    "method a list": on_signature(lambda signature: signature.update(method=["ecdsa"])),
    "sig a number": on_signature(lambda signature: signature.update(sig=7)),
    "sig an object": on_signature(lambda signature: signature.update(sig={})),
}


def _namesake(key: Key) -> Key:
    """A stranger's key of the same kind."""
    return key_of_type(key.keytype.removesuffix("-x509"), "a stranger")


def catalogue() -> list[Swizzle]:
    """All that can be right or wrong with signatures."""
    return [
        *(Swizzle(name, apply, UNSIGNED, kinds=KINDS) for name, apply in (_STRANGER | _WRONG).items()),
        *(Swizzle(name, apply, FINE, kinds=KINDS) for name, apply in _RIGHT.items()),
        *(Swizzle(name, apply, _NO_SIGNATURES) for name, apply in _EMPTY.items()),
        *(Swizzle(name, apply, _BAD_BASE64, states=FRESH_ONLY) for name, apply in _BAD_TEXT.items()),
        *(Swizzle(name, apply, _WRONG_SHAPE, states=FRESH_ONLY) for name, apply in _BAD_SHAPE.items()),
        Swizzle("sig a list of numbers", _NUMBERS, FINE, {"every": "S17"}, states=FRESH_ONLY),
        Swizzle("ECDSA in DER", _by(_der), UNSIGNED),
        Swizzle("ECDSA with the other s", _bytes(_mirrored), FINE),
        Swizzle(
            "RSA PKCS#1 v1.5",
            both(_by(lambda key, message: key.sign(message, "rsapkcs1v15")), _METHOD_V15),
            FINE,
            kinds=("rsa",),
        ),
        Swizzle(
            "RSA PKCS#1 v1.5 called rsapss",
            _by(lambda key, message: key.sign(message, "rsapkcs1v15")),
            UNSIGNED,
            kinds=("rsa",),
        ),
        Swizzle("RSA-PSS called PKCS#1 v1.5", _METHOD_V15, UNSIGNED, kinds=("rsa",)),
        Swizzle("RSA-PSS salt 0", _salted(0), UNSIGNED, kinds=("rsa",)),
        Swizzle("RSA-PSS salt 20", _salted(20), UNSIGNED, kinds=("rsa",)),
        Swizzle("RSA-PSS salt as long as can be", _salted(-1), UNSIGNED, kinds=("rsa",)),
    ]


_NUMBERS: Final = on_signature(lambda signature: signature.update(sig=list(_bytes_of(signature))))
_METHOD_V15: Final = on_signature(lambda signature: signature.update(method="rsapkcs1v15"))
