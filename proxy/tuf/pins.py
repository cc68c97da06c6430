"""What anchors the root of a collection, and which of a root's keys it lets count.

A root key counts if it is an x509 key whose leaf certificate is made out to the GUN, holds now, and is
pinned. Source: dialect 3.5 and 3.6; differences S2, S3, L1.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from proxy.limits import KEY_REMEMBERED_BYTES, KEYS_REMEMBERED
from proxy.names import Gun
from proxy.tuf.keys import (
    PublicKey,
    decode_base64,
    is_readable,
    is_sha1,
    is_short,
    load_certificate,
    make_key,
)

_EARLY: Final = timedelta(days=1)  # Notary's leeway on notBefore
_BLOCK: Final = re.compile(r"-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\n]+)-----END CERTIFICATE-----\n")


@dataclass(frozen=True, slots=True)
class RootPin:
    """One entry of `roots`; a root certificate that fits any part of it is pinned.

    `public_key_ids` are ids of the plain public key (dialect 2.5, canonical), `certificates` SHA-256 hex of
    the DER leaf, `authorities` CA certificates that a leaf may chain to.
    """

    name: str
    public_key_ids: frozenset[str] = frozenset()
    certificates: frozenset[str] = frozenset()
    authorities: tuple[x509.Certificate, ...] = ()
    allow_wildcard_name: bool = False

    def __reduce__(self) -> tuple[Callable[..., "RootPin"], tuple[object, ...]]:
        # certificates are written down as they came: they have no form of their own for another process
        ders = tuple(each.public_bytes(Encoding.DER) for each in self.authorities)
        return _pin, (self.name, self.public_key_ids, self.certificates, ders, self.allow_wildcard_name)


def _pin(
    name: str,
    public_key_ids: frozenset[str],
    certificates: frozenset[str],
    ders: tuple[bytes, ...],
    wildcard: bool,  # noqa: FBT001  (as it was written down, field by field)
) -> RootPin:
    """A pin as another process wrote it down."""
    return RootPin(name, public_key_ids, certificates, tuple(map(x509.load_der_x509_certificate, ders)), wildcard)


@dataclass(frozen=True, slots=True)
class Pins:
    """The pinned set. Where it is empty nothing is trusted, unless `is_tofu` says that the first root seen is."""

    entries: tuple[RootPin, ...]
    is_tofu: bool = False

    @classmethod
    def tofu(cls) -> Self:
        """Trust on first use."""
        return cls((), is_tofu=True)


@dataclass(frozen=True, slots=True)
class Bundle:
    """An x509 key taken apart: the leaf, the CA certificates behind it, and the key rebuilt from both."""

    key: PublicKey
    leaf: x509.Certificate
    intermediates: tuple[x509.Certificate, ...]


def root_keys(
    keys: Mapping[str, PublicKey], gun: Gun, pins: Pins, now: datetime, *, dated: bool = True
) -> dict[str, PublicKey]:
    """The keys of a root role that count, by key id.

    `dated=False` is for a root that is only asked to vouch for its successor: its certificates may have
    run out since (dialect 3.4, step 3).
    """
    counted: dict[str, PublicKey] = {}
    for key in keys.values():
        bundle = unbundle(key)
        if bundle and _made_out_to(bundle, gun, now, dated=dated) and _is_pinned(bundle, pins, now, dated=dated):
            counted[bundle.key.key_id] = bundle.key
    return counted


def why_none(keys: Mapping[str, PublicKey], gun: Gun, pins: Pins, now: datetime) -> str:
    """The reason that helps an operator most when no key of a root counts."""
    bundles = [bundle for key in keys.values() if (bundle := unbundle(key))]
    if not bundles:
        return "it has no usable x509 key"
    if not any(_matches(common_name(bundle.leaf), gun) for bundle in bundles):
        return f"its certificate is for {common_name(bundles[0].leaf)!r}"
    if not any(_made_out_to(bundle, gun, now, dated=True) for bundle in bundles):
        return f"its certificate is valid until {bundles[0].leaf.not_valid_after_utc:%Y-%m-%d} or too weak"
    if all(_is_wildcard(bundle.leaf) for bundle in bundles) and not any(
        pin.allow_wildcard_name for pin in pins.entries
    ):
        return "its certificate has a wildcard name (allow_wildcard_name)"
    return f"its public key {bundles[0].key.public_key_id} is not pinned"


def unbundle(key: PublicKey) -> Bundle | None:
    """Take an x509 key apart; None where Notary would pass it over.

    Notary looks signatures up under the id of the key as it re-encodes it, so a bundle that is not
    byte for byte what re-encoding gives never counts. The one leaf comes first, all others are CAs.
    """
    known = len(key.public) <= KEY_REMEMBERED_BYTES
    return _remembered(key.public, key.key_id) if known else _unbundled(key.public, key.key_id)


@lru_cache(maxsize=KEYS_REMEMBERED)
def _remembered(public: bytes, key_id: str) -> Bundle | None:
    return _unbundled(public, key_id)


def _unbundled(public: bytes, key_id: str) -> Bundle | None:
    certificates = _certificates(public)
    if not certificates or _is_authority(certificates[0]) or not all(map(_is_authority, certificates[1:])):
        return None
    leaf, *intermediates = certificates
    keytype = "rsa-x509" if isinstance(leaf.public_key(), rsa.RSAPublicKey) else "ecdsa-x509"
    rebuilt = make_key(keytype, b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates))
    if rebuilt.key_id != key_id or rebuilt.material is None:
        return None
    return Bundle(rebuilt, leaf, tuple(intermediates))


def common_name(certificate: x509.Certificate) -> str:
    """The common name of a certificate, the last one where there are several, or empty."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[-1].value) if names else ""


