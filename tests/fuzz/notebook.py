"""Who really signed what: an account that is kept where signing is done, and held against what a reader returns."""

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Self

from proxy.names import ROOT, SNAPSHOT, TIMESTAMP, RoleName, Tag
from proxy.tuf.collection import Collection, Role, Stored, Unusable
from tests.support.keys import Key
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import NOW, Envelope
from tests.support.wire import Json, canonical, file_meta

Files = Mapping[RoleName, Json]


class Notebook:
    """Notes every signature that is made, and checks collections against these notes alone.

    `keys` are all keys that anybody has; the verifier's own view of keys and signatures is not used.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self._public_key_ids = {key.key_id: key.public_key_id for key in keys}
        self._signed: dict[str, set[bytes]] = defaultdict(set)

    def __deepcopy__(self, _memo: object) -> Self:
        """Copies of a repository are signed before the same notebook."""
        return self

    def watch(self, sim: NotarySimulator, roles: Iterable[str]) -> None:
        """Note everything that these roles sign from now on."""
        for name in roles:
            sim[name].after_signing.insert(0, self._note)

    def _note(self, envelope: Envelope) -> None:
        for signature in envelope.signatures:
            key_id = signature["keyid"]
            self._signed[self._public_key_ids.get(key_id, key_id)].add(canonical(envelope.signed))

    def check(self, collection: Collection) -> None:
        """Assert that everything a collection says was signed, listed, and is unexpired."""
        files = _signed_parts(collection.stored())
        root = files[ROOT]
        for top in (collection.root, collection.timestamp, collection.snapshot):
            declared = root["roles"][top.name]
            self._signers(files[top.name], self._keys(declared, root["keys"]), declared["threshold"])
            assert top.version == files[top.name]["version"]
            assert top.expires >= NOW
        _check_listed(collection, SNAPSHOT, files[TIMESTAMP])
        _check_listed(collection, ROOT, files[SNAPSHOT])
        for role in collection.usable():
            self._check_role(collection, role, files)

    def _check_role(self, collection: Collection, role: Role, files: Files) -> None:
        declared, table = _declaration(role.name, files)
        signers = self._signers(files[role.name], self._keys(declared, table), declared["threshold"])
        assert role.signed_by == signers
        assert role.expires >= NOW
        _check_listed(collection, role.name, files[SNAPSHOT])
        said = {tag: (target.digest, target.length) for tag, target in role.targets.items()}
        signed = files[role.name]["targets"]
        assert said == {Tag(tag): _statement(entry) for tag, entry in signed.items() if " " not in tag}

    def _signers(self, signed: Json, keys: set[str], threshold: int) -> set[str]:
        signers = {key for key in keys if canonical(signed) in self._signed[key]}
        assert len(signers) >= threshold, "returned, and not signed"
        return signers

    def _keys(self, declared: Json, table: Json) -> set[str]:
        return {self._public_key_ids[key_id] for key_id in declared["keyids"] if key_id in table}


def check_memory(before: Stored, after: Collection) -> None:
    """Assert that nothing went back, changed under its number, or was withheld (S5, S6, S7, S9)."""
    old, new = _signed_parts(before), _signed_parts(after.stored())
    recovered = _online_keys(old[ROOT]) != _online_keys(new[ROOT])
    for role in old.keys() & new.keys():
        if role in (TIMESTAMP, SNAPSHOT) and recovered:
            continue
        assert new[role]["version"] >= old[role]["version"], f"{role} went back"
        if new[role]["version"] == old[role]["version"]:
            same = (
                new[role]["meta"] == old[role]["meta"] if role == TIMESTAMP else before.files[role] == after.files[role]
            )
            assert same, f"{role} changed under its number"
    for role in old.keys() & after.roles.keys():
        assert role in new, f"the floor of {role} is lost"
        if role not in new[SNAPSHOT]["meta"]:
            assert isinstance(after.roles[role], Unusable), f"{role} was withheld"


def _signed_parts(stored: Stored) -> Files:
    return {role: json.loads(data)["signed"] for role, data in stored.files.items()}


def _declaration(name: RoleName, files: Files) -> tuple[Json, Json]:
    """The entry that declares a role, and the table of keys beside it."""
    if "/" not in name:
        return files[ROOT]["roles"][name], files[ROOT]["keys"]
    delegations = files[name.parent]["delegations"]
    return next(each for each in delegations["roles"] if each["name"] == name), delegations["keys"]


def _statement(entry: Json) -> tuple[str, int]:
    return f"sha256:{base64.b64decode(entry['hashes']['sha256']).hex()}", entry["length"]


def _check_listed(collection: Collection, name: RoleName, lister: Json) -> None:
    assert lister["meta"][name] == file_meta(collection.files[name]), f"{name} is not the listed file"


def _online_keys(root: Json) -> list[list[str]]:
    return [sorted(root["roles"][role]["keyids"]) for role in ("timestamp", "snapshot")]
