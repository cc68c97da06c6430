"""What is released: the word of `targets/releases`, with which votes have to agree where it is declared (S4)."""

from dataclasses import dataclass
from datetime import datetime

from proxy.errors import TrustError
from proxy.names import RELEASES, TARGETS, RoleName, Tag
from proxy.policy.entries import Entry
from proxy.policy.votes import defect_of
from proxy.tuf.collection import Collection, Role, Target


@dataclass(frozen=True, slots=True)
class Release:
    """What is released for a tag: `role` says it, `target` is None where nothing is.

    `defect` is why the role cannot be used, and then nothing is released. `is_binding` where only votes for
    what is released count.
    """

    role: RoleName
    target: Target | None
    defect: TrustError | None
    is_binding: bool


def release_of(entry: Entry, tag: Tag, collection: Collection, now: datetime) -> Release:
    """The word of `targets/releases` where it is declared, else of `targets` (design: Which digest a tag has, 1).

    Never a fall-back from one to the other, unless the entry asks for Docker's lax rule (S4).
    """
    releases = collection.roles.get(RELEASES)
    if releases is None:
        return Release(TARGETS, collection.targets.target(tag), None, is_binding=False)
    defect = defect_of(RELEASES, collection, now)
    target = releases.target(tag) if isinstance(releases, Role) and not defect else None
    if target is None and entry.fallback_to_targets:
        return Release(TARGETS, collection.targets.target(tag), None, entry.released_required)
    return Release(RELEASES, target, defect, entry.released_required)
