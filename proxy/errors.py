"""Everything this program raises on purpose.

Two trees. `Refusal` is a reason not to serve something: it carries facts (`str`, `int`, `datetime`,
tuples of `str`), never sentences; `proxy.refusals` turns facts into words, a status and a code.
`UserError` is a person's mistake at the command line or in a file: it is one sentence, shown as it is.

Anything else that is ever raised is a defect of ours and is refused as `internal`.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Self


class TagwardenError(Exception):
    """Root of both trees."""


class UserError(TagwardenError):
    """A mistake that the person at the keyboard can mend; the text is one sentence for them."""


class OutOfReach(UserError):
    """Something that a command needs is away now: nobody is mistaken, and whoever asks again may find it there."""


@dataclass(eq=False)
class Refusal(TagwardenError):
    """A reason to refuse; subclasses add the facts."""

    def __str__(self) -> str:
        # what `Exception` keeps for this is lost where a refusal is made by keyword, as copies are
        return ", ".join(str(fact) for fact in self._facts())

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        # the same loss would keep copies from being read again in another process
        return type(self), self._facts()

    def _facts(self) -> tuple[object, ...]:
        return tuple(getattr(self, fact.name) for fact in fields(self))


# --- trust data -------------------------------------------------------------------------------


@dataclass(eq=False)
class TrustError(Refusal):
    """Trust data does not hold: what Notary answered cannot be the basis of a decision."""


@dataclass(eq=False)
class Blocked(TrustError):
    """`blocked` names a digest or a key: `subject` is which, `reason` is the operator's own word."""

    subject: str
    reason: str


@dataclass(eq=False)
class NoTrustData(TrustError):
    """Notary answered 404 for the timestamp or root of a GUN (difference S14)."""

    role: str


@dataclass(eq=False)
class RootNotTrusted(TrustError):
    """Pins, certificate name or certificate dates of a root do not hold."""

    why: str


@dataclass(eq=False)
class RootRotationBroken(TrustError):
    """A newer root is not signed by the one that is remembered."""

    why: str


@dataclass(eq=False)
class Expired(TrustError):
    """A role is past its `expires`."""

    role: str
    expires: datetime


@dataclass(eq=False)
class ThresholdNotMet(TrustError):
    """Too few distinct public keys signed a role (difference S1)."""

    role: str
    valid: int
    threshold: int


@dataclass(eq=False)
class Rollback(TrustError):
    """A version went back, changed its bytes, or a published role was withheld (S5, S6, S7)."""

    role: str
    why: str


@dataclass(eq=False)
class MetadataCorrupt(TrustError):
    """Bytes that are no metadata: not parseable, wrong hash, listed but missing, over a limit."""

    role: str
    why: str


# --- decisions --------------------------------------------------------------------------------


@dataclass(eq=False)
class NoRule(Refusal):
    """No entry of `repositories` matches the repository."""


@dataclass(eq=False)
class TagNotSigned(Refusal):
    """Trust data is valid; the tag is in no role that counts."""

    tag: str
    unreleased: bool  # `targets` has it, the declared `targets/releases` lacks it


@dataclass(eq=False)
class SignerMissing(Refusal):
    """The tag is signed, but not by enough of the required signers; `wanted` more of `missing` would do."""

    tag: str
    signed: tuple[str, ...]
    wanted: int
    missing: tuple[str, ...]


@dataclass(eq=False)
class SignersDisagree(Refusal):
    """Enough signers signed, but different digests."""

    tag: str
    digests: tuple[str, ...]


@dataclass(eq=False)
class DigestNotSigned(Refusal):
    """Nothing signed admits this digest; where it was superseded, of which tag and when that ended."""

    digest: str
    tag: str = ""
    ended: datetime | None = None


# --- manifests and registry -------------------------------------------------------------------


@dataclass(eq=False)
class SignedLengthWrong(Refusal):
    """The digest fits, the signed length does not (difference S12)."""

    signers: tuple[str, ...]
    signed: int
    actual: int


@dataclass(eq=False)
class ManifestAmbiguous(Refusal):
    """A manifest that two clients could read in two ways, schema 1, or one over the size limit."""

    why: str


@dataclass(eq=False)
class ManifestMissing(Refusal):
    """Signed, but the registry does not have it."""

    digest: str


@dataclass(eq=False)
class NotAcceptable(Refusal):
    """The client's Accept excludes the media type that was signed."""

    media_type: str


@dataclass(eq=False)
class ContentMismatch(Refusal):
    """The registry returned other bytes than were asked for by digest."""

    digest: str
    actual: str


@dataclass(eq=False)
class RegistryUnreachable(Refusal):
    """The registry refused, reset or failed in TLS."""

    why: str


@dataclass(eq=False)
class RegistryTimedOut(RegistryUnreachable):
    """The registry did not answer in time."""


@dataclass(eq=False)
class RegistryLoop(RegistryUnreachable):
    """`registry.url` leads back to the proxy, which would ask itself without end."""


# --- writes and blobs ---------------------------------------------------------------------------


@dataclass(eq=False)
class BlobNotAdmitted(Refusal):
    """No admitted manifest names this blob, or it is a manifest that was refused as such."""

    digest: str


@dataclass(eq=False)
class PushRefused(Refusal):
    """`registry.push: refuse`."""


@dataclass(eq=False)
class DeleteRefused(Refusal):
    """`registry.delete` does not let this go."""

    why: str


@dataclass(eq=False)
class PusherHead(Refusal):
    """A HEAD of somebody who pushes: 404, so that the push goes on (design: Pushers and candidates)."""


# --- requests ---------------------------------------------------------------------------------


@dataclass(eq=False)
class ReferenceInvalid(Refusal):
    """A name, tag or digest outside the strict grammar."""

    text: str


@dataclass(eq=False)
class NameInvalid(ReferenceInvalid):
    """Not a repository name."""


@dataclass(eq=False)
class TagInvalid(ReferenceInvalid):
    """Not a tag."""


@dataclass(eq=False)
class DigestInvalid(ReferenceInvalid):
    """Not `sha256:` and 64 lower-case hex digits."""


@dataclass(eq=False)
class PathUnknown(Refusal):
    """No such route."""

    path: str


@dataclass(eq=False)
class MethodNotAllowed(Refusal):
    """The route exists, the method does not."""

    method: str


# --- cannot decide ----------------------------------------------------------------------------


@dataclass(eq=False)
class CannotDecide(Refusal):
    """Not a verdict: the same question may be answered in a few seconds."""


@dataclass(eq=False)
class NotaryUnreachable(CannotDecide):
    """Connect, TLS, time-out, or any status but 200 and 404."""

    why: str


@dataclass(eq=False)
class TrustStoreUnavailable(CannotDecide):
    """The trust store cannot be read or written."""

    why: str


@dataclass(eq=False)
class DeadlineExceeded(CannotDecide):
    """No decision within the time a request may wait."""

    seconds: int


@dataclass(eq=False)
class Undecided(CannotDecide):
    """A look-up could not be completed, so neither yes nor no is proved."""

    why: str


@dataclass(eq=False)
class Internal(Refusal):
    """An exception nobody expected; the log has it, the client does not."""
