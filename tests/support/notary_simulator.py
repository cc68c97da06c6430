"""A Notary with one repository, in memory: change anything, `publish()`, read.

The simulator is the signer and the server at once. It writes what the real tools write (dialect 2) unless a test
tells it otherwise, and it answers as the real server does (dialect 1.1). It knows nothing of the verifier.

    sim = NotarySimulator("registry.example.com/shop/api")
    sim.delegate("targets/alice")
    sim.sign("1.4", role="targets/alice")
    sim.publish()
    sim.targets.version += 1
    sim.publish()
"""

import copy
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from tests.support.certificates import root_key
from tests.support.keys import Key, key_of_type
from tests.support.signed_roles import (
    Declared,
    Delegation,
    RootRole,
    SignedRole,
    SnapshotRole,
    TargetsRole,
    TimestampRole,
)
from tests.support.wire import Json, hashes

TOP_ROLES: Final = ("root", "timestamp", "snapshot", "targets")
NOT_FOUND_BODY: Final = (
    b'{"errors":[{"code":"METADATA_NOT_FOUND",'
    b'"message":"You have requested metadata that does not exist.","detail":{}}]}\n'
)
_EVERYTHING: Final = "*"


@dataclass(frozen=True)
class Answer:
    """What the server says to one request; status 0 stands for no answer."""

    status: int
    body: bytes


NO_ANSWER: Final = Answer(0, b"")


@dataclass
class Fault:
    """An answer that is given instead of the true one, so many times or always."""

    answer: Answer
    times: int | None

    def strikes(self) -> bool:
        """Whether it does this time."""
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


class NotarySimulator:
    """One GUN's repository: roles to change, `publish()` to sign them, `answer()` to serve them.

    `keys` is the kind of all keys (`ecdsa`, `rsa`, `ed25519`), `root_kind` that of the root's certificate.
    """

    def __init__(self, gun: str, keys: str = "ecdsa", root_kind: str = "ecdsa") -> None:
        self.gun = gun
        self.key_kind = keys
        roles = {name: Declared([self.key(name)]) for name in ("timestamp", "snapshot", "targets")}
        self.root = RootRole({"root": Declared([root_key(gun, kind=root_kind)]), **roles})
        self.timestamp = TimestampRole(roles["timestamp"].keys)
        self.snapshot = SnapshotRole(roles["snapshot"].keys)
        self.targets = TargetsRole("targets", roles["targets"].keys)
        self.delegations: dict[str, TargetsRole] = {}
        self.current: dict[str, bytes] = {}
        self.archive: dict[str, bytes] = {}
        self.faults: dict[str, Fault] = {}
        self.requests: list[str] = []
        self.after_publish: list[Callable[[], object]] = []

    def __getitem__(self, role: str) -> SignedRole:
        """The role of that name."""
        top: dict[str, SignedRole] = {role.name: role for role in (self.root, self.timestamp, self.snapshot)}
        return top.get(role) or self.targets_role(role)

    def targets_role(self, role: str) -> TargetsRole:
        """`targets` or the delegation of that name."""
        return self.targets if role == "targets" else self.delegations[role]

    def targets_roles(self) -> Iterator[TargetsRole]:
        """`targets` and all delegations that have a file."""
        yield self.targets
        yield from self.delegations.values()

    def key(self, name: str) -> Key:
        """The key of that name, of this repository's kind."""
        return key_of_type(self.key_kind, name)

    def clone(self) -> Self:
        """A second repository that starts from the state of this one, and was not asked for anything yet."""
        twin = copy.deepcopy(self)
        twin.requests.clear()
        return twin

    # --- what the signer does -----------------------------------------------------------------

    def delegate(
        self,
        role: str,
        keys: Iterable[Key] = (),
        *,
        threshold: int = 1,
        paths: Iterable[str] = ("",),
        published: bool = True,
    ) -> TargetsRole:
        """Declare a delegation in its parent and give it a file; without `keys` one named after the role."""
        chosen = list(keys) or [self.key(role)]
        parent = self.targets_role(role.rpartition("/")[0])
        parent.delegations.append(Delegation(role, chosen, threshold, list(paths)))
        self.delegations[role] = TargetsRole(role, chosen, published=published)
        return self.delegations[role]

    def sign(self, tag: str, manifest: bytes = b"", role: str = "targets", **fields: object) -> str:
        """Put a tag into a role's file; without `manifest` one is made up from tag and role. Returns the digest."""
        content = manifest or f"manifest of {tag} by {role}".encode()
        entry: Json = {"hashes": {"sha256": hashes(content)["sha256"]}, "length": len(content)}
        self.targets_role(role).tags[tag] = entry | fields
        return f"sha256:{hashlib.sha256(content).hexdigest()}"

    def bump(self, *roles: str) -> None:
        """Raise the versions of the named roles by one; without names, of all."""
        for name in roles or (*TOP_ROLES, *self.delegations):
            self[name].version += 1

    def publish(self, *only: str) -> None:
        """Sign every file and serve it; with names, only those files, while the others stay as they are."""
        for role in (self.root, *self.targets_roles(), self.snapshot, self.timestamp):
            if role.name in only or (not only and role.published):
                self._store(role.name, role.forge(self.current))
            elif not only:
                self.current.pop(role.name, None)
        for meddle in self.after_publish:
            meddle()

    def _store(self, role: str, data: bytes) -> None:
        self.current[role] = data
        self.archive[f"{self[role].version}.{role}"] = data
        self.archive[f"{role}.{hashlib.sha256(data).hexdigest()}"] = data

    # --- what the server does -----------------------------------------------------------------

    def answer(self, name: str) -> Answer:
        """Answer a request for `<role>`, `<N>.<role>` or `<role>.<sha256>` (without `.json`)."""
        self.requests.append(name)
        for fault in (self.faults.get(subject) for subject in (name, role_of(name), _EVERYTHING)):
            if fault and fault.strikes():
                return fault.answer
        data = self.current.get(name, self.archive.get(name))
        return Answer(404, NOT_FOUND_BODY) if data is None else Answer(200, data)

    def fault(self, subject: str, status: int, body: bytes = b"", *, times: int | None = None) -> None:
        """Answer requests for a role (by any of its addresses), or for one address, with this status.

        `times` limits how often; without it, always.
        """
        self.faults[subject] = Fault(Answer(status, body), times)

    def disconnect(self) -> None:
        """Answer nothing at all from now on: the connection is refused."""
        self.faults[_EVERYTHING] = Fault(NO_ANSWER, None)

    def withhold(self, role: str) -> None:
        """Forget a role's files, all versions of them: each of its addresses is 404 from now on."""
        self.current.pop(role, None)
        for name in [name for name in self.archive if role_of(name) == role]:
            del self.archive[name]

    def serve(self, role: str, data: bytes) -> None:
        """Serve other bytes than those that were published, wherever the role's current file was served."""
        published = self.current[role]
        self.current[role] = data
        self.archive |= {
            name: data for name, held in self.archive.items() if held == published and role_of(name) == role
        }

    def serve_again(self, files: dict[str, bytes]) -> None:
        """Serve older files once more (`dict(sim.current)` of an earlier moment), as a rollback does."""
        self.current = dict(files)


def role_of(name: str) -> str:
    """The role that an address names: `targets/alice` for `targets/alice.<sha256>`, `root` for `3.root`."""
    return next((part for part in name.split(".") if not part.isdigit()), name)
