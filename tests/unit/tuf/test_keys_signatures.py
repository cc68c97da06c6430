"""Keys of every type that Notary knows: what they verify (dialect 2.6)."""

from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from proxy.tuf.keys import make_key
from tests.support.certificates import x509_key
from tests.support.keys import Key, sign_der, sign_pss
from tests.unit.tuf.keyring import ECDSA, ED25519, LEAF, MESSAGE, MODULUS, RSA, RSA_LEAF, rsa_spki

GOOD: Final = [
    pytest.param(ECDSA, "ecdsa", id="ecdsa"),
    pytest.param(x509_key(ECDSA, LEAF), "ecdsa", id="ecdsa-x509"),
    pytest.param(RSA, "rsapss", id="rsapss"),
    pytest.param(RSA, "rsapkcs1v15", id="rsapkcs1v15"),
    pytest.param(x509_key(RSA, RSA_LEAF), "rsapss", id="rsa-x509"),
    pytest.param(ED25519, "eddsa", id="eddsa"),
]


@pytest.mark.parametrize(("key", "method"), GOOD)
def test_a_good_signature_verifies(key: Key, method: str) -> None:
    """Each type with each of its methods."""
    assert make_key(key.keytype, key.public).verifies(method, key.sign(MESSAGE, method), MESSAGE)


@pytest.mark.parametrize(("key", "method"), GOOD)
def test_a_signature_that_was_touched_does_not_verify(key: Key, method: str) -> None:
    """One bit, one byte more or less, other bytes signed, nothing at all."""
    made, signature = make_key(key.keytype, key.public), key.sign(MESSAGE, method)
    half = len(signature) // 2
    touched = [b"", bytes(len(signature)), signature[:-1], signature + b"\0", b"\0" + signature, signature * 2]
    touched.append(signature[:half] + b"\0" + signature[half:])
    touched += [signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :] for at in (0, len(signature) - 1)]
    assert not any(made.verifies(method, each, MESSAGE) for each in touched)
    assert not made.verifies(method, signature, MESSAGE + b" ")


@pytest.mark.parametrize(("key", "method"), GOOD)
def test_the_type_of_the_key_chooses_the_scheme(key: Key, method: str) -> None:
    """A method of another kind, an unknown one, or the dropped legacy one never counts (S16)."""
    made = make_key(key.keytype, key.public)
    others = {"ecdsa", "rsapss", "rsapkcs1v15", "eddsa", "", "none", "pycrypto-pkcs#1 pss", method.upper()} - {method}
    assert not any(made.verifies(other, key.sign(MESSAGE, method), MESSAGE) for other in others)


def test_an_ecdsa_signature_in_der_is_not_notarys() -> None:
    """Only r and s side by side."""
    assert isinstance(ECDSA.private, ec.EllipticCurvePrivateKey)
    assert not make_key("ecdsa", ECDSA.public).verifies("ecdsa", sign_der(ECDSA.private, MESSAGE), MESSAGE)
    zero = encode_dss_signature(0, 0)
    assert not make_key("ecdsa", ECDSA.public).verifies("ecdsa", zero.ljust(64, b"\0"), MESSAGE)


@pytest.mark.parametrize("salt", [0, 20, 31, 33, 222])
def test_a_pss_salt_of_another_length_does_not_verify(salt: int) -> None:
    """Exactly 32 bytes."""
    assert isinstance(RSA.private, rsa.RSAPrivateKey)
    assert not make_key("rsa", RSA.public).verifies("rsapss", sign_pss(RSA.private, MESSAGE, salt), MESSAGE)


def test_an_even_modulus_verifies_nothing_and_breaks_nothing() -> None:
    """No such key exists; bytes that claim it must not raise either."""
    key = make_key("rsa", rsa_spki(MODULUS + 1, 65537))
    assert not key.verifies("rsapss", RSA.sign(MESSAGE), MESSAGE)
