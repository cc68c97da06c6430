"""Key ids as Notary computes them (dialect 2.5): what the configuration of the proxy pins."""

import base64
import hashlib
import json
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from deploy.stack.notary import Notary


def key_id(key: PublicKeyTypes) -> str:
    """Return the id of a plain ECDSA or RSA key: 64 hex digits.

    Raises:
        TypeError: Another kind of key.
    """
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        msg = f"no key id for a {type(key).__name__}"
        raise TypeError(msg)
    keytype = "ecdsa" if isinstance(key, ec.EllipticCurvePublicKey) else "rsa"
    public = base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    value = {"keytype": keytype, "keyval": {"private": None, "public": public}}
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()


def public_key_id(file: Path) -> str:
    """Return the key id of a PEM public key, such as a signer's `.pub`."""
    return key_id(load_pem_public_key(file.read_bytes()))


def root_certificates(notary: Notary, gun: str) -> list[x509.Certificate]:
    """Return the certificates that a collection's current root file lists for the root role."""
    root = notary.metadata(gun, "root")
    publics = (root["keys"][each]["keyval"]["public"] for each in root["roles"]["root"]["keyids"])
    return [x509.load_pem_x509_certificate(base64.b64decode(each)) for each in publics]


def root_key_ids(notary: Notary, gun: str) -> list[str]:
    """Return the root keys' own (canonical) ids, the same for every collection that one root key signs."""
    return [key_id(each.public_key()) for each in root_certificates(notary, gun)]
