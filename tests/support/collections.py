"""Verified trust data as policy sees it: written down, never fetched or verified.

    of(
        says("targets/alice", {"1.4": "new"}, keys=["alice"]),
        says("targets/releases", {"1.4": "new"}),
    )

A digest is named by a word; a key by its public key id, which may be any word too.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from proxy.errors import TrustError
from proxy.names import Digest, Gun, Repository, RoleName, Tag
from proxy.policy.entries import Entry
from proxy.policy.patterns import RepositoryPattern
from proxy.policy.signers import Released, SignedBy, Signer, SignerKey
from proxy.tuf.collection import Collection, Role, Target, TopRole, Unpublished, Unusable
from proxy.tuf.keys import PublicKey
from proxy.tuf.pins import Pins

NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER: Final = NOW + timedelta(days=365)
GUN: Final = Gun("registry.example.com/shop/api")
REPOSITORY: Final = Repository("shop/api")
_LENGTH: Final = 527


def digest(word: str) -> Digest:
    """The digest that a word stands for."""
    return Digest(f"sha256:{hashlib.sha256(word.encode()).hexdigest()}")


def target(word: str, length: int = _LENGTH) -> Target:
    """What a role says of a tag: the digest that a word stands for, and a length."""
    return Target(digest(word), length)


def says(
    name: str,
    tags: Mapping[str, str | Target] | None = None,
    *,
    keys: Iterable[str] = (),
    delegated: Iterable[str] = (),
    threshold: int = 1,
    paths: tuple[str, ...] = ("",),
    expires: datetime = LATER,
    version: int = 1,
) -> Role:
    """A usable role and what it says of tags; `keys` signed it, without any the one named after the role.

    Those and the `delegated` ones may sign for it.
    """
    targets = {Tag(tag): said if isinstance(said, Target) else target(said) for tag, said in (tags or {}).items()}
    signed_by = frozenset(keys) or frozenset({name.removeprefix("targets/")})
    listed = {key: PublicKey("ecdsa", b"", key, key, None) for key in signed_by.union(delegated)}
    return Role(RoleName(name), version, expires, threshold, listed, signed_by, paths, targets)


def unusable(name: str, error: TrustError, claims: Mapping[str, str] | None = None) -> Unusable:
    """A declared role with a defect, and what its file says all the same."""
    said = {Tag(tag): target(word) for tag, word in (claims or {}).items()}
    return Unusable(RoleName(name), error, {}, 1, ("",), said)


def unpublished(name: str) -> Unpublished:
    """A declared role that has no file."""
    return Unpublished(RoleName(name), {}, 1, ("",))


def of(*roles: Role | Unusable | Unpublished, **expires: datetime) -> Collection:
    """The collection of these roles, with an empty `targets` unless one is among them.

    `expires` are the instants of root, timestamp and snapshot, where they are not `LATER`.
    """
    tree = {RoleName("targets"): says("targets")} | {role.name: role for role in roles}
    tops = {name: TopRole(RoleName(name), 1, expires.get(name, LATER)) for name in ("root", "timestamp", "snapshot")}
    return Collection(
        gun=GUN,
        root=tops["root"],
        root_keys={},
        timestamp=tops["timestamp"],
        snapshot=tops["snapshot"],
        roles=tree,
        files={},
        skipped=(),
    )


def signer(name: str, *keys: str | SignerKey) -> Signer:
    """A signer with these keys; without any, whatever keys are delegated count."""
    listed = tuple(key if isinstance(key, SignerKey) else SignerKey(key) for key in keys)
    return Signer(name, listed or None)


def signers(*names: str) -> tuple[Signer, ...]:
    """Signers, each with whatever keys are delegated."""
    return tuple(map(signer, names))


def entry(signed_by: SignedBy | None = None, **other: Any) -> Entry:
    """An entry of `repositories` for `shop/**`, by default `signed_by: released`, with the defaults of the design."""
    fields: dict[str, Any] = {
        "pattern": RepositoryPattern("shop/**"),
        "signed_by": signed_by or Released(),
        "tags": (),
        "notary": "corp",
        "gun_template": "{name}/{repository}",
        "pins": Pins.tofu(),
        "any_digest": None,
        "fresh_for": timedelta(seconds=30),
        "released_required": True,
        "fallback_to_targets": False,
    }
    return Entry(**(fields | other))
