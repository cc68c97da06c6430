"""What is remembered of the registry's yes, and what is not."""

from typing import Final

import pytest

from proxy.limits import PERMISSION_SECONDS, PERMISSIONS_CACHED
from proxy.names import Repository
from proxy.registry.headers import ClientCredentials
from proxy.registry.permissions import Permissions

APP: Final = Repository("shop/app")
ALICE: Final = ClientCredentials("Basic YWxpY2U6c2VjcmV0")


class Seconds:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds since whenever."""
        return self.now


def test_nothing_is_held_before_it_was_noted() -> None:
    """A yes is known from its note until it is forgotten."""
    permissions = Permissions()
    assert not permissions.holds(APP, ALICE)
    permissions.note(APP, ALICE)
    assert permissions.holds(APP, ALICE)
    permissions.forget(APP, ALICE)
    assert not permissions.holds(APP, ALICE)
    permissions.forget(APP, ALICE)  # twice is as good as once


def test_a_note_lasts_thirty_seconds_and_no_look_prolongs_it() -> None:
    """Only the registry's next yes does."""
    seconds = Seconds()
    permissions = Permissions(seconds)
    permissions.note(APP, ALICE)
    for seconds.now in (10.0, 20.0, 29.9):
        assert permissions.holds(APP, ALICE)
    seconds.now = PERMISSION_SECONDS
    assert not permissions.holds(APP, ALICE)
    permissions.note(APP, ALICE)
    seconds.now += 29.9
    assert permissions.holds(APP, ALICE)
    assert PERMISSION_SECONDS == 30


def test_no_credential_and_an_empty_one_are_told_apart() -> None:
    """What was let in as nobody lets in nobody else."""
    permissions = Permissions()
    permissions.note(APP, ClientCredentials())
    assert not permissions.holds(APP, ClientCredentials(""))
    assert not permissions.holds(APP, ClientCredentials("0"))


@pytest.mark.parametrize("authorization", ["Bearer \udcff\udcfe", "Bearer ü"])
def test_any_header_that_a_client_can_send_is_remembered(authorization: str) -> None:
    """Bytes that are no text arrive as surrogates."""
    permissions = Permissions()
    permissions.note(APP, ClientCredentials(authorization))
    assert permissions.holds(APP, ClientCredentials(authorization))
    assert not permissions.holds(APP, ClientCredentials("Bearer "))


def test_memory_holds_no_credential() -> None:
    """What is kept is a hash, and another process has another key."""
    one, two = Permissions(), Permissions()
    for permissions in (one, two):
        permissions.note(APP, ALICE)
    [mine], [theirs] = list(one._known), list(two._known)
    assert mine != theirs
    assert len(mine[1]) == 32
    assert b"YWxpY2U6c2VjcmV0" not in repr(vars(one)).encode()


def test_memory_is_bounded() -> None:
    """However many credentials are noted, only so many are kept, and the newest are among them."""
    permissions = Permissions()
    for number in range(PERMISSIONS_CACHED + 10):
        permissions.note(APP, ClientCredentials(f"Bearer {number}"))
    assert len(permissions._known) == PERMISSIONS_CACHED
    assert permissions.holds(APP, ClientCredentials(f"Bearer {PERMISSIONS_CACHED + 9}"))
