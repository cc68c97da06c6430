"""Root files: keys and thresholds of the four roles (dialect 2)."""

import pytest

from proxy.errors import MetadataCorrupt
from proxy.limits import KEY_BYTES, KEYS
from proxy.names import ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from proxy.tuf.metadata import read_root
from tests.support.wire import base64_text
from tests.unit.tuf.files import KEY, OTHER, Json, complaint, root


def test_a_root_gives_keys_and_thresholds_of_the_four_roles() -> None:
    """Other roles are allowed, whatever their keys and thresholds are."""
    signed = root()
    signed["roles"] = signed["roles"] | {"mirror": {"keyids": ["nobody"], "threshold": 0}, "root.1": None}
    found = read_root(signed)
    assert {name: (list(role.keys), role.threshold) for name, role in found.roles.items()} == dict.fromkeys(
        (ROOT, TARGETS, SNAPSHOT, TIMESTAMP), ([KEY.key_id], 1)
    )


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"consistent_snapshot": "yes"}, id="consistent_snapshot-a-text"),
        pytest.param({"consistent_snapshot": 1}, id="consistent_snapshot-a-number"),
        pytest.param({"roles": root()["roles"] | {"mirror": "anything"}}, id="another-role-a-text"),
        pytest.param({"roles": root()["roles"] | {"mirror": {"threshold": "2"}}}, id="another-threshold-a-text"),
        pytest.param({"roles": root()["roles"] | {"mirror": {"keyids": [1]}}}, id="another-key-id-a-number"),
    ],
)
def test_what_is_ignored_in_a_root_is_of_the_right_type(odd: Json) -> None:
    """Fields that decide nothing are still refused where Notary's reader would stop at them."""
    with pytest.raises(MetadataCorrupt):
        read_root(root() | odd)


def _with_snapshot(role: object) -> Json:
    return root(roles=root()["roles"] | {"snapshot": role})


def _role(**fields: object) -> Json:
    return _with_snapshot({"keyids": [KEY.key_id], "threshold": 1} | fields)


def _many(count: int) -> Json:
    return root(keys={f"{number}": OTHER.as_json() for number in range(count - 1)} | root()["keys"])


def _key(**fields: object) -> Json:
    return root(keys={KEY.key_id: KEY.as_json() | fields})


@pytest.mark.parametrize(
    ("signed", "why"),
    [
        pytest.param(root(roles=None), "the role root is missing", id="no roles"),
        pytest.param(root(roles=[]), "roles is of the wrong type", id="roles are a list"),
        pytest.param(_with_snapshot(None), "the role snapshot is missing", id="a role is null"),
        pytest.param(_with_snapshot([]), "the role snapshot is missing", id="a role is a list"),
        pytest.param(_role(threshold=0), "threshold of snapshot is below 1", id="threshold zero"),
        pytest.param(_role(threshold=None), "threshold of snapshot is below 1", id="threshold null"),
        pytest.param(_role(threshold=True), "threshold is of the wrong type", id="threshold true"),
        pytest.param(_role(threshold="1"), "threshold is of the wrong type", id="threshold text"),
        pytest.param(_role(Threshold=1), "another case", id="threshold in another case"),
        pytest.param(_role(keyids=["f" * 64]), "a key of snapshot is not listed", id="unknown key"),
        pytest.param(_role(keyids="x"), "keyids is of the wrong type", id="key ids are text"),
        pytest.param(_role(keyids=[1]), "holds something else", id="a key id is a number"),
        pytest.param(root(keys=None), "a key of root is not listed", id="no keys"),
        pytest.param(root(keys=[]), "keys is of the wrong type", id="keys are a list"),
        pytest.param(root(keys={KEY.key_id: "x"}), "a key is missing or no JSON object", id="a key is text"),
        pytest.param(_key(keytype=None), "keytype is missing", id="key type null"),
        pytest.param(_key(keytype=1), "keytype is of the wrong type", id="key type a number"),
        pytest.param(_key(keyval=None), "keyval is missing", id="key value null"),
        pytest.param(_key(keyval=[]), "keyval is of the wrong type", id="key value a list"),
        pytest.param(_key(keyval={}), "public is missing", id="no public part"),
        pytest.param(_key(keyval={"public": 1}), "public is of the wrong type", id="public part a number"),
        pytest.param(_key(keyval={"public": "!"}), "not base64", id="public part no base64"),
        pytest.param(_key(keyval={"public": "AAAA", "Public": "AAAA"}), "another case", id="public in another case"),
        pytest.param(_key(KeyType="rsa"), "another case", id="key type in another case"),
        pytest.param(_key(keyval={"public": base64_text(bytes(KEY_BYTES + 1))}), "size limit", id="a huge key"),
        pytest.param(_many(KEYS + 1), f"more than {KEYS} keys", id="too many keys"),
    ],
)  # fmt: skip
def test_a_root_that_is_not_well_formed_says_why(signed: Json, why: str) -> None:
    """Nothing of a root is guessed."""
    assert why in complaint(lambda: read_root(signed))


@pytest.mark.parametrize(
    "signed",
    [
        pytest.param(_role(keyids=None), id="keys null"),
        pytest.param(_role(keyids=[]), id="no keys"),
        pytest.param(_role(keyids=[KEY.key_id] * 2), id="a key twice"),
        pytest.param(_role(threshold=9), id="threshold over the number of keys"),
        pytest.param(root(keys=root()["keys"] | {"f" * 64: OTHER.as_json()}), id="an unused key under a false id"),
        pytest.param(_key(scheme="ecdsa"), id="unknown field in a key"),
        pytest.param(_key(keyval={"public": base64_text(bytes(KEY_BYTES))}), id="as large a key as can be"),
        pytest.param(root(consistent_snapshot=True), id="consistent snapshot"),
    ],
)
def test_a_root_may_be_odd(signed: Json) -> None:
    """That nobody can sign for a role is found when signatures are counted."""
    assert read_root(signed).version == 7


@pytest.mark.parametrize("private", [None, "secret", 1, {}])
def test_the_private_part_of_a_key_counts_for_nothing(private: object) -> None:
    """It is no part of the key's id, whatever the file says."""
    found = read_root(_key(keyval=KEY.as_json()["keyval"] | {"private": private}))
    assert found.roles[ROOT].keys[KEY.key_id].key_id == KEY.key_id


def test_as_many_keys_as_are_allowed_are_read() -> None:
    """The limit itself is allowed (S15)."""
    assert read_root(_many(KEYS)).version == 7
