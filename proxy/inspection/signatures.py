"""What is in trust data, in the words of `docker trust inspect` (dialect 4.4)."""

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypedDict

from proxy.names import RELEASES, TARGETS, Digest, RoleName, Tag
from proxy.tuf.collection import Collection, Role
from proxy.tuf.keys import PublicKey

_REPO_ADMIN: Final = "Repo Admin"


class SignedTag(TypedDict):
    """A pair of tag and digest (hex), and who signed it."""

    SignedTag: str
    Digest: str
    Signers: list[str]


class KeyId(TypedDict):
    """A key, by one of its ids."""

    ID: str


class Holder(TypedDict):
    """A signer or an administrative role, and its keys."""

    Name: str
    Keys: list[KeyId]


class Inspected(TypedDict):
    """One element of the array."""

    Name: str
    SignedTags: list[SignedTag]
    Signers: list[Holder]
    AdministrativeKeys: list[Holder]


def inspect(name: str, collection: Collection, only: Tag | Digest | None) -> Inspected:
    """One element of the array that `docker trust inspect` prints; `name` is the reference as it was typed.

    A pair of tag and digest is shown if `targets` or `targets/releases` has it, with every other role that
    has the same pair as its signers; `only` limits the pairs to those of a tag or of a digest.
    """
    return {
        "Name": name,
        "SignedTags": [
            {"SignedTag": signed, "Digest": digest, "Signers": list(signers) or [_REPO_ADMIN]}
            for (signed, digest), signers in _released_pairs(collection).items()
            if only in (None, signed, f"sha256:{digest}")
        ],
        "Signers": _signers(collection),
        "AdministrativeKeys": [
            {"Name": "Root", "Keys": _listed_keys(collection.root_keys)},
            {"Name": "Repository", "Keys": _listed_keys(collection.targets.keys)},
        ],
    }


def public_root_ids(collection: Collection) -> dict[str, str]:
    """The root keys' public key ids, which `roots` pins, by the ids that `inspect` shows, those of certificates."""
    return {key_id: key.public_key_id for key_id, key in collection.root_keys.items()}


def _released_pairs(collection: Collection) -> dict[tuple[Tag, str], tuple[str, ...]]:
    releasing = [role for name in (TARGETS, RELEASES) if isinstance(role := collection.roles.get(name), Role)]
    pairs = {
        (named, target.digest.hex) for role in releasing for named, target in role.targets.items() if role.target(named)
    }
    others = [role for role in collection.usable() if role.name not in (TARGETS, RELEASES)]
    return {
        (named, digest): tuple(role.name.signer for role in others if _has(role, named, digest))
        for named, digest in sorted(pairs, key=lambda pair: (_natural(pair[0]), pair[1]))
    }


def _has(role: Role, tag: Tag, digest: str) -> bool:
    target = role.target(tag)
    return target is not None and target.digest.hex == digest


def _signers(collection: Collection) -> list[Holder]:
    """All delegations but `targets/releases`, by name descending, with the ids of their plain keys."""
    named: dict[RoleName, Iterable[PublicKey]] = {
        name: role.keys.values() for name, role in collection.roles.items() if name not in (TARGETS, RELEASES)
    }
    return [
        {"Name": name.signer, "Keys": [{"ID": key.public_key_id} for key in named[name]]}
        for name in sorted(named, reverse=True)
    ]


def _listed_keys(keys: Mapping[str, PublicKey]) -> list[KeyId]:
    """Keys by the ids they are listed under; for a root that is the id of its certificate."""
    return [{"ID": key_id} for key_id in sorted(keys)]


def _natural(text: str) -> list[tuple[int, int | str]]:
    """Order runs of digits by value, as docker does: `v9` before `v10`."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", text) if part]
