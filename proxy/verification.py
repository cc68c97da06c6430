"""One verification, whole: what Notary has now, what tags had before, and what is to be committed of it.

Pure, and all that goes in or comes out can be sent to another process: a large collection takes seconds, which
the event loop does not have (`proxy.verifier`).
"""

import hashlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from proxy.drive import drive_in_turn
from proxy.errors import NoTrustData, Refusal, TrustStoreUnavailable
from proxy.names import ROOT, TIMESTAMP, Gun, RoleName, Tag
from proxy.policy.past import Past, record
from proxy.refusals import for_log
from proxy.store.protocol import Remembered
from proxy.tuf.collection import Collection, Unusable
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply
from proxy.tuf.packed import compact
from proxy.tuf.pins import Pins
from proxy.tuf.succession import Succession
from proxy.tuf.targets import PackedTags
from proxy.tuf.update import Replies, Wishes, update


@dataclass(frozen=True, slots=True)
class Job:
    """What a verification starts from.

    `now` is an aware UTC datetime; `grace` is how long timestamp and snapshot may have expired; `blocked` says of
    public key ids (dialect 2.5, canonical) why they count for nothing; `keep_for` is the longest time for which an
    entry serves superseded digests.
    """

    gun: Gun
    pins: Pins
    remembered: Remembered | None
    now: datetime
    grace: timedelta
    blocked: Mapping[str, str]
    keep_for: timedelta


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of it.

    `collection` is compact; `files` are those to commit, with `past` and `new_tags` (each tag that the collection
    has, or had before), where `is_new` says that files or past differ from what was remembered. `skipped` is for
    the log, and so is `lost`: why what tags had before cannot be told any more, where that is so. `succession` is what
    changed since what was remembered, None where that is not known.
    """

    collection: Collection
    past: Past
    files: Mapping[RoleName, bytes]
    new_tags: PackedTags
    is_new: bool
    lost: str = ""
    succession: Succession | None = None

    @property
    def skipped(self) -> tuple[str, ...]:
        """Targets that count for nothing, and why (difference S10)."""
        return self.collection.skipped


Verification: TypeAlias = Generator[Wishes, Replies, Verified]


def verification(job: Job) -> Verification:
    """Verify what Notary has against what is remembered, and record what tags had before.

    It is driven as `update` is, and raises what that raises into the caller; also `TrustStoreUnavailable` where
    what is remembered of earlier tags cannot be read.
    """
    remembered = _known(job)
    stored = remembered.stored if remembered else None
    collection = yield from update(job.gun, job.pins, stored, job.now, job.blocked, job.grace)
    before, lost = _before(job, collection)
    written = _past_of(remembered)
    past = record(written, before, collection, job.now, job.keep_for)
    is_new = remembered is None or past is not written or remembered.stored.files != collection.files
    had = before.tags() if before else frozenset[Tag]()
    # tags that it had before too: an older store may not have noted them
    tags = PackedTags.pack(collection.tags() | had)
    succession = None if lost else Succession.of(before, collection)
    return Verified(compact(collection), past, collection.files, tags, is_new, lost, succession)


def recall(job: Job) -> Verified:
    """What is remembered, verified under today's pins and blocked keys as of its last check; Notary is not asked.

    Raises a `TrustError` where it does not hold, and `TrustStoreUnavailable` as `verification` does.
    """
    remembered = _known(job)
    if remembered is None:
        raise NoTrustData(ROOT)
    collection, past = _as_of_then(job, remembered), _past_of(remembered)
    return Verified(compact(collection), past, collection.files, PackedTags.pack(collection.tags()), is_new=False)


def _known(job: Job) -> Remembered | None:
    """What is remembered; of a collection that was forgotten on purpose nothing is."""
    return job.remembered if job.remembered and job.remembered.stored.files else None


def _before(job: Job, collection: Collection) -> tuple[Collection | None, str]:
    """The collection that was remembered, as it was verified then; else None, and why where that is a loss."""
    remembered = _known(job)
    if remembered is None:
        return None, ""
    if _says_the_same(remembered.stored.files, collection):
        return collection, ""
    try:
        return _as_of_then(job, remembered), ""
    except Refusal as refusal:
        return None, for_log(refusal, job.gun)


def _says_the_same(files: Mapping[RoleName, bytes], collection: Collection) -> bool:
    """Whether what was remembered said of every tag what the collection says, which has been verified just now.

    Where nothing but the timestamp is new, and no role is of no use that may have been of use then.
    """
    if files == collection.files:
        return True
    if any(isinstance(role, Unusable) for role in collection.roles.values()):
        return False
    return {**files, TIMESTAMP: b""} == {**collection.files, TIMESTAMP: b""}


def _as_of_then(job: Job, remembered: Remembered) -> Collection:
    """Verify remembered files as of their last check, by nothing but themselves. Raises a `TrustError`."""
    files = remembered.stored.files
    by_name = {str(role): data for role, data in files.items()}
    by_name |= {f"{role}.{hashlib.sha256(data).hexdigest()}": data for role, data in files.items()}

    def answer(wish: Fetch) -> Reply:
        data = by_name.get(wish.name)
        return Missing() if data is None else Fetched(data)

    collection = drive_in_turn(update(job.gun, job.pins, None, remembered.checked_at, job.blocked, job.grace), answer)
    # the floors of roles that are unusable belong to it as well
    return replace(collection, files=files, hashes={})


def _past_of(remembered: Remembered | None) -> Past:
    try:
        return Past.decode(remembered.past if remembered else b"")
    except ValueError:
        raise TrustStoreUnavailable("what it remembers of earlier tags cannot be read") from None
