"""What owner and process ask and answer each other. Each verification has a number; files have one too.

Files are numbered in the order in which the process was given them: first what is remembered, then what Notary
answered. So they need not come back: the owner has them all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from proxy.errors import Refusal
from proxy.names import RoleName
from proxy.policy.past_packed import keep, kept
from proxy.tuf.collection import Stored
from proxy.tuf.messages import Fetched, Reply
from proxy.tuf.packed import pack, unpack
from proxy.tuf.succession import Succession
from proxy.tuf.targets import PackedTags
from proxy.tuf.update import Wishes
from proxy.verification import Job, Verified


@dataclass(frozen=True, slots=True)
class Verify:
    """Begin to verify what Notary has; what is wanted of it is answered, or how it ended."""

    number: int
    job: Job


@dataclass(frozen=True, slots=True)
class Recall:
    """Verify what is remembered."""

    number: int
    job: Job


@dataclass(frozen=True, slots=True)
class Tell:
    """What Notary replied to that which was wanted, in the same order."""

    number: int
    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class Forget:
    """Nobody waits for it any more. It is not answered."""

    number: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Files that Notary is to be asked for."""

    number: int
    wishes: Wishes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it, packed, with its files by their numbers."""

    number: int
    collection: bytes
    past: bytes
    files: Mapping[RoleName, int]
    new_tags: bytes
    is_new: bool
    lost: str
    succession: Succession | None

    def verified(self, given: list[bytes]) -> Verified:
        """The same as it is used, with the files that the process was given."""
        return Verified(
            collection=unpack(self.collection),
            past=kept(self.past),
            files={role: given[number] for role, number in self.files.items()},
            new_tags=PackedTags(self.new_tags),
            is_new=self.is_new,
            lost=self.lost,
            succession=self.succession,
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """It does not hold, or cannot be told."""

    number: int
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Broke:
    """A defect of ours ended it: a traceback, for the log."""

    number: int
    trace: str


Asked: TypeAlias = Verify | Recall | Tell | Forget
Answered: TypeAlias = Wanted | Outcome | Refused | Broke


def outcome(number: int, verified: Verified, given: Mapping[bytes, int]) -> Outcome:
    """What came of it, as it is sent; `given` numbers the files by what they hold."""
    return Outcome(
        number=number,
        collection=pack(verified.collection),
        past=keep(verified.past),
        files={role: given[data] for role, data in verified.files.items()},
        new_tags=verified.new_tags.as_bytes(),
        is_new=verified.is_new,
        lost=verified.lost,
        succession=verified.succession,
    )


def portable(job: Job) -> Job:
    """The same job with nothing in it that only this process has, such as a view of a mapping."""
    remembered = job.remembered
    if remembered:
        remembered = replace(remembered, stored=Stored(dict(remembered.stored.files)))
    return replace(job, remembered=remembered, blocked=dict(job.blocked))


def files_of(job: Job) -> Iterator[bytes]:
    """The files that a job brings along."""
    return iter(job.remembered.stored.files.values() if job.remembered else ())


def files_in(replies: tuple[Reply, ...]) -> Iterator[bytes]:
    """The files that Notary replied with."""
    return (reply.data for reply in replies if isinstance(reply, Fetched))
