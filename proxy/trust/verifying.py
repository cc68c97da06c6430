"""Verifies trust data that somebody brings, against what is remembered; whoever brings it is Notary in this."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from proxy.drive import drive_in_turn
from proxy.errors import NoRule, Refusal, TrustError
from proxy.names import Gun, RoleName
from proxy.policy.past import Past, record
from proxy.trust.belonging import Anchor, Belonging
from proxy.tuf.collection import Collection, Role, Stored, Unpublished, Unusable
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply
from proxy.tuf.metadata import open_envelope, version_in
from proxy.tuf.signatures import signers_of
from proxy.tuf.update import NONE_BLOCKED, update

Files = Mapping[RoleName, bytes]


@dataclass(frozen=True, slots=True)
class Judge:
    """Verifies collections as today's configuration wants it."""

    belonging: Belonging

    @property
    def blocked(self) -> Mapping[str, str]:
        """Public key ids that count for nothing, and why."""
        return self.belonging.policy.blocked.keys

    def anchors(self, notary: str, gun: Gun) -> Sequence[Anchor]:
        """What a collection may be verified under. Raises `NoRule` where no entry speaks of it."""
        anchors = self.belonging.anchors(notary, gun)
        if not anchors:
            raise NoRule
        return anchors

    def bring(
        self,
        gun: Gun,
        anchors: Sequence[Anchor],
        files: Files | None,
        read: Callable[[Fetch], Reply],
        now: datetime,
    ) -> Collection:
        """Verify what `read` gives, for somebody who remembers `files`, as of `now`; under whichever anchor holds.

        Raises the `Refusal` of the last one.
        """
        stored = Stored(files) if files else None
        refusal: Refusal = NoRule()
        for anchor in anchors:
            try:
                workflow = update(gun, anchor.pins, stored, now, self.blocked, anchor.grace)
                return drive_in_turn(workflow, read)
            except Refusal as other:
                refusal = other
        raise refusal

    def alone(self, gun: Gun, anchors: Sequence[Anchor], files: Files, now: datetime) -> Collection:
        """Verify files by nothing but themselves, as of `now`; the floors among them that can be told are kept.

        Raises a `Refusal`.
        """
        return with_floors(self.bring(gun, anchors, None, reading(files), now), files)

    def past(self, past: Past, before: Collection | None, after: Collection, now: datetime) -> Past:
        """What tags had before, once `after` has taken the place of `before`."""
        return record(past, before, after, now, self.belonging.keep_for())


def reading(files: Files) -> Callable[[Fetch], Reply]:
    """Answers as a Notary would that has these files, by name and by hash, and no others."""
    by_name = {str(role): data for role, data in files.items()}
    by_name |= {f"{role}.{hashlib.sha256(data).hexdigest()}": data for role, data in files.items()}

    def read(wish: Fetch) -> Reply:
        data = by_name.get(wish.name)
        return Missing() if data is None else Fetched(data)

    return read


def with_floors(collection: Collection, files: Files) -> Collection:
    """The same collection, remembering the newest file of each role that is declared and of no use now (S7).

    Only one that is signed as the role is declared: what somebody brings must not set a floor that nothing reaches.
    A blocked key's signature will do, since a floor admits nothing. Below a role that is of no use nothing tells what
    is still declared, so nothing is forgotten there that has a version.
    """
    kept = dict(collection.files)
    for role, data in files.items():
        if _is_newer(role, data, kept.get(role)) and _may_be_floor(collection, role, data):
            kept[role] = data
    return collection if kept == collection.files else replace(collection, files=kept, hashes={})


def _may_be_floor(collection: Collection, role: RoleName, data: bytes) -> bool:
    declared = collection.roles.get(role)
    match declared:
        case Unusable() | Unpublished():
            try:
                signers_of(role, open_envelope(role, data), declared.keys, declared.threshold, NONE_BLOCKED)
            except TrustError:
                return False
            return True
        case Role():
            return False
    return any(isinstance(collection.roles.get(each), Unusable | Unpublished) for each in _above(role))


def _above(role: RoleName) -> Iterator[RoleName]:
    while role.startswith("targets/"):
        role = role.parent
        yield role


def _is_newer(role: RoleName, data: bytes, than: bytes | None) -> bool:
    try:
        version = version_in(role, data)
        return than is None or version > version_in(role, than)
    except TrustError:
        return False
