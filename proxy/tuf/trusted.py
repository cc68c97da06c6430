"""The state of one update, and the only place where bytes become trust.

The order is enforced here, fed by `update`:

1. A root, first or remembered, that the pins hold (S2).
2. A timestamp under that root.
3. The snapshot that the timestamp names.
4. The root that the snapshot names; if it is another one, it succeeds the first, and 2 and 3 start over
   under it (S8).
5. The targets that the snapshot names, under an unexpired root.
6. Delegations, level by level.

Every file passes: hash, envelope, signatures, structure, version, expiry. Versions are held against what
an earlier update accepted. Anything out of order is a defect of ours and raises `RuntimeError`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from proxy.errors import Expired, MetadataCorrupt
from proxy.names import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Gun, RoleName
from proxy.tuf.collection import Collection, Role, Stored, TopRole
from proxy.tuf.delegations import DelegationTree, Wanted
from proxy.tuf.floors import Floors
from proxy.tuf.metadata import (
    Envelope,
    FileMeta,
    Snapshot,
    Timestamp,
    open_envelope,
    read_snapshot,
    read_targets,
    read_timestamp,
)
from proxy.tuf.pins import Pins
from proxy.tuf.roots import RootRules, TrustedRoot
from proxy.tuf.signatures import signers_of

_Part = TypeVar("_Part")


class TrustedSet:
    """What one update has verified so far.

    `now` is its one instant, an aware UTC datetime; `blocked` says of public key ids why they never count. `grace` is
    how long timestamp and snapshot count after they expired (L3).
    """

    def __init__(
        self,
        gun: Gun,
        pins: Pins,
        stored: Stored | None,
        now: datetime,
        blocked: Mapping[str, str],
        grace: timedelta = timedelta(),
    ) -> None:
        self._rules = RootRules(gun, pins, now, blocked)
        self._now = now
        self._blocked = blocked
        self._grace = grace
        self._floors = Floors(stored.files if stored else {})
        self._remembered_root: TrustedRoot | None = None
        self._root: TrustedRoot | None = None
        self._timestamp: Timestamp | None = None
        self._snapshot: Snapshot | None = None
        self._tree: DelegationTree | None = None
        self._files: dict[RoleName, bytes] = {}

    @property
    def root(self) -> TrustedRoot:
        """The root that is trusted now."""
        return _in_order(self._root)

    def remember_root(self) -> None:
        """Start from the root that an earlier update accepted. Raises a `TrustError`, also where it is lost."""
        data = self._floors.files.get(ROOT)
        if data is None:
            raise MetadataCorrupt(ROOT, "the remembered one is gone")
        self._root = self._remembered_root = self._rules.trust(data)

    def first_root(self, data: bytes) -> None:
        """Start from a root that was never seen before. Raises a `TrustError`."""
        self._root = self._rules.trust(data)

    def successor(self, previous: TrustedRoot, data: bytes) -> TrustedRoot:
        """Check one step of a rotation without taking it. Raises a `TrustError`."""
        return self._rules.succeed(previous, data)

    def rotate_root(self, root: TrustedRoot) -> None:
        """Take a root that `successor` accepted; what was verified under the old one is to be verified anew."""
        self._root = root
        self._timestamp = self._snapshot = None
        self._files.clear()
        if self._remembered_root and self._changes_online_keys(self._remembered_root, root):
            self._floors = self._floors.without(TIMESTAMP, SNAPSHOT)  # (S9)

    def update_timestamp(self, data: bytes) -> FileMeta:
        """Verify the timestamp; answers what it says of the snapshot. Raises a `TrustError`."""
        envelope = self._signed(TIMESTAMP, data)
        timestamp = read_timestamp(envelope.signed)
        if not self._is_equivalent(timestamp):
            self._floors.check(TIMESTAMP, timestamp.version, data)
        self._check_expiry(TIMESTAMP, timestamp.expires, self._grace)
        self._timestamp = timestamp
        self._files[TIMESTAMP] = data
        return timestamp.snapshot

    def update_snapshot(self, data: bytes) -> FileMeta:
        """Verify the snapshot; answers what it says of the root. Raises a `TrustError`."""
        _in_order(self._timestamp).snapshot.check(SNAPSHOT, data)
        envelope = self._signed(SNAPSHOT, data)
        snapshot = read_snapshot(envelope.signed)
        self._floors.check(SNAPSHOT, snapshot.version, data)
        self._check_expiry(SNAPSHOT, snapshot.expires, self._grace)
        self._snapshot = snapshot
        self._files[SNAPSHOT] = data
        return snapshot.files[ROOT]

    def begin_targets(self) -> FileMeta:
        """Close the top: the root is the one that the snapshot names, and unexpired; answers what names `targets`."""
        snapshot = _in_order(self._snapshot)
        snapshot.files[ROOT].check(ROOT, self.root.data)
        self._check_expiry(ROOT, self.root.root.expires)
        self._files[ROOT] = self.root.data
        return snapshot.files[TARGETS]

    def update_targets(self, data: bytes) -> list[Wanted]:
        """Verify the top-level targets; answers the delegations to load next. Raises a `TrustError`."""
        _in_order(self._files.get(ROOT))  # the top is closed
        snapshot = _in_order(self._snapshot)
        snapshot.files[TARGETS].check(TARGETS, data)
        listed = self.root.root.roles[TARGETS]
        envelope = open_envelope(TARGETS, data)
        signed_by = signers_of(TARGETS, envelope, listed.keys, listed.threshold, self._blocked)
        targets = read_targets(TARGETS, envelope.signed)
        self._floors.check(TARGETS, targets.version, data)
        self._check_expiry(TARGETS, targets.expires)
        role = Role(
            name=TARGETS,
            version=targets.version,
            expires=targets.expires,
            threshold=listed.threshold,
            keys=listed.keys,
            signed_by=signed_by,
            paths=("",),
            targets=targets.targets,
        )
        self._tree = DelegationTree(snapshot, self._floors, self._now, self._blocked)
        return self._tree.plant(role, targets, data)

    def update_delegation(self, wanted: Wanted, data: bytes) -> list[Wanted]:
        """Verify a delegation; answers its children to load next. A defect makes it unusable (L2)."""
        return _in_order(self._tree).load(wanted, data)

    def spoil_delegation(self, wanted: Wanted, error: MetadataCorrupt) -> None:
        """Keep a delegation whose listed file cannot be had as unusable (L2)."""
        _in_order(self._tree).spoil(wanted, error)

    def collection(self) -> Collection:
        """Everything verified, once every delegation was loaded or found unusable."""
        root, timestamp, snapshot = self.root.root, _in_order(self._timestamp), _in_order(self._snapshot)
        tree = _in_order(self._tree)
        return Collection(
            gun=self._rules.gun,
            root=TopRole(ROOT, root.version, root.expires),
            root_keys=root.roles[ROOT].keys,
            timestamp=TopRole(TIMESTAMP, timestamp.version, timestamp.expires),
            snapshot=TopRole(SNAPSHOT, snapshot.version, snapshot.expires),
            roles=dict(tree.roles),
            files={**tree.remembered(), **self._files},
            skipped=tuple(tree.skipped),
        )

    def _signed(self, role: RoleName, data: bytes) -> Envelope:
        envelope = open_envelope(role, data)
        listed = self.root.root.roles[role]
        signers_of(role, envelope, listed.keys, listed.threshold, self._blocked)
        return envelope

    def _check_expiry(self, role: RoleName, expires: datetime, grace: timedelta = timedelta()) -> None:
        if self._now - expires > grace:
            raise Expired(role, expires)

    def _is_equivalent(self, timestamp: Timestamp) -> bool:
        """Whether it says what the one accepted before said, under the same number.

        Replicas of the real server race when they sign again, so the bytes may differ (S6).
        """
        remembered = self._floors.files.get(TIMESTAMP)
        if remembered is None:
            return False
        before = read_timestamp(open_envelope(TIMESTAMP, remembered).signed)
        return before.version == timestamp.version and before.snapshot.sha256 == timestamp.snapshot.sha256

    @staticmethod
    def _changes_online_keys(before: TrustedRoot, after: TrustedRoot) -> bool:
        """Whether timestamp or snapshot are signed by other keys now."""
        return any(
            {key.public_key_id for key in before.root.roles[role].keys.values()}
            != {key.public_key_id for key in after.root.roles[role].keys.values()}
            for role in (TIMESTAMP, SNAPSHOT)
        )


def _in_order(part: _Part | None) -> _Part:
    """What an earlier step left. Raises `RuntimeError` if that step was not taken."""
    if part is None:
        raise RuntimeError("a step of the update was left out")
    return part
