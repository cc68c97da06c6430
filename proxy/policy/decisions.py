"""Decisions, and the two capabilities that let bytes out.

`registry.get_manifest` wants an `Allowed` and `pass_manifest` an `Unenforced`, so forwarding a tag under
`enforce` does not type-check. Both are made only inside `proxy.policy` (the mint below). What the
configuration itself lets out, without trust data, is made here; what signatures admit, in `evaluation`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from proxy.errors import Blocked, Refusal
from proxy.names import SNAPSHOT, TIMESTAMP, Descriptor, Digest, Gun, Reference, Repository
from proxy.policy.entries import NOTHING_BLOCKED, Blocklist, Entry, Mode, Policy

_MINT: Final = object()


def _check_mint(mint: object) -> None:
    if mint is not _MINT:
        raise TypeError("only proxy.policy makes permissions")


@dataclass(frozen=True, slots=True)
class Allowed:
    """Permission to serve exactly the manifest with this digest, until an instant.

    `length` in bytes is None where nothing states it; `signers` are sorted. `entry` is None and `enforced`
    False where `exceptions` lets it out and no signature was asked for. `blocked` goes on to what it names.
    """

    digest: Digest
    length: int | None
    signers: tuple[str, ...]
    entry: Entry | None
    rule: str
    valid_until: datetime
    _mint: object = field(repr=False, compare=False)
    enforced: bool = field(default=True, kw_only=True)
    blocked: Blocklist = field(default=NOTHING_BLOCKED, kw_only=True, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse to exist unless made by policy."""
        _check_mint(self._mint)


@dataclass(frozen=True, slots=True)
class Unenforced:
    """Permission to relay the client's own request, because the configuration says so in as many words."""

    mode: Mode
    reason: str
    _mint: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse to exist unless made by policy."""
        _check_mint(self._mint)


def allow(
    digest: Digest,
    length: int | None,
    signers: tuple[str, ...],
    entry: Entry,
    rule: str,
    valid_until: datetime,
    blocked: Blocklist = NOTHING_BLOCKED,
) -> Allowed:
    """Make a permission; for the evaluation in this package alone. Raises `Blocked`."""
    blocked.check(digest)
    return Allowed(digest, length, tuple(sorted(signers)), entry, rule, valid_until, _MINT, blocked=blocked)


def admit_child(parent: Allowed, child: Descriptor) -> Allowed:
    """Admit what a verified index names: as strong as the index, and no longer (design: Which digests are admitted).

    Raises `Blocked` for a child that `blocked` names: it is passed over, and nothing is admitted through it.
    """
    parent.blocked.check(child.digest)
    return replace(parent, digest=child.digest, length=child.length)


def exempt(policy: Policy, repository: Repository, digest: Digest, now: datetime) -> Allowed | None:
    """The permission that `exceptions` gives for a digest until its instant; it needs no entry and no signature.

    None for a blocked digest: `blocked` wins over everything (design: Which digests are admitted).
    """
    fitting = [
        item
        for item in policy.exemptions
        if (item.repository, item.digest) == (repository, digest) and now < item.until
    ]
    if not fitting or digest in policy.blocked.digests:
        return None
    last = max(fitting, key=lambda item: item.until)
    rule = f"exceptions: {last.reason}"
    return Allowed(digest, None, (), None, rule, last.until, _MINT, enforced=False, blocked=policy.blocked)


def check_blocked(policy: Policy, digest: Digest) -> None:
    """Refuse a digest that `blocked` names, whatever else would admit it. Raises `Blocked`."""
    policy.blocked.check(digest)


def relax(policy: Policy, repository: Repository, now: datetime) -> Unenforced | None:
    """The permission that `rollout` gives for a repository at an instant.

    None under `enforce`, and under `protect`, where a decision comes first (`pass_unprotected`).
    """
    mode = policy.mode_for(repository, now)
    return None if mode in (Mode.ENFORCE, Mode.PROTECT) else Unenforced(mode, f"rollout: {mode}", _MINT)


def pass_unprotected(refusal: Refusal) -> Unenforced:
    """The permission that `protect` gives beside a refusal, for what was never signed (design: Modes).

    That it never was is the caller's to know. Raises the refusal itself where it is `Blocked`, which wins
    under `protect` too.
    """
    if isinstance(refusal, Blocked):
        raise refusal
    return Unenforced(Mode.PROTECT, "rollout: protect", _MINT)


def candidate(mode: Mode) -> Unenforced:
    """The permission that the candidates listener gives for everything (design: Pushers and candidates)."""
    return Unenforced(mode, "candidates listener", _MINT)


def admit_any_digest(entry: Entry, now: datetime) -> Unenforced | None:
    """The permission that `digest_pull: {any: true}` gives until its instant."""
    if entry.any_digest is None or now >= entry.any_digest.until:
        return None
    return Unenforced(Mode.ENFORCE, f"digest_pull any: {entry.any_digest.reason}", _MINT)


@dataclass(frozen=True, slots=True)
class RoleEvidence:
    """Version and expiry of a role that a decision rests on."""

    version: int
    expires: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about a reference, and on which evidence.

    One of `permission` and `refusal` is set; both only under `protect`, where the refusal stands and the
    request is relayed all the same (`would-refuse`).

    Its fields are those of the shape that `detail`, `verify --json` and the log share (design: Answers).
    `checked_at` is when Notary last confirmed the evidence; `stale` the whole seconds since then where that evidence
    serves only because of an outage, else None. `owner` is the contact that a refusal names beside;
    `carried` says that Notary is a directory, where nobody signs anything anew. `waited` says that
    the evidence was not at hand: Notary was asked first. `rests_on` is an object of the evidence's
    own, to be compared by identity.
    """

    reference: Reference
    mode: Mode
    rule: str = ""
    gun: Gun | None = None
    notary: str = ""
    permission: Allowed | Unenforced | None = None
    refusal: Refusal | None = None
    missing: tuple[str, ...] = ()
    roles: Mapping[str, RoleEvidence] = field(default_factory=dict)
    checked_at: datetime | None = None
    stale: int | None = None
    owner: str = ""
    carried: bool = False
    waited: bool = False
    rests_on: object = field(default=None, repr=False, compare=False)

    @property
    def rests_on_trust_data(self) -> bool:
        """Whether it was made on what Notary served, and not by the configuration alone, or for want of trust data."""
        exempted = isinstance(self.permission, Allowed) and not self.permission.enforced
        return self.checked_at is not None and not exempted

    @property
    def whereabouts(self) -> dict[str, str]:
        """What a sentence about the refusal names besides the reference."""
        carried = {"carried": "yes"} if self.carried else {}
        return {"gun": self.gun or "", "notary": self.notary, "owner": self.owner, **carried}

    def by_grace(self, now: datetime) -> tuple[str, ...]:
        """The roles that had expired and count by `expiry_grace` alone, where the permission rests on trust data.

        In an outage a timestamp that was good at the last check is none of them: there its expiry does not count.
        """
        if not isinstance(self.permission, Allowed) or not self.permission.enforced:
            return ()
        judged = now if self.stale is None else self.checked_at or now
        instants = {TIMESTAMP: judged, SNAPSHOT: now}
        return tuple(name for name, at in instants.items() if name in self.roles and self.roles[name].expires < at)
