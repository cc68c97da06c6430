"""A site with the certificates of two listeners."""

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from tests.support.certificates import authority, pem
from tests.support.keys import ecdsa_key
from tests.unit.config.site import Site, write_pair


@pytest.fixture
def equipped(site: Site) -> Site:
    """A site with the files of two listeners, and some that do not fit."""
    for name in ("proxy", "other"):
        write_pair(site, name, ecdsa_key(name))
    for name in ("nodes", "ci"):
        site.write(f"{name}-ca.crt", pem([authority(name).certificate]))
    site.write("both-ca.crt", pem([authority("nodes").certificate, authority("ci").certificate]))
    encryption = BestAvailableEncryption(b"passphrase")
    locked = ecdsa_key("proxy").private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    site.write("locked.key", locked)
    return site
