"""Permissions: only policy makes them, and they say what they are for."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from proxy.errors import Blocked, Refusal, TagNotSigned, Undecided
from proxy.names import Descriptor, Gun, Reference, Repository, Tag
from proxy.policy.decisions import (
    Allowed,
    Decision,
    RoleEvidence,
    Unenforced,
    admit_any_digest,
    admit_child,
    allow,
    candidate,
    check_blocked,
    exempt,
    pass_unprotected,
    relax,
)
from proxy.policy.entries import AnyDigest, Blocklist, Exemption, Mode, Policy, Relaxation
from proxy.policy.patterns import RepositoryPattern
from tests.support.collections import LATER, NOW, REPOSITORY, digest, entry

BLOCKED = Blocklist({digest("bad"): "CVE-2026-1"})
ALLOWED = allow(digest("index"), 1024, ("qa", "alice"), entry(), "shop/**", LATER, BLOCKED)


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


def test_a_blocked_digest_cannot_be_allowed() -> None:
    """Neither by itself nor as the child of an index: the list goes on to what an index names."""
    with pytest.raises(Blocked):
        allow(digest("bad"), 1, (), entry(), "shop/**", LATER, BLOCKED)
    inner = admit_child(ALLOWED, Descriptor(digest("inner"), 7, "application/vnd.oci.image.index.v1+json"))
    for parent in (ALLOWED, inner):
        with pytest.raises(Blocked) as caught:
            admit_child(parent, Descriptor(digest("bad"), 7, "application/vnd.oci.image.manifest.v1+json"))
        assert caught.value.reason == "CVE-2026-1"


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
        pytest.param(_policy(Relaxation(RepositoryPattern("**"), Mode.PROTECT, None, None)), id="protected"),
        pytest.param(_policy(Relaxation(RepositoryPattern("**"), Mode.DISABLED, NOW, "old")), id="run out"),
    ],
)
def test_an_enforced_repository_is_never_relayed(policy: Policy) -> None:
    """Under `enforce` and `protect` there is no permission without a decision."""
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


# --- what a decision rests on -------------------------------------------------------------------

SECOND = timedelta(seconds=1)


def _decided(**changes: Any) -> Decision:
    fields: dict[str, Any] = {"permission": ALLOWED, "roles": _roles(timestamp=NOW - SECOND), "checked_at": NOW}
    return Decision(Reference(REPOSITORY, Tag("1.4")), Mode.ENFORCE, **(fields | changes))


def _roles(**expires: datetime) -> dict[str, RoleEvidence]:
    ends = {"root": LATER, "timestamp": LATER, "snapshot": LATER, "targets": LATER} | expires
    return {name: RoleEvidence(1, end) for name, end in ends.items()}


@pytest.mark.parametrize(
    ("decision", "names"),
    [
        pytest.param(_decided(), ("timestamp",), id="timestamp"),
        pytest.param(_decided(roles=_roles(snapshot=NOW - SECOND)), ("snapshot",), id="snapshot"),
        pytest.param(_decided(roles=_roles()), (), id="nothing expired"),
        pytest.param(_decided(roles=_roles(timestamp=NOW)), (), id="this instant"),
        pytest.param(_decided(roles={}), (), id="no trust data"),
        pytest.param(_decided(roles=_roles(root=NOW - SECOND)), (), id="no grace for the root"),
        pytest.param(_decided(permission=None), (), id="refused"),
        pytest.param(_decided(permission=candidate(Mode.ENFORCE)), (), id="not enforced"),
        pytest.param(_decided(stale=60, checked_at=NOW - 60 * SECOND), (), id="expired in an outage"),
        pytest.param(_decided(stale=0), ("timestamp",), id="expired before an outage"),
        pytest.param(_decided(stale=0, checked_at=None), ("timestamp",), id="checked nobody knows when"),
    ],
)
def test_a_decision_names_what_counts_by_grace_alone(decision: Decision, names: tuple[str, ...]) -> None:
    """Where a permission rests on it; an outage of its own is none."""
    assert decision.by_grace(NOW) == names


def test_an_exception_rests_on_no_trust_data() -> None:
    """So nothing has to be forgiven for it."""
    allowed = exempt(_exempting(BOOTSTRAP), REPOSITORY, digest("bootstrap"), NOW)
    assert _decided(permission=allowed).by_grace(NOW) == ()
    assert not _decided(permission=allowed).rests_on_trust_data


@pytest.mark.parametrize(
    ("decision", "rests"),
    [
        pytest.param(_decided(), True, id="admitted"),
        pytest.param(_decided(permission=None), True, id="refused for what Notary served"),
        pytest.param(_decided(permission=None, checked_at=None), False, id="refused for want of trust data"),
    ],
)
def test_a_decision_rests_on_what_notary_served(decision: Decision, *, rests: bool) -> None:
    """Be it for or against; without trust data the configuration alone decided."""
    assert decision.rests_on_trust_data is rests


# --- protect and candidates ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(TagNotSigned("1.4", unreleased=False), id="not signed"),
        pytest.param(Undecided("Notary is away"), id="cannot be decided"),
    ],
)
def test_what_was_never_signed_passes_under_protect(refusal: Refusal) -> None:
    """The refusal stands beside the permission and says what `enforce` would do."""
    permission = pass_unprotected(refusal)
    assert (permission.mode, permission.reason) == (Mode.PROTECT, "rollout: protect")


def test_what_is_blocked_does_not_pass_under_protect() -> None:
    """`blocked` wins over everything there, too."""
    refusal = Blocked("digest sha256:77aa..", "CVE-2026-1")
    with pytest.raises(Blocked) as caught:
        pass_unprotected(refusal)
    assert caught.value is refusal


@pytest.mark.parametrize("mode", [pytest.param(mode, id=mode) for mode in Mode])
def test_the_candidates_listener_lets_everything_out(mode: Mode) -> None:
    """Scanners and co-signers must read what is not signed yet; the mode is told as it is."""
    permission = candidate(mode)
    assert (permission.mode, permission.reason) == (mode, "candidates listener")


# --- exceptions and blocked ---------------------------------------------------------------------

BOOTSTRAP = Exemption(REPOSITORY, digest("bootstrap"), NOW + timedelta(days=1), "bootstrap")


def _exempting(*exemptions: Exemption, blocked: Blocklist | None = None) -> Policy:
    return Policy("registry.example.com", (), (), exemptions, blocked or Blocklist())


def test_an_exception_is_served_without_entry_and_signature() -> None:
    """Until its instant, and never as a verdict."""
    found = exempt(_exempting(BOOTSTRAP), REPOSITORY, digest("bootstrap"), NOW)
    assert found is not None
    assert (found.digest, found.length, found.signers, found.entry) == (digest("bootstrap"), None, (), None)
    assert (found.rule, found.valid_until, found.enforced) == ("exceptions: bootstrap", BOOTSTRAP.until, False)
    assert ALLOWED.enforced


def test_what_an_exempted_index_names_is_as_exempt() -> None:
    """An exception for an index would be worth nothing without its children."""
    parent = exempt(_exempting(BOOTSTRAP, blocked=BLOCKED), REPOSITORY, digest("bootstrap"), NOW)
    assert parent is not None
    child = admit_child(parent, Descriptor(digest("child"), 7, "application/vnd.oci.image.manifest.v1+json"))
    assert (child.enforced, child.entry, child.valid_until) == (False, None, BOOTSTRAP.until)
    with pytest.raises(Blocked):
        admit_child(parent, Descriptor(digest("bad"), 7, "application/vnd.oci.image.manifest.v1+json"))


@pytest.mark.parametrize(
    ("exemption", "now"),
    [
        pytest.param(replace(BOOTSTRAP, digest=digest("other")), NOW, id="another digest"),
        pytest.param(replace(BOOTSTRAP, repository=Repository("shop/web")), NOW, id="another repository"),
        pytest.param(BOOTSTRAP, BOOTSTRAP.until, id="run out"),
    ],
)
def test_an_exception_is_for_one_digest_of_one_repository_for_a_time(exemption: Exemption, now: datetime) -> None:
    """Nothing else gets through it."""
    assert exempt(_exempting(exemption), REPOSITORY, digest("bootstrap"), now) is None


def test_the_exception_that_lasts_longest_counts() -> None:
    """Where a digest is written twice."""
    longer = replace(BOOTSTRAP, until=LATER, reason="for good")
    for exemptions in ((BOOTSTRAP, longer), (longer, BOOTSTRAP)):
        found = exempt(_exempting(*exemptions), REPOSITORY, digest("bootstrap"), NOW)
        assert found is not None
        assert (found.valid_until, found.rule) == (LATER, "exceptions: for good")


def test_blocked_wins_over_an_exception() -> None:
    """Whoever writes both wants it refused."""
    policy = _exempting(replace(BOOTSTRAP, digest=digest("bad")), blocked=BLOCKED)
    assert exempt(policy, REPOSITORY, digest("bad"), NOW) is None


def test_a_digest_is_checked_against_the_list_before_everything_else() -> None:
    """The refusal gives the operator's reason and enough of the digest to find it."""
    policy = _exempting(blocked=BLOCKED)
    with pytest.raises(Blocked) as caught:
        check_blocked(policy, digest("bad"))
    assert (caught.value.subject, caught.value.reason) == (f"digest {digest('bad')[:19]}..", "CVE-2026-1")
    check_blocked(policy, digest("good"))


def test_a_decision_says_where_and_whom_a_refusal_names() -> None:
    """What is not known is not named."""
    reference = Reference(REPOSITORY, Tag("1.4"))
    decided = Decision(reference, Mode.ENFORCE, gun=Gun("x/shop/api"), notary="corp", owner="#shop")
    assert decided.whereabouts == {"gun": "x/shop/api", "notary": "corp", "owner": "#shop"}
    assert replace(decided, carried=True).whereabouts == {**decided.whereabouts, "carried": "yes"}
    assert Decision(reference, Mode.ENFORCE).whereabouts == {"gun": "", "notary": "", "owner": ""}
