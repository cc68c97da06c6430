"""A signer is a person's name for a role in Notary."""

import pytest

from proxy.errors import NameInvalid
from proxy.policy.signers import Signer


@pytest.mark.parametrize(
    ("name", "role"),
    [
        pytest.param("alice", "targets/alice", id="delegation"),
        pytest.param("team/alice", "targets/team/alice", id="nested delegation"),
    ],
)
def test_a_signer_speaks_through_the_role_of_its_name(name: str, role: str) -> None:
    """`alice` is `targets/alice`."""
    assert Signer(name, None).role == role


@pytest.mark.parametrize("name", ["Alice", "", "../root", "alice/", "al ice"])
def test_a_name_that_no_role_can_have_is_refused(name: str) -> None:
    """A signer can never be one of the top roles or anything outside the tree."""
    with pytest.raises(NameInvalid):
        _ = Signer(name, None).role
