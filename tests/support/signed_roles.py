"""The roles of a simulated repository: what their files say, who signs them, and where a test may interfere.

A file comes into being in four steps, and each can be tampered with:
`body` (plain fields) -> `before_signing` -> signatures -> `after_signing` -> bytes -> `on_the_wire`.
What stands above in the chain of hashes describes the bytes that come out of the last step.
"""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from tests.support.keys import Key
from tests.support.wire import Json, canonical, file_meta, in_order, on_the_wire

UNEXPIRED: Final = "2100-01-01T00:00:00Z"
EXPIRED: Final = "2021-01-01T00:00:00Z"
NOW: Final = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@dataclass
class Envelope:
    """A signed file before it becomes bytes. `extra` are members beside `signed` and `signatures`.

    `signatures` may be made to hold anything, which is what the corruptions do.
    """

    signed: Json
    signatures: list[Any]
    extra: Json = field(default_factory=dict)

    def sign(self, keys: Iterable[Key], over: object = None) -> None:
        """Replace the signatures by those of `keys`, over `signed` or over something else."""
        message = canonical(self.signed if over is None else over)
        self.signatures = [key.signature(message) for key in keys]

    def encode(self) -> bytes:
        """The wire form: canonical order in `signed`, then the signatures."""
        return on_the_wire({"signed": in_order(self.signed), "signatures": self.signatures, **self.extra})


class SignedRole:
    """One role and its file. `signers` sign it; `fields` join or replace the fields that it would have."""

    kind = ""

    def __init__(self, name: str, signers: Iterable[Key]) -> None:
        self.name = name
        self.version = 1
        self.expires = UNEXPIRED
        self.signers = list(signers)
        self.fields: Json = {}
        self.published = True
        self.before_signing: list[Callable[[Json], object]] = []
        self.after_signing: list[Callable[[Envelope], object]] = []
        self.on_the_wire: list[Callable[[bytes], bytes]] = []

    def body(self, files: dict[str, bytes]) -> Json:
        """The fields of this kind of file, given the files that it describes."""
        raise NotImplementedError

    def signed(self, files: dict[str, bytes]) -> Json:
        """What is signed, after everything that tampers with it."""
        common = {"_type": self.kind, "version": self.version, "expires": self.expires}
        signed: Json = copy.deepcopy(self.body(files) | common | self.fields)
        for edit in self.before_signing:
            edit(signed)
        return signed

    def forge(self, files: dict[str, bytes]) -> bytes:
        """The file as it is served."""
        envelope = Envelope(self.signed(files), [])
        envelope.sign(self.signers)
        for forgery in self.after_signing:
            forgery(envelope)
        data = envelope.encode()
        for rewrite in self.on_the_wire:
            data = rewrite(data)
        return data


@dataclass
class Declared:
    """How root declares a role: its keys and threshold."""

    keys: list[Key]
    threshold: int = 1

    def as_json(self) -> Json:
        """As root lists it."""
        return {"keyids": [key.key_id for key in self.keys], "threshold": self.threshold}


class RootRole(SignedRole):
    """root: declares the four top roles; signed by its own keys unless `signers` says otherwise."""

    kind = "Root"

    def __init__(self, roles: dict[str, Declared]) -> None:
        super().__init__("root", roles["root"].keys)
        self.roles = roles
        self.more_keys: list[Key] = []

    def body(self, files: dict[str, bytes]) -> Json:
        """Keys and roles."""
        del files
        return {
            "consistent_snapshot": False,
            "keys": _key_table([key for role in self.roles.values() for key in role.keys] + self.more_keys),
            "roles": {name: declared.as_json() for name, declared in self.roles.items()},
        }


class TimestampRole(SignedRole):
    """timestamp: names the snapshot by hash."""

    kind = "Timestamp"

    def __init__(self, signers: Iterable[Key]) -> None:
        super().__init__("timestamp", signers)

    def body(self, files: dict[str, bytes]) -> Json:
        """The hash of the snapshot."""
        return {"meta": {name: file_meta(data) for name, data in files.items() if name == "snapshot"}}


class SnapshotRole(SignedRole):
    """snapshot: names root, targets and every published delegation by hash."""

    kind = "Snapshot"

    def __init__(self, signers: Iterable[Key]) -> None:
        super().__init__("snapshot", signers)

    def body(self, files: dict[str, bytes]) -> Json:
        """The hashes of all files but snapshot and timestamp."""
        return {
            "meta": {name: file_meta(data) for name, data in files.items() if name not in ("snapshot", "timestamp")}
        }


@dataclass
class Delegation:
    """How a targets file declares a delegation."""

    name: str
    keys: list[Key]
    threshold: int
    paths: list[str]

    def as_json(self) -> Json:
        """As the delegating file lists it."""
        keyids = [key.key_id for key in self.keys]
        return {"keyids": keyids, "name": self.name, "paths": self.paths, "threshold": self.threshold}


class TargetsRole(SignedRole):
    """targets or a delegation: tags and further delegations."""

    kind = "Targets"

    def __init__(self, name: str, signers: Iterable[Key], *, published: bool = True) -> None:
        super().__init__(name, signers)
        self.published = published
        self.tags: dict[str, Json] = {}
        self.delegations: list[Delegation] = []

    def body(self, files: dict[str, bytes]) -> Json:
        """Delegations and tags."""
        del files
        delegations = {
            "keys": _key_table(key for delegation in self.delegations for key in delegation.keys),
            "roles": [delegation.as_json() for delegation in self.delegations],
        }
        return {"delegations": delegations, "targets": self.tags}


def _key_table(keys: Iterable[Key]) -> Json:
    return {key.key_id: key.as_json() for key in keys}
