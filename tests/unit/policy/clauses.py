"""What signers say of one tag, and the decision or the refusal that follows from it."""

from typing import Any

import pytest

from proxy.errors import Refusal
from proxy.names import Tag
from proxy.policy.decisions import Allowed
from proxy.policy.evaluation import resolve_tag
from proxy.policy.signers import SignedBy
from proxy.tuf.collection import Role, Unpublished, Unusable
from tests.support.collections import NOW, entry, of, says, signers

Roles = list[Role | Unusable | Unpublished]

TAG = Tag("1.4")
IN_TARGETS = says("targets", {"1.4": "new"})
RELEASED_NEW = says("targets/releases", {"1.4": "new"})
ALICE, BOB, CI, QA = (says(f"targets/{name}", {"1.4": "new"}) for name in ("alice", "bob", "ci", "qa"))
ALICE_OLD, BOB_OLD = (says(f"targets/{name}", {"1.4": "old"}) for name in ("alice", "bob"))
ALICE_BOB, ALL_THREE = signers("alice", "bob"), signers("alice", "bob", "qa")


def resolve(signed_by: SignedBy, *roles: Role | Unusable | Unpublished, **rules: Any) -> Allowed:
    """The decision about the tag 1.4."""
    return resolve_tag(entry(signed_by, **rules), TAG, of(*roles), NOW)


def refusal(signed_by: SignedBy, *roles: Role | Unusable | Unpublished, **rules: Any) -> Refusal:
    """The refusal of the tag 1.4."""
    with pytest.raises(Refusal) as caught:
        resolve(signed_by, *roles, **rules)
    return caught.value
