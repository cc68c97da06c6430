"""Decisions, and the two capabilities that let bytes out.

`registry.get_manifest` wants an `Allowed` and `pass_manifest` an `Unenforced`, so forwarding a tag under
`enforce` does not type-check. Both are made only inside `proxy.policy` (the mint below).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from proxy.errors import Refusal
from proxy.names import Descriptor, Digest, Gun, Reference, Repository
from proxy.policy.entries import Entry, Mode, Policy

_MINT: Final = object()


def _check_mint(mint: object) -> None:
    if mint is not _MINT:
        raise TypeError("only proxy.policy makes permissions")


@dataclass(frozen=True, slots=True)
class Allowed:
    """Permission to serve exactly the manifest with this digest, until an instant.

    `length` in bytes is None where nothing states it; `signers` are sorted.
    """

    digest: Digest
    length: int | None
    signers: tuple[str, ...]
    entry: Entry
    rule: str
    valid_until: datetime
    _mint: object = field(repr=False, compare=False)

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
    digest: Digest, length: int | None, signers: tuple[str, ...], entry: Entry, rule: str, valid_until: datetime
) -> Allowed:
    """Make a permission; for the evaluation in this package alone."""
    return Allowed(digest, length, tuple(sorted(signers)), entry, rule, valid_until, _MINT)


def relax(policy: Policy, repository: Repository, now: datetime) -> Unenforced | None:
    """The permission that `rollout` gives for a repository at an instant; None under `enforce`."""
    mode = policy.mode_for(repository, now)
    return None if mode is Mode.ENFORCE else Unenforced(mode, f"rollout: {mode}", _MINT)


def admit_any_digest(entry: Entry, now: datetime) -> Unenforced | None:
    """The permission that `digest_pull: {any: true}` gives until its instant."""
    if entry.any_digest is None or now >= entry.any_digest.until:
        return None
    return Unenforced(Mode.ENFORCE, f"digest_pull any: {entry.any_digest.reason}", _MINT)


def admit_child(parent: Allowed, child: Descriptor) -> Allowed:
    """Admit what a verified index names: as strong as the index, and no longer (design: Which digests are admitted)."""
    return allow(child.digest, child.length, parent.signers, parent.entry, parent.rule, parent.valid_until)


@dataclass(frozen=True, slots=True)
class RoleEvidence:
    """Version and expiry of a role that a decision rests on."""

    version: int
    expires: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about a reference, and on which evidence; one of `permission` and `refusal` is set.

    Its fields are those of the shape that `detail`, `verify --json` and the log share (design: Answers).
    `checked_at` is when Notary last confirmed the evidence.
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
