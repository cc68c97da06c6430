"""Files with public keys as people make them, and base64 as Notary reads it."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.tuf.keys import decode_base64, from_pem
from tests.support.certificates import pem
from tests.support.keys import Key, ecdsa_key, rsa_key
from tests.unit.tuf.keyring import ECDSA, ED25519, LEAF, RSA, RSA_LEAF, public_bytes

# --- key files ----------------------------------------------------------------------------------


def _public_pem(key: Key) -> bytes:
    return public_bytes(key, Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("key", [ECDSA, RSA, ED25519, ecdsa_key("x", "P-384")])
def test_a_public_key_file_gives_the_key(key: Key) -> None:
    """As `docker trust key generate` and openssl write them."""
    assert from_pem(_public_pem(key)).public_key_id == key.public_key_id


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(pem([LEAF]), id="certificate"),
        pytest.param(pem([LEAF, RSA_LEAF]), id="the first of several"),
        pytest.param(_public_pem(ECDSA).replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(_public_pem(ECDSA).replace(b"-----\nM", b"-----\nrole: alice\n\nM"), id="docker's header"),
        pytest.param(b"comment\n\n" + _public_pem(ECDSA) + b"more\n", id="text around"),
        pytest.param(_public_pem(ECDSA).rstrip(), id="no final newline"),
    ],
)
def test_a_key_file_may_look_as_people_make_them(data: bytes) -> None:
    """Certificates, line ends, headers and comments."""
    assert from_pem(data).public_key_id == ECDSA.public_key_id


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(b"", "no PEM block", id="empty"),
        pytest.param(ECDSA.public, "no PEM block", id="DER"),
        pytest.param(_public_pem(ECDSA)[:-20], "no PEM block", id="cut off"),
        pytest.param(_public_pem(ECDSA).replace(b"PUBLIC KEY", b"EC PRIVATE KEY"), "ec private key", id="private"),
        pytest.param(_public_pem(rsa_key("short", 1024)), "Notary does not use", id="short RSA"),
        pytest.param(_public_pem(ecdsa_key("x", "secp256k1")), "Notary does not use", id="other curve"),
        pytest.param(_public_pem(ECDSA).replace(b"\nM", b"\nA"), "Notary does not use", id="no key inside"),
        pytest.param(pem([LEAF]).replace(b"\nM", b"\nA", 1), "Notary does not use", id="no certificate inside"),
        pytest.param(_public_pem(ECDSA).replace(b"==\n", b"=\n"), "not base64", id="bad padding"),
    ],
)
def test_a_file_that_holds_no_usable_key_says_why(data: bytes, why: str) -> None:
    """One reason for the person who wrote the configuration, never another kind of exception."""
    with pytest.raises(ValueError, match=why):
        from_pem(data)


# --- base64 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "data"),
    [
        pytest.param("", b"", id="empty"),
        pytest.param("AAEC", b"\0\1\2", id="no padding"),
        pytest.param("AA==", b"\0", id="two of padding"),
        pytest.param("AA\r\nEC\n", b"\0\1\2", id="line ends inside"),
        pytest.param("AB==", b"\0", id="stray bits, as in Notary"),
    ],
)
def test_base64_is_read_as_notary_reads_it(text: str, data: bytes) -> None:
    """Standard alphabet, padding, line ends anywhere."""
    assert decode_base64(text) == data


@pytest.mark.parametrize(
    "text",
    ["A", "AA", "AAA", "AA=", "AAAA=", "AAAA==", "AAAA====", "A===", "=AAA", "AA==AA==", "AA A", "AA\tA", "-_AA",
     "AAAA!", "\u0410AAA", "\ud800AAA", "\uff21AAA"],
)  # fmt: skip
def test_anything_else_is_not_base64(text: str) -> None:
    """Missing or superfluous padding, blanks, other alphabets."""
    with pytest.raises(ValueError, match="not base64"):
        decode_base64(text)
