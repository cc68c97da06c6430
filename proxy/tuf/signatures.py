"""Counting signatures: how many different public keys signed a file (dialect 2.8, difference S1)."""

from collections import Counter
from collections.abc import Mapping

from proxy.errors import Blocked, MetadataCorrupt, ThresholdNotMet
from proxy.limits import SIGNATURES_TRIED
from proxy.names import RoleName
from proxy.tuf.keys import PublicKey
from proxy.tuf.metadata import Envelope


def signers_of(
    role: RoleName, envelope: Envelope, keys: Mapping[str, PublicKey], threshold: int, blocked: Mapping[str, str]
) -> frozenset[str]:
    """The public key ids of all valid signatures; at least `threshold` of them.

    `keys` are those that may sign, by key id; `blocked` says of public key ids why they never count. A bad
    signature counts for nothing and spoils nothing; one by a key that is listed under a false id spoils the
    file; one by a blocked key is as good as none. A key that counts already is not asked again, and none more than
    `SIGNATURES_TRIED` times, whatever certificates it is listed in: a bad signature costs as much time as a good one.

    Raises `ThresholdNotMet`, `MetadataCorrupt`, and `Blocked` where only blocked keys keep it from the threshold.
    """
    valid: set[str] = set()
    stopped: set[str] = set()
    tried: Counter[str] = Counter()
    for signature in envelope.signatures:
        key = keys.get(signature.key_id)
        if key is None:
            continue
        if key.key_id != signature.key_id and key.public_key_id not in blocked:
            raise MetadataCorrupt(role, "it lists a key under a false id")
        if key.public_key_id in valid | stopped or tried[key.public_key_id] == SIGNATURES_TRIED:
            continue
        tried[key.public_key_id] += 1
        if key.verifies(signature.method, signature.value, envelope.payload):
            (stopped if key.public_key_id in blocked else valid).add(key.public_key_id)
    if len(valid) >= threshold:
        return frozenset(valid)
    if len(valid | stopped) >= threshold:
        first = min(stopped)
        raise Blocked(f"key {first[:12]}..", blocked[first])
    raise ThresholdNotMet(role, len(valid), threshold)
