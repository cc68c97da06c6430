"""The keys found in trust data: roots to compare with their holders, and who may sign by which key."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.names import Repository, RoleName
from proxy.proposal.signed import signer_roles
from proxy.tuf.collection import Collection
from proxy.tuf.keys import PublicKey
from proxy.tuf.pins import unbundle

SIGNERS: Final = "signers"
"""The directory of the key files, beside the configuration."""

_SHORTEST_ID: Final = 8


@dataclass(frozen=True, slots=True)
class RootUse:
    """Where a root key is used: the certificate's SHA-256, as openssl prints it, and its last instant."""

    repository: Repository
    fingerprint: str
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class ProposedRoot:
    """An entry of `roots`: one public key, by its own id, and every repository whose root it signs."""

    name: str
    public_key_id: str
    uses: tuple[RootUse, ...]


@dataclass(frozen=True, slots=True)
class SignerKeyFile:
    """A public key as a file, relative to the configuration, and the repositories that delegate to it."""

    file: str
    pem: bytes
    public_key_id: str
    repositories: tuple[Repository, ...]


@dataclass(frozen=True, slots=True)
class ProposedSigner:
    """An entry of `signers`: the role without `targets/`, its keys, and the repositories that declare it.

    Without keys where Notary lists none that could be written to a file: then nobody can have signed by it either.
    """

    name: str
    keys: tuple[SignerKeyFile, ...]
    repositories: tuple[Repository, ...]

    @property
    def is_one_person(self) -> bool:
        """Whether every repository lists the same keys for it, so that nobody has to be asked."""
        return all(key.repositories == self.repositories for key in self.keys)


def roots(collections: Mapping[Repository, Collection]) -> tuple[ProposedRoot, ...]:
    """Every root key that counts, the most used first."""
    uses: defaultdict[str, list[RootUse]] = defaultdict(list)
    for repository, collection in sorted(collections.items()):
        for bundle in filter(None, map(unbundle, collection.root_keys.values())):
            fingerprint = bundle.leaf.fingerprint(hashes.SHA256()).hex(":").upper()
            use = RootUse(repository, fingerprint, bundle.leaf.not_valid_after_utc)
            uses[bundle.key.public_key_id].append(use)
    names = _short_names(uses)
    found = (ProposedRoot(names[key_id], key_id, tuple(used)) for key_id, used in uses.items())
    return tuple(sorted(found, key=lambda root: (-len(root.uses), root.public_key_id)))


def anchors(roots: Iterable[ProposedRoot]) -> dict[Repository, frozenset[str]]:
    """By repository, the public key ids of all roots that sign its trust data."""
    found: defaultdict[Repository, set[str]] = defaultdict(set)
    for root in roots:
        for use in root.uses:
            found[use.repository].add(root.public_key_id)
    return {repository: frozenset(ids) for repository, ids in found.items()}


def signers(collections: Mapping[Repository, Collection]) -> tuple[ProposedSigner, ...]:
    """Every delegation but `targets/releases`, with all keys that it has anywhere, by name."""
    declared: defaultdict[RoleName, list[Repository]] = defaultdict(list)
    keys: defaultdict[RoleName, defaultdict[str, list[Repository]]] = defaultdict(lambda: defaultdict(list))
    known: dict[str, PublicKey] = {}
    for repository, collection in sorted(collections.items()):
        for role in signer_roles(collection):
            declared[role].append(repository)
            for key in _usable(collection.roles[role].keys.values()):
                known.setdefault(key.public_key_id, key)
                keys[role][key.public_key_id].append(repository)
    return tuple(
        ProposedSigner(role.signer, tuple(_files(role.signer, keys[role], known)), tuple(where))
        for role, where in sorted(declared.items())
    )


def _files(name: str, keys: Mapping[str, list[Repository]], known: Mapping[str, PublicKey]) -> Iterator[SignerKeyFile]:
    """A file for each key, the most used first.

    No segment of a role's name has a dot in it, so no two roles come to the same file, and none leaves the directory.
    """
    ordered = sorted(keys, key=lambda key_id: (-len(keys[key_id]), key_id))
    for number, key_id in enumerate(ordered, start=1):
        file = f"{SIGNERS}/{name}.pub" if number == 1 else f"{SIGNERS}/{name}.{number}.pub"
        yield SignerKeyFile(file, _pem(known[key_id]), key_id, tuple(keys[key_id]))


def _usable(keys: Iterable[PublicKey]) -> Iterator[PublicKey]:
    """Each key once that could ever verify anything, however many certificates carry it."""
    return iter({key.public_key_id: key for key in keys if key.material}.values())


def _pem(key: PublicKey) -> bytes:
    if key.material is None:
        raise TypeError("a key that cannot be used has no file")
    return key.material.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _short_names(key_ids: Iterable[str]) -> dict[str, str]:
    """A name for each root: the beginning of its id, as long as it takes to tell all of them apart."""
    ids = list(key_ids)
    length = _SHORTEST_ID
    while len({key_id[:length] for key_id in ids}) < len(ids):
        length *= 2
    return {key_id: f"root-{key_id[:length]}" for key_id in ids}
