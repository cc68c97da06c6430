"""Which tags have a digest, had it, or are said to: what `admit_digest` goes through, told instead of decided."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from proxy.errors import Refusal
from proxy.names import Digest, Tag
from proxy.policy.entries import NOTHING_BLOCKED, Blocklist, Entry
from proxy.policy.past import NO_PAST, Past
from proxy.policy.superseded import Tags
from proxy.tuf.collection import Collection


class Hold(StrEnum):
    """How a tag holds a digest: now; before, and for long enough that it is admitted; before; or by word alone."""

    HAS = "has"
    HAD = "had"
    LOST = "lost"
    CLAIMED = "claimed"


@dataclass(frozen=True, slots=True)
class Holder:
    """One tag that some role ever said this digest of.

    `until` is the instant to which the digest is admitted (`HAS`, `HAD`) or to which the tag had it (`LOST`).
    `refusal` is why the tag has no digest now, where it has none.
    """

    tag: Tag
    hold: Hold
    until: datetime | None = None
    refusal: Refusal | None = None


def holders(
    entry: Entry,
    digest: Digest,
    collection: Collection,
    now: datetime,
    *,
    past: Past = NO_PAST,
    blocked: Blocklist = NOTHING_BLOCKED,
) -> tuple[Holder, ...]:
    """Every tag that has to do with a digest, by name; a blocked digest is not admitted all the same."""
    tags = Tags(entry, collection, now, past, blocked)
    return tuple(_holder(tags, tag, digest) for tag in sorted(collection.naming(digest) | past.naming(digest)))


def _holder(tags: Tags, tag: Tag, digest: Digest) -> Holder:
    try:
        current = tags.current(tag)
    except Refusal as refusal:
        return _without(tags, tag, digest, refusal)
    if current.target.digest == digest:
        return Holder(tag, Hold.HAS, current.valid_until)
    for earlier in tags.superseded(current):
        if earlier.target.digest == digest:
            return Holder(tag, Hold.HAD, earlier.valid_until)
    return _without(tags, tag, digest, None)


def _without(tags: Tags, tag: Tag, digest: Digest, refusal: Refusal | None) -> Holder:
    ended = tags.ended(tag, digest)
    return Holder(tag, Hold.LOST if ended else Hold.CLAIMED, ended, refusal)
