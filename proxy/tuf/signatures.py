"""Counting signatures: how many different public keys signed a file (dialect 2.8, difference S1)."""

from collections.abc import Mapping

from proxy.errors import MetadataCorrupt, ThresholdNotMet
from proxy.names import RoleName
from proxy.tuf.keys import PublicKey
from proxy.tuf.metadata import Envelope


def signers_of(role: RoleName, envelope: Envelope, keys: Mapping[str, PublicKey], threshold: int) -> frozenset[str]:
    """The public key ids of all valid signatures; at least `threshold` of them.

    `keys` are those that may sign, by key id. A bad signature counts for nothing and spoils nothing; one by
    a key that is listed under a false id spoils the file.

    Raises `ThresholdNotMet`, `MetadataCorrupt`.
    """
    valid: set[str] = set()
    for signature in envelope.signatures:
        key = keys.get(signature.key_id)
        if key is None:
            continue
        if key.key_id != signature.key_id:
            raise MetadataCorrupt(role, "it lists a key under a false id")
        if key.verifies(signature.method, signature.value, envelope.payload):
            valid.add(key.public_key_id)
    if len(valid) < threshold:
        raise ThresholdNotMet(role, len(valid), threshold)
    return frozenset(valid)
