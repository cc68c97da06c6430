"""Pinned roots: the same anchor in the words of the real client and in those of this project.

The real client names the key ids that root lists, or authorities by prefix; here an entry names public keys,
certificates or authorities, and the configuration has chosen it for the GUN before. Source: dialect 3.5, 3.6; rows
49 to 57. Differences S2, S3, L1.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from proxy.tuf.pins import Pins, RootPin
from tests.support.certificates import EXPIRED, authority, certificate, fingerprint, pem, root_key, x509_key
from tests.support.keys import Key, ecdsa_key
from tests.support.notary_oracle import NotaryPins
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import EXPIRED as EXPIRED_TEXT
from tests.support.signed_roles import UNEXPIRED
from tests.support.swizzler.cases import GUN, honest
from tests.support.swizzler.roots import rooted
from tests.support.swizzler.rotations import rotate
from tests.support.swizzler.swizzle import ACCEPTS, Apply

_NOT_PINNED: Final = "unable to match any certificates to trust_pinning config"
_NO_INTEGRITY: Final = "failed to validate integrity of roots"
_WHEN_UNEXPIRED: Final = datetime(2020, 6, 1, tzinfo=UTC)

_KEY: Final = ecdsa_key("certified")
_CA: Final = authority("corp")
_INTERMEDIATE: Final = authority("corp signing", _CA)
_OLD_CA: Final = authority("corp 2020", None, EXPIRED)
_STRANGER: Final = authority("somebody else")
_ROOT: Final = root_key(GUN)
_NEXT: Final = root_key(GUN, "next")


def _unchanged(_sim: NotarySimulator, _role: str) -> None:
    """The honest repository."""


@dataclass(frozen=True)
class PinCase:
    """A repository, what anchors it in either reader's words, and what the real client says.

    `before` is what was read earlier, without pins; None is a first contact.
    """

    name: str
    theirs: NotaryPins
    ours: Pins
    verdict: str
    difference: str = ""
    change: Apply = _unchanged
    before: Apply | None = None
    read_at: datetime | None = None

    def forge(self) -> NotarySimulator:
        """The repository as the reader finds it."""
        sim = honest().clone()
        if self.before:
            sim.bump()
        self.change(sim, "root")
        sim.publish()
        return sim

    def earlier(self) -> NotarySimulator | None:
        """The repository as it was read before, if it was."""
        if self.before is None:
            return None
        sim = honest().clone()
        self.before(sim, "root")
        sim.publish()
        return sim


def keys(*pinned: Key, wildcard: bool = False) -> Pins:
    """Anchored by the public keys themselves."""
    ids = frozenset(key.public_key_id for key in pinned)
    return Pins((RootPin("test", public_key_ids=ids, allow_wildcard_name=wildcard),))


def authorities(*certificates: x509.Certificate) -> Pins:
    """Anchored by authorities."""
    return Pins((RootPin("test", authorities=certificates),))


def _listed(*pinned: Key) -> NotaryPins:
    return NotaryPins(certs={GUN: tuple(key.key_id for key in pinned)})


def _under(*certificates: x509.Certificate) -> NotaryPins:
    return NotaryPins(ca={"registry.example.com/": pem(certificates)})


def _leaf(usage: x509.ObjectIdentifier | None = None, *, through: bool = False) -> Key:
    """A root key whose certificate the authority signed, at first hand or through its intermediate."""
    issuer = _INTERMEDIATE if through else _CA
    bundle = [certificate(GUN, _KEY, issuer, usage=usage), *([_INTERMEDIATE.certificate] if through else [])]
    return x509_key(_KEY, *bundle)


def _lapsed(sim: NotarySimulator, _role: str) -> None:
    """The root as it was until it expired."""
    sim.root.expires = EXPIRED_TEXT


def _rotated(sim: NotarySimulator, _role: str) -> None:
    rotate(sim, [_NEXT], [_ROOT, _NEXT])
    sim.root.expires = UNEXPIRED


def _signed_by_one_of_two(sim: NotarySimulator, _role: str) -> None:
    rotate(sim, [_ROOT, _NEXT], [_ROOT])


_WILD: Final = x509_key(_KEY, certificate("registry.example.com/*", _KEY))
_CODE: Final = ExtendedKeyUsageOID.CODE_SIGNING
_SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH
_NOTHING: Final = Pins((RootPin("test"),))
_OTHER_ID: Final = Pins((RootPin("test", public_key_ids=frozenset({_ROOT.key_id, "", "junk"})),))

PIN_CASES: Final = (
    PinCase("the key", _listed(_ROOT), keys(_ROOT), ACCEPTS),
    PinCase(
        "the certificate",
        _listed(_ROOT),
        Pins((RootPin("test", certificates=frozenset({fingerprint(_ROOT)})),)),
        ACCEPTS,
    ),
    PinCase("the key and others", _listed(_NEXT, _ROOT), keys(_NEXT, _ROOT), ACCEPTS),
    PinCase("the key in a second entry", _listed(_ROOT), Pins((*keys(_NEXT).entries, *keys(_ROOT).entries)), ACCEPTS),
    PinCase("another key", _listed(_NEXT), keys(_NEXT), _NOT_PINNED),
    PinCase("an id that is none", NotaryPins(certs={GUN: ("",)}), _OTHER_ID, _NOT_PINNED),
    PinCase("the id of the other sort", NotaryPins(certs={GUN: (_ROOT.public_key_id,)}), _OTHER_ID, _NOT_PINNED),
    PinCase("the targets key", _listed(ecdsa_key("targets")), keys(ecdsa_key("targets")), _NOT_PINNED),
    PinCase("nothing", NotaryPins(certs={GUN: ()}), _NOTHING, _NOT_PINNED),
    PinCase("nothing, and no first trust", NotaryPins(disable_tofu=True), _NOTHING, "invalid trust pinning specified"),
    PinCase(
        "a wildcard for the GUN", NotaryPins(certs={"registry.example.com/*": (_ROOT.key_id,)}), keys(_ROOT), ACCEPTS
    ),
    PinCase(
        "a wildcard with another key",
        NotaryPins(certs={"registry.example.com/*": (_NEXT.key_id,)}),
        keys(_NEXT),
        _NOT_PINNED,
    ),
    PinCase(
        "two keys pinned, both signed",
        _listed(_ROOT, _NEXT),
        keys(_ROOT, _NEXT),
        ACCEPTS,
        change=rooted(_ROOT, _NEXT, threshold=2),
    ),
    PinCase(
        "one of two pinned, threshold 2",
        _listed(_ROOT),
        keys(_ROOT),
        _NO_INTEGRITY,
        change=rooted(_ROOT, _NEXT, threshold=2),
    ),
    PinCase(
        "one of two pinned, signed by the other",
        _listed(_NEXT),
        keys(_NEXT),
        _NO_INTEGRITY,
        change=_signed_by_one_of_two,
    ),
    PinCase(
        "a wildcard name, pinned and allowed", _listed(_WILD), keys(_WILD, wildcard=True), ACCEPTS, change=rooted(_WILD)
    ),
    PinCase("a wildcard name, pinned", _listed(_WILD), keys(_WILD), ACCEPTS, "S3", change=rooted(_WILD)),
    PinCase(
        "authority of a server certificate",
        _under(_CA.certificate),
        authorities(_CA.certificate),
        ACCEPTS,
        change=rooted(_leaf(_SERVER)),
    ),
    PinCase(
        "authority of a certificate for any use",
        _under(_CA.certificate),
        authorities(_CA.certificate),
        ACCEPTS,
        change=rooted(_leaf()),
    ),
    PinCase(
        "authority of a code signing certificate",
        _under(_CA.certificate),
        authorities(_CA.certificate),
        _NOT_PINNED,
        "L1",
        change=rooted(_leaf(_CODE)),
    ),
    PinCase(
        "authority over an intermediate",
        _under(_CA.certificate),
        authorities(_CA.certificate),
        ACCEPTS,
        change=rooted(_leaf(through=True)),
    ),
    PinCase(
        "intermediate as authority",
        _under(_INTERMEDIATE.certificate),
        authorities(_INTERMEDIATE.certificate),
        ACCEPTS,
        change=rooted(_leaf(through=True)),
    ),
    PinCase(
        "unrelated authority",
        _under(_STRANGER.certificate),
        authorities(_STRANGER.certificate),
        _NOT_PINNED,
        change=rooted(_leaf()),
    ),
    PinCase(
        "unrelated authority and a self-signed leaf", _under(_CA.certificate), authorities(_CA.certificate), _NOT_PINNED
    ),
    PinCase(
        "good and expired authority",
        _under(_OLD_CA.certificate, _CA.certificate),
        authorities(_OLD_CA.certificate, _CA.certificate),
        ACCEPTS,
        change=rooted(_leaf()),
    ),
    PinCase(
        "only an expired authority",
        _under(_OLD_CA.certificate),
        authorities(_OLD_CA.certificate),
        "invalid CA certs provided",
        change=rooted(x509_key(_KEY, certificate(GUN, _KEY, _OLD_CA, usage=None))),
    ),
    PinCase(
        "intermediate left out",
        _under(_CA.certificate),
        authorities(_CA.certificate),
        _NOT_PINNED,
        change=rooted(x509_key(_KEY, certificate(GUN, _KEY, _INTERMEDIATE, usage=None))),
    ),
    PinCase("remembered, and still pinned", _listed(_ROOT), keys(_ROOT), ACCEPTS, before=_unchanged),
    PinCase("remembered, and pinned otherwise since", _listed(_NEXT), keys(_NEXT), ACCEPTS, "S2", before=_unchanged),
    PinCase(
        "remembered, and under an authority since",
        _under(_CA.certificate),
        authorities(_CA.certificate),
        ACCEPTS,
        "S2",
        before=_unchanged,
    ),
    PinCase(
        "remembered, and nothing pinned since",
        NotaryPins(disable_tofu=True),
        _NOTHING,
        ACCEPTS,
        "S2",
        before=_unchanged,
    ),
    PinCase(
        "rotated, both pinned", _listed(_ROOT, _NEXT), keys(_ROOT, _NEXT), ACCEPTS, change=_rotated, before=_unchanged
    ),
    PinCase(
        "rotated, only the old one pinned",
        _listed(_ROOT),
        keys(_ROOT),
        ACCEPTS,
        "S2",
        change=_rotated,
        before=_unchanged,
    ),
    PinCase(
        "rotated, only the new one pinned",
        _listed(_NEXT),
        keys(_NEXT),
        ACCEPTS,
        "S2",
        change=_rotated,
        before=_unchanged,
    ),
    PinCase(
        "expired and rotated, both pinned",
        _listed(_ROOT, _NEXT),
        keys(_ROOT, _NEXT),
        ACCEPTS,
        change=_rotated,
        before=_lapsed,
        read_at=_WHEN_UNEXPIRED,
    ),
    PinCase(
        "expired and rotated, only the old one pinned",
        _listed(_ROOT),
        keys(_ROOT),
        _NOT_PINNED,
        change=_rotated,
        before=_lapsed,
        read_at=_WHEN_UNEXPIRED,
    ),
    PinCase(
        "expired and rotated, only the new one pinned",
        _listed(_NEXT),
        keys(_NEXT),
        ACCEPTS,
        "S2",
        change=_rotated,
        before=_lapsed,
        read_at=_WHEN_UNEXPIRED,
    ),
    PinCase(
        "expired and rotated, no first trust",
        NotaryPins(disable_tofu=True),
        Pins.tofu(),
        ACCEPTS,
        change=_rotated,
        before=_lapsed,
        read_at=_WHEN_UNEXPIRED,
    ),
)