def _certificates(pem: bytes) -> list[x509.Certificate]:
    """All of them, or none at all if one cannot be read."""
    try:
        found = [load_certificate(decode_base64(body)) for body in _BLOCK.findall(pem.decode("ascii"))]
    except ValueError:
        return []
    certificates = [certificate for certificate in found if certificate]
    return certificates if len(certificates) == len(found) else []


def _made_out_to(bundle: Bundle, gun: Gun, now: datetime, *, dated: bool) -> bool:
    """Dialect 3.5: name, dates, no SHA-1, no short RSA; an expired intermediate spoils the key as well."""
    if not _matches(common_name(bundle.leaf), gun) or not _is_sound(bundle.leaf):
        return False
    if not dated:
        return True
    return all(_is_sound(each) and _holds(each, now) for each in (bundle.leaf, *bundle.intermediates))


def _matches(name: str, gun: Gun) -> bool:
    return gun.startswith(name.rstrip("*")) if name.endswith("*") else name == gun


def _is_wildcard(leaf: x509.Certificate) -> bool:
    return common_name(leaf).endswith("*")


def _is_sound(certificate: x509.Certificate) -> bool:
    ordered = certificate.not_valid_before_utc <= certificate.not_valid_after_utc
    return ordered and not is_sha1(certificate) and not is_short(certificate)


def _holds(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now + _EARLY and now <= certificate.not_valid_after_utc


def _is_pinned(bundle: Bundle, pins: Pins, now: datetime, *, dated: bool) -> bool:
    """Whether any entry fits; one with a wildcard name only where that entry allows it (S3)."""
    wildcard = _is_wildcard(bundle.leaf)
    if pins.is_tofu:
        return not wildcard
    fingerprint = bundle.leaf.fingerprint(hashes.SHA256()).hex()
    return any(
        bundle.key.public_key_id in pin.public_key_ids
        or fingerprint in pin.certificates
        or _chains(bundle, pin.authorities, now, dated=dated)
        for pin in pins.entries
        if pin.allow_wildcard_name or not wildcard
    )


def _chains(bundle: Bundle, authorities: Sequence[x509.Certificate], now: datetime, *, dated: bool) -> bool:
    """Whether the leaf chains to an authority, whatever it may be used for (L1)."""
    readable = [each for each in authorities if is_readable(each)]
    usable = [each for each in readable if _is_sound(each) and (not dated or _holds(each, now))]
    if not usable:
        return False
    instant = now if dated else bundle.leaf.not_valid_before_utc
    # of basic constraints, `cryptography` itself demands that they say CA, and holds to their path length
    authority = (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _require_cert_sign)
    )
    builder = PolicyBuilder().store(Store(usable)).time(instant.replace(tzinfo=None))
    verifier = builder.extension_policies(
        ca_policy=authority, ee_policy=ExtensionPolicy.permit_all()
    ).build_client_verifier()
    try:
        verifier.verify(bundle.leaf, list(bundle.intermediates))
    except (VerificationError, ValueError, UnsupportedAlgorithm):
        return False
    return True


def _require_cert_sign(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("may not sign certificates")


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
