"""Manifests as the registry sends them: believed only byte for byte."""

from dataclasses import dataclass, field

from proxy.errors import ContentMismatch, ManifestAmbiguous, SignedLengthWrong
from proxy.limits import MANIFEST_BYTES
from proxy.manifests import Manifest, digest_of, parse
from proxy.names import Digest
from proxy.policy.decisions import Allowed


@dataclass(frozen=True, slots=True)
class VerifiedManifest:
    """Bytes that hash to the digest that was asked for, and what they say."""

    body: bytes = field(repr=False)
    manifest: Manifest


def verified(body: bytes | None, content_type: str | None, allowed: Allowed) -> VerifiedManifest:
    """Check what the registry sent for an admitted digest.

    1. The body is within the size limit.
    2. It hashes to the digest.
    3. It has the signed length, if one is signed.
    4. It is one unambiguous manifest of the type that the header names.

    Args:
        body: all of it; None if it was too large to be read.
        content_type: of the answer.
        allowed: the permission, which names the digest.

    Raises:
        ManifestAmbiguous, ContentMismatch, SignedLengthWrong: it is not so.
    """
    checked = _hashing_to(allowed.digest, body)  # (1) (2)
    check_length(len(checked), allowed)  # (3)
    return VerifiedManifest(checked, parse(checked, content_type))  # (4)


def measured(body: bytes | None, content_type: str | None, digest: Digest) -> Manifest:
    """What the manifest of a digest is, without its bytes: it can be signed, and cannot be served.

    Args:
        body: as in `verified`.
        content_type: of the answer.
        digest: what was asked for.

    Raises:
        ManifestAmbiguous, ContentMismatch: nothing that could be admitted.
    """
    return parse(_hashing_to(digest, body), content_type)


def check_length(length: int, allowed: Allowed) -> None:
    """Compare a manifest's length with the signed one (difference S12). Raises `SignedLengthWrong`."""
    if allowed.length is not None and length != allowed.length:
        raise SignedLengthWrong(allowed.signers, allowed.length, length)


def _hashing_to(digest: Digest, body: bytes | None) -> bytes:
    if body is None:
        raise ManifestAmbiguous(f"it is larger than {MANIFEST_BYTES} bytes")
    actual = digest_of(body)
    if actual != digest:
        raise ContentMismatch(digest, actual)
    return body
