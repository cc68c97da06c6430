"""What changed from one collection to the next, as an auditor wants to read it."""

from dataclasses import replace

import pytest

from proxy.errors import Expired
from proxy.names import ROOT, RoleName
from proxy.tuf.collection import Collection, TopRole
from proxy.tuf.keys import PublicKey
from proxy.tuf.succession import Succession
from tests.support.collections import LATER, NOW, of, says, unpublished, unusable

ALICE, CI = says("targets/alice", keys=["a1"]), says("targets/ci", keys=["c1", "c2"])


def with_root(collection: Collection, version: int, *keys: str) -> Collection:
    """The same under another root."""
    listed = {f"certificate of {key}": PublicKey("ecdsa-x509", b"", key, key, None) for key in keys}
    return replace(collection, root=TopRole(RoleName(ROOT), version, LATER), root_keys=listed)


def test_a_first_collection_has_nothing_before_it() -> None:
    """Every key in it is used for the first time, as far as is known."""
    found = Succession.of(None, with_root(of(says("targets", keys=["t"]), ALICE, unpublished("targets/qa")), 3, "r"))
    assert found.is_first
    assert not found.has_other_root
    assert (found.roots, found.root_keys, found.root_keys_gone) == ((None, 3), ("r",), ())
    assert found.begun == (("targets", "t"), ("targets/alice", "a1"))
    assert found.ended == ()


def test_nothing_changed() -> None:
    """What signs is the same, whatever was signed."""
    found = Succession.of(
        with_root(of(ALICE), 1, "r"), with_root(of(says("targets/alice", {"1": "x"}, keys=["a1"])), 1, "r")
    )
    assert (found.is_first, found.has_other_root, found.begun, found.ended) == (False, False, (), ())


def test_another_root_names_who_came_and_who_went() -> None:
    """Public keys: the certificate around one may be new without anybody else holding it."""
    found = Succession.of(with_root(of(ALICE), 1, "old", "both"), with_root(of(ALICE), 2, "both", "new"))
    assert found.has_other_root
    assert (found.roots, found.root_keys, found.root_keys_gone) == ((1, 2), ("both", "new"), ("old",))


@pytest.mark.parametrize(
    ("before", "after", "begun", "ended"),
    [
        pytest.param(of(ALICE), of(ALICE, CI), [("targets/ci", "c1"), ("targets/ci", "c2")], [], id="a signer came"),
        pytest.param(of(ALICE, CI), of(ALICE), [], [("targets/ci", "c1"), ("targets/ci", "c2")], id="a signer went"),
        pytest.param(
            *(of(ALICE), of(says("targets/alice", keys=["a2"]))),
            *([("targets/alice", "a2")], [("targets/alice", "a1")]),
            id="another key of the same signer",
        ),
        pytest.param(
            *(of(ALICE), of(ALICE, says("targets/bob", keys=["a1"]))),
            *([("targets/bob", "a1")], []),
            id="the same key for another role",
        ),
        pytest.param(
            *(of(ALICE, CI), of(ALICE, unusable("targets/ci", Expired("targets/ci", NOW)))),
            *([], []),
            id="unusable says nothing",
        ),
        pytest.param(of(ALICE, CI), of(ALICE, unpublished("targets/ci")), [], [], id="withheld says nothing"),
    ],
)
def test_keys_come_and_go(
    before: Collection, after: Collection, begun: list[tuple[str, str]], ended: list[tuple[str, str]]
) -> None:
    """By role: a key that signs for another role as well is news."""
    found = Succession.of(before, after)
    assert (list(found.begun), list(found.ended)) == (begun, ended)
