"""Pins against the roots that Notary serves: who is trusted, and what to pin where nobody is."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from cryptography.hazmat.primitives import hashes

from proxy.clock import Clock
from proxy.doctor.findings import Hop, Level, Name
from proxy.doctor.looking import PIN, Grouped, Look
from proxy.errors import RootNotTrusted, ThresholdNotMet
from proxy.limits import DOCTOR_SOON_DAYS
from proxy.names import Gun
from proxy.tuf.pins import Bundle, Pins, common_name, root_keys, unbundle

_PIN: Final = f"compare with the holder of the root key, and pin it: {PIN}"
_ONE_GUN: Final = f"pin the public key instead, which is the same for all: {PIN}"


def examine(hop: Hop, looks: Sequence[Look], clock: Clock) -> None:
    """Hold every root that is served against the pins of its entry."""
    grouped = Grouped()
    leaves = _leaves(looks)
    for each in looks:
        bundles = [bundle for key in each.root_keys.values() if (bundle := unbundle(key))]
        if not bundles:
            continue
        if each.untrusted is None:
            _trusted(grouped, each, bundles, clock)
        elif isinstance(each.untrusted, RootNotTrusted | ThresholdNotMet):
            _untrusted(grouped, each, bundles, leaves, clock)
    grouped.into(hop)


def _leaves(looks: Iterable[Look]) -> dict[str, Gun]:
    """The root certificates that were seen, by fingerprint, and for which GUN each was."""
    bundles = ((each.gun, unbundle(key)) for each in looks for key in each.root_keys.values())
    return {_fingerprint(bundle): gun for gun, bundle in bundles if bundle}


def _trusted(grouped: Grouped, look: Look, bundles: Sequence[Bundle], clock: Clock) -> None:
    pins, now = look.entry.pins, clock.now()
    if pins.is_tofu:
        grouped.note(look.repository, Name.ROOT_PINNED, Level.OK, "believed on first use (roots: tofu)")
    else:
        fitting = [pin.name for pin in pins.entries if root_keys(look.root_keys, look.gun, Pins((pin,)), now)]
        grouped.note(look.repository, Name.ROOT_PINNED, Level.OK, f"pinned by {', '.join(fitting)}")
    until = max(bundle.leaf.not_valid_after_utc for bundle in bundles)
    if until - now < timedelta(days=DOCTOR_SOON_DAYS):
        what = f"the root's certificate runs out on {until:%Y-%m-%d}"
        remedy = "have the holder of the root key rotate it: notary key rotate"
        grouped.note(look.repository, Name.ROOT_CERTIFICATE_DATES, Level.WARNING, what, remedy)


def _untrusted(
    grouped: Grouped, look: Look, bundles: Sequence[Bundle], leaves: Mapping[str, Gun], clock: Clock
) -> None:
    """Say the one reason that helps most, in the order in which a root is held against its pins."""
    counted = root_keys(look.root_keys, look.gun, look.entry.pins, clock.now())
    first = next((bundle for bundle in bundles if bundle.key.key_id not in counted), bundles[0])
    leaf, key = first.leaf, first.key.public_key_id
    name, level, gun = common_name(leaf), look.graver, look.gun
    if not _is_for(name, gun):
        what = f"the root that Notary serves is for {name!a}, and not for {gun}"
        remedy = "mend gun of its entry, or have the collection made anew under its own name"
        grouped.note(look.repository, Name.ROOT_OTHER_GUN, level, what, remedy)
    elif all(bundle.leaf.not_valid_after_utc < clock.now() for bundle in bundles):
        what = f"the root's certificate ran out on {leaf.not_valid_after_utc:%Y-%m-%d}"
        remedy = "have the holder of the root key rotate it: notary key rotate"
        grouped.note(look.repository, Name.ROOT_CERTIFICATE_DATES, level, what, remedy)
    elif name.endswith("*") and not any(pin.allow_wildcard_name for pin in look.entry.pins.entries):
        what = f"the root's certificate has a wildcard name, {name!a}, and could be that of any repository it fits"
        remedy = "have it made for one GUN, or write allow_wildcard_name: true under its roots"
        grouped.note(look.repository, Name.ROOT_WILDCARD_NAME, level, what, remedy)
    elif other := _pinned_elsewhere(look, leaves):
        what = f"its roots pin a certificate that is for {other!a} alone, and Notary serves key {key}"
        grouped.note(look.repository, Name.ROOT_OTHER_GUN, level, what, _ONE_GUN)
    else:
        grouped.note(look.repository, Name.ROOT_NOT_PINNED, level, f"not pinned: Notary serves root key {key}", _PIN)


def _pinned_elsewhere(look: Look, leaves: Mapping[str, Gun]) -> str:
    """The GUN of a pinned certificate or authority that is none of this repository's; empty if there is none."""
    for pin in look.entry.pins.entries:
        guns = [leaves[each] for each in sorted(pin.certificates) if each in leaves]
        names = [*guns, *(common_name(each) for each in pin.authorities)]
        for name in names:
            if "/" in name and not _is_for(name, look.gun):
                return str(name)
    return ""


def _is_for(name: str, gun: Gun) -> bool:
    return gun.startswith(name.rstrip("*")) if name.endswith("*") else name == gun


def _fingerprint(bundle: Bundle) -> str:
    return bundle.leaf.fingerprint(hashes.SHA256()).hex()
