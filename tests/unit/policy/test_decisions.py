"""Permissions: only policy makes them, and they say what they are for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.names import Descriptor, Repository
from proxy.policy.decisions import Allowed, Unenforced, admit_any_digest, admit_child, allow, relax
from proxy.policy.entries import AnyDigest, Mode, Policy, Relaxation
from proxy.policy.patterns import RepositoryPattern
from tests.support.collections import LATER, NOW, REPOSITORY, digest, entry

ALLOWED = allow(digest("index"), 1024, ("qa", "alice"), entry(), "shop/**", LATER)


@pytest.mark.parametrize("mint", [None, object(), "proxy.policy"])
def test_nobody_else_can_make_a_permission(mint: object) -> None:
    """Whoever does not hold the mint of policy cannot write a permission by hand."""
    with pytest.raises(TypeError, match="makes permissions"):
        Allowed(digest("x"), 1, (), entry(), "rule", LATER, mint)
    with pytest.raises(TypeError, match="makes permissions"):
        Unenforced(Mode.AUDIT, "because", mint)


def test_a_permission_cannot_be_turned_into_another() -> None:
    """It is frozen: what was decided stays what was decided."""
    with pytest.raises(AttributeError):
        ALLOWED.digest = digest("other")  # type: ignore[misc]  # that is the attack


def test_signers_are_named_in_order_and_the_mint_is_not_shown() -> None:
    """Headers and logs are stable, and a printed permission gives nothing away."""
    assert ALLOWED.signers == ("alice", "qa")
    assert "mint" not in repr(ALLOWED)


def test_a_child_is_admitted_as_its_index_is() -> None:
    """As strong as the index, no longer than it, and with the digest and length that the index states."""
    child = admit_child(ALLOWED, Descriptor(digest("child"), 7, "application/vnd.oci.image.manifest.v1+json"))
    assert (child.digest, child.length) == (digest("child"), 7)
    assert replace(child, digest=ALLOWED.digest, length=ALLOWED.length) == ALLOWED


def _policy(*rollout: Relaxation) -> Policy:
    return Policy("registry.example.com", (entry(),), rollout)


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.DISABLED])
def test_a_relaxed_repository_may_be_relayed_and_says_why(mode: Mode) -> None:
    """The configuration says so in as many words, for a time."""
    policy = _policy(Relaxation(RepositoryPattern("shop/**"), mode, NOW + timedelta(days=1), "OPS-412"))
    permission = relax(policy, REPOSITORY, NOW)
    assert permission is not None
    assert (permission.mode, permission.reason) == (mode, f"rollout: {mode}")


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(_policy(), id="not listed"),
        pytest.param(_policy(Relaxation(RepositoryPattern("**"), Mode.ENFORCE, None, None)), id="enforced"),
        pytest.param(_policy(Relaxation(RepositoryPattern("**"), Mode.DISABLED, NOW, "old")), id="run out"),
    ],
)
def test_an_enforced_repository_is_never_relayed(policy: Policy) -> None:
    """Under `enforce` there is no permission without a verified decision."""
    assert relax(policy, Repository("shop/api"), NOW) is None


def test_any_digest_may_be_pulled_until_its_instant() -> None:
    """`digest_pull: {any: true}` is a permission with an end and a reason, and it is no verdict."""
    lax = entry(any_digest=AnyDigest(NOW + timedelta(seconds=1), "migration"))
    permission = admit_any_digest(lax, NOW)
    assert permission is not None
    assert (permission.mode, permission.reason) == (Mode.ENFORCE, "digest_pull any: migration")
    assert admit_any_digest(lax, NOW + timedelta(seconds=1)) is None


def test_without_digest_pull_no_digest_is_let_through() -> None:
    """The default is that only admitted digests are served."""
    assert admit_any_digest(entry(), NOW) is None
