"""When a root is trusted: alone against the pins, or as the successor of one that already is (dialect 3.4).

1. Structure.
2. Of its root keys only those count that are made out to the GUN, valid now, and pinned (S2, S3).
3. A successor carries the previous root's threshold of signatures by the previous root's keys.
4. It carries its own threshold of signatures by its own counting keys.
5. A successor's version is not lower; the same version means the same bytes (S5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from proxy.errors import Rollback, RootNotTrusted, RootRotationBroken, ThresholdNotMet
from proxy.names import ROOT, Gun
from proxy.tuf.metadata import Envelope, Root, open_envelope, read_root
from proxy.tuf.pins import Pins, root_keys, why_none
from proxy.tuf.signatures import signers_of


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """A root that passed, and the bytes it came in."""

    root: Root
    data: bytes


@dataclass(frozen=True, slots=True)
class RootRules:
    """What every root of one update is held against.

    `now` is the instant of the update; `blocked` says of public key ids why they never count.
    """

    gun: Gun
    pins: Pins
    now: datetime
    blocked: Mapping[str, str]

    def trust(self, data: bytes) -> TrustedRoot:
        """Trust a first or remembered root. Raises a `TrustError`. Its own expiry is not looked at."""
        return self._accept(data, None)

    def succeed(self, previous: TrustedRoot, data: bytes) -> TrustedRoot:
        """Trust the successor of a trusted root.

        Raises a `TrustError`; `RootRotationBroken` and `Blocked` alone mean that intermediate versions may
        mend it.
        """
        return previous if data == previous.data else self._accept(data, previous)

    def _accept(self, data: bytes, previous: TrustedRoot | None) -> TrustedRoot:
        envelope = open_envelope(ROOT, data)
        root = read_root(envelope.signed)  # (1)
        listed = root.roles[ROOT]
        counted = root_keys(listed.keys, self.gun, self.pins, self.now)  # (2)
        if not counted:
            raise RootNotTrusted(why_none(listed.keys, self.gun, self.pins, self.now))
        if previous:
            self._check_vouched(envelope, previous)  # (3)
        signers_of(ROOT, envelope, counted, listed.threshold, self.blocked)  # (4)
        if previous and root.version <= previous.root.version:  # (5)
            raise Rollback(ROOT, _went_back(root.version, previous.root.version))
        return TrustedRoot(root, data)

    def _check_vouched(self, envelope: Envelope, previous: TrustedRoot) -> None:
        vouching = previous.root.roles[ROOT]
        keys = root_keys(vouching.keys, self.gun, self.pins, self.now, dated=False)
        try:
            signers_of(ROOT, envelope, keys, vouching.threshold, self.blocked)
        except ThresholdNotMet as error:
            why = f"{error.valid} of {error.threshold} signatures of version {previous.root.version}"
            raise RootRotationBroken(why) from None


def _went_back(version: int, floor: int) -> str:
    if version == floor:
        return f"version {version} changed under its number"
    return f"from version {floor} to {version}"
