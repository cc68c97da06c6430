"""The root: what its keys are, which pin each of them meets, and what they are held against.

Whether a key meets a pin is asked of the same function that trusts roots, with one pin at a time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from proxy.errors import MetadataCorrupt
from proxy.explanation.story import Anchor, Pin
from proxy.names import ROOT, Gun, plain
from proxy.tuf.keys import PublicKey, first_certificate
from proxy.tuf.metadata import Root, open_envelope, read_root
from proxy.tuf.pins import Pins, RootPin, common_name, root_keys, why_none

FIRST_USE: Final = "trusted on first use"


def read(data: bytes) -> Root | None:
    """A root as it stands in its file, believed or not; None where it cannot be read."""
    try:
        return read_root(open_envelope(ROOT, data).signed)
    except MetadataCorrupt:
        return None


def is_pinned(root: Root, gun: Gun, pins: Pins, now: datetime) -> bool:
    """Whether any of its keys counts under the pins."""
    return bool(root_keys(root.roles[ROOT].keys, gun, pins, now))


def could_be_pinned(root: Root, gun: Gun, now: datetime) -> bool:
    """Whether any of its keys would count once it is pinned: no pin mends a certificate's name or dates."""
    ids = frozenset(key.public_key_id for key in root.roles[ROOT].keys.values())
    return is_pinned(root, gun, Pins((RootPin("as it is", ids),)), now)


def anchors(keys: Mapping[str, PublicKey], gun: Gun, pins: Pins, now: datetime) -> tuple[Anchor, ...]:
    """The keys of a root role, each with the pins that it meets or why it meets none."""
    return tuple(_anchor(key, gun, pins, now) for _, key in sorted(keys.items()))


def after_first_use(shown: tuple[Anchor, ...], remembered: Root | None) -> tuple[Anchor, ...]:
    """The same keys where a root is remembered: those that it does not have are not trusted on first use any more."""
    known = {key.public_key_id for key in remembered.roles[ROOT].keys.values()} if remembered else set[str]()
    late = "it is no key of the root that is remembered"
    return tuple(
        replace(each, pins=(), why=late) if each.pins == (FIRST_USE,) and each.public_key_id not in known else each
        for each in shown
    )


def pinned(pins: Pins) -> tuple[Pin, ...]:
    """What roots are held against."""
    return tuple(
        Pin(
            pin.name,
            tuple(sorted(pin.public_key_ids)),
            tuple(sorted(pin.certificates)),
            tuple(plain(each.subject.rfc4514_string()) for each in pin.authorities),
        )
        for pin in pins.entries
    )


def _anchor(key: PublicKey, gun: Gun, pins: Pins, now: datetime) -> Anchor:
    certificate = first_certificate(key)
    met = tuple(_met(key, gun, pins, now))
    return Anchor(
        key_id=key.key_id,
        public_key_id=key.public_key_id,
        certificate=plain(common_name(certificate)) if certificate else "",
        valid_from=certificate.not_valid_before_utc if certificate else None,
        valid_until=certificate.not_valid_after_utc if certificate else None,
        pins=met,
        why="" if met else plain(why_none({key.key_id: key}, gun, pins, now)),
    )


def _met(key: PublicKey, gun: Gun, pins: Pins, now: datetime) -> Iterator[str]:
    """The names of the pins that a key meets, and by what."""
    listed = {key.key_id: key}
    if pins.is_tofu and root_keys(listed, gun, pins, now):
        yield FIRST_USE
    for pin in pins.entries:
        for part, words in _parts(pin):
            if root_keys(listed, gun, Pins((part,)), now):
                yield f"{pin.name} (by its {words})"
                break


def _parts(pin: RootPin) -> Iterator[tuple[RootPin, str]]:
    yield replace(pin, certificates=frozenset(), authorities=()), "public key id"
    yield replace(pin, public_key_ids=frozenset(), authorities=()), "certificate"
    yield replace(pin, public_key_ids=frozenset(), certificates=frozenset()), "authority"
