"""The tree of delegations below `targets`, loaded level by level (dialect 3.8).

A delegation that is declared but cannot be used is kept as `Unusable` with its reason and takes its
subtree with it; the rest of the collection goes on (L2). One that was published before and is still
declared may not be missing (S7).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from proxy.errors import Expired, MetadataCorrupt, Rollback, TrustError
from proxy.limits import DELEGATION_DEPTH, DELEGATIONS_BYTES, ROLES
from proxy.names import RoleName, Tag
from proxy.tuf.collection import NOTHING_SAID, Role, Target, Unpublished, Unusable, covers
from proxy.tuf.floors import Floors
from proxy.tuf.keys import PublicKey, first_certificate, is_sha1, is_short
from proxy.tuf.metadata import Delegation, FileMeta, Snapshot, Targets, open_envelope, read_targets
from proxy.tuf.signatures import signers_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """A published delegation whose file is to be loaded next, and the path prefixes it may speak for."""

    delegation: Delegation
    paths: tuple[str, ...]
    meta: FileMeta

    @property
    def name(self) -> RoleName:
        """The role's name."""
        return self.delegation.name


@dataclass(slots=True)
class DelegationTree:
    """Grows from a verified `targets`.

    `now` is the instant of the update, `blocked` says of public key ids why they never count, `room` is the
    bytes left for delegations.
    """

    snapshot: Snapshot
    floors: Floors
    now: datetime
    blocked: Mapping[str, str]
    room: int = DELEGATIONS_BYTES
    roles: dict[RoleName, Role | Unusable | Unpublished] = field(default_factory=dict)
    files: dict[RoleName, bytes] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def plant(self, role: Role, targets: Targets, data: bytes) -> list[Wanted]:
        """Start with `targets`. Raises `MetadataCorrupt` where it declares more roles than are allowed (S15)."""
        return self._grow(role, targets, data)

    def load(self, wanted: Wanted, data: bytes) -> list[Wanted]:
        """Verify a delegation's file and say which of its children come next.

        The order of checks is Notary's: hash, structure, version, signatures, expiry. A defect makes it
        `Unusable` and ends its subtree.
        """
        name, delegated = wanted.name, wanted.delegation.role
        claims = NOTHING_SAID
        try:
            wanted.meta.check(name, data)
            _check_strength(name, delegated.keys)
            envelope = open_envelope(name, data)
            targets = read_targets(name, envelope.signed)
            claims = targets.targets
            self.floors.check(name, targets.version, data)
            signed_by = signers_of(name, envelope, delegated.keys, delegated.threshold, self.blocked)
            if targets.expires < self.now:
                raise Expired(name, targets.expires)
            role = Role(
                name=name,
                version=targets.version,
                expires=targets.expires,
                threshold=delegated.threshold,
                keys=delegated.keys,
                signed_by=signed_by,
                paths=wanted.paths,
                targets=targets.targets,
            )
            return self._grow(role, targets, data)
        except TrustError as error:
            self._spoil(wanted.delegation, wanted.paths, error, claims)
            return []

    def spoil(self, wanted: Wanted, error: TrustError) -> None:
        """Keep a delegation as unusable."""
        self._spoil(wanted.delegation, wanted.paths, error)

    def remembered(self) -> Mapping[RoleName, bytes]:
        """The files to remember: those accepted now, and the floors of all that is declared but unusable.

        Below an unusable role nothing is known of what is still declared, so nothing there is forgotten.
        """
        kept = {role: data for role, data in self.floors.files.items() if self._is_in_doubt(role)}
        return kept | self.files

    def _grow(self, role: Role, targets: Targets, data: bytes) -> list[Wanted]:
        declared = {role.name, *self.roles, *(delegation.name for delegation in targets.delegations)}
        if len(declared) > ROLES:
            raise MetadataCorrupt(role.name, f"there are more than {ROLES} roles")
        self.roles[role.name] = role
        self.files[role.name] = data
        self.skipped.extend(targets.skipped)
        wanted = (self._declare(role, delegation) for delegation in targets.delegations)
        return [each for each in wanted if each]

    def _declare(self, parent: Role, delegation: Delegation) -> Wanted | None:
        """Take up a declared child: find its file, or say why there is none."""
        name = delegation.name
        paths = tuple(path for path in delegation.paths if covers(parent.paths, path))
        meta = self.snapshot.files.get(name)
        if delegation.repeated:
            self._spoil(delegation, paths, MetadataCorrupt(name, "it is declared twice"))
        elif name.count("/") > DELEGATION_DEPTH:
            self._spoil(delegation, paths, MetadataCorrupt(name, f"it is more than {DELEGATION_DEPTH} levels deep"))
        elif name in self.snapshot.damaged:
            self._spoil(delegation, paths, MetadataCorrupt(name, self.snapshot.damaged[name]))
        elif meta is not None and meta.length > self.room:
            self._spoil(delegation, paths, MetadataCorrupt(name, "delegations together are over the size limit"))
        elif meta is not None:
            self.room -= meta.length
            # the place is taken at once, so that the limit on roles counts what is still to be loaded
            self.roles[name] = Unpublished(name, delegation.role.keys, delegation.role.threshold, paths)
            return Wanted(delegation, paths, meta)
        elif name in self.floors.files:
            self._spoil(delegation, paths, Rollback(name, "it was published before and is withheld now"))
        else:
            self.roles[name] = Unpublished(name, delegation.role.keys, delegation.role.threshold, paths)
        return None

    def _spoil(
        self,
        delegation: Delegation,
        paths: tuple[str, ...],
        error: TrustError,
        claims: Mapping[Tag, Target] = NOTHING_SAID,
    ) -> None:
        # a copy: the error itself holds on to the frames that it went through, and to the files in them
        role, why = delegation.role, replace(error)
        self.roles[delegation.name] = Unusable(delegation.name, why, role.keys, role.threshold, paths, claims)

    def _is_in_doubt(self, name: RoleName) -> bool:
        """Whether the role or one above it is unusable now."""
        while name.startswith("targets/"):
            if isinstance(self.roles.get(name), Unusable):
                return True
            name = name.parent
        return False


def _check_strength(name: RoleName, keys: Mapping[str, PublicKey]) -> None:
    """A delegation to a certificate with SHA-1 or a short RSA key is refused as Notary refuses it (dialect 3.8)."""
    for key in keys.values():
        certificate = first_certificate(key)
        if certificate and (is_sha1(certificate) or is_short(certificate)):
            raise MetadataCorrupt(name, "it is delegated to a weak certificate")
