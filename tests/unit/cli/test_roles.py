"""A misspelt role becomes no delegation, and one that nobody counts is signed knowingly."""

import pytest

from proxy.cli.roles import read_role, remarks
from proxy.errors import UserError
from proxy.names import Reference, Repository, RoleName, Tag
from proxy.policy.entries import Policy
from proxy.policy.patterns import TagPattern
from proxy.policy.signers import AllOf, AnyOf, Released, SignedBy
from proxy.tuf.collection import Collection
from tests.support.collections import entry, of, says, signers

TAGGED = Reference(Repository("shop/api"), Tag("1.4"))
ALICE_OR_BOB = AnyOf(signers("alice", "bob"))
CI_FOR_DEV = entry(ALICE_OR_BOB, tags=((TagPattern("dev"), AllOf(signers("ci"))),))


def _told(role: str, rule: SignedBy = ALICE_OR_BOB, collection: Collection | None = None) -> list[str]:
    return remarks([read_role(role)], TAGGED, rule, Policy("registry.example.com", (CI_FOR_DEV,), ()), collection)


@pytest.mark.parametrize(
    ("role", "rule", "collection"),
    [
        pytest.param("bob", ALICE_OR_BOB, None, id="counted"),
        pytest.param("releases", ALICE_OR_BOB, of(), id="the-release"),
        pytest.param("targets", Released(), of(), id="released-by-targets"),
        pytest.param("zoe", Released(), None, id="a-first-signer"),
        pytest.param("zoe", Released(), of(says("targets/releases")), id="released-along"),
    ],
)
def test_what_counts_needs_no_remark(role: str, rule: SignedBy, collection: Collection | None) -> None:
    """Whoever the rule counts, and whatever releases."""
    assert _told(role, rule, collection) == []


@pytest.mark.parametrize(
    ("role", "rule", "collection", "counted"),
    [
        pytest.param("ci", ALICE_OR_BOB, None, "alice, bob", id="of-another-tag"),
        pytest.param("targets", ALICE_OR_BOB, None, "alice, bob", id="the-repository-key"),
        pytest.param("carol", ALICE_OR_BOB, of(says("targets/carol")), "alice, bob", id="delegated-only"),
        pytest.param("alice", Released(), of(says("targets/alice")), "targets", id="without-a-release"),
    ],
)
def test_what_does_not_count_is_said(role: str, rule: SignedBy, collection: Collection | None, counted: str) -> None:
    """It may be signed, and everybody knows what it is worth."""
    [told] = _told(role, rule, collection)
    assert told == f"The rule of shop/api:1.4 does not count {read_role(role)}: it counts {counted}."


@pytest.mark.parametrize("rule", [pytest.param(ALICE_OR_BOB, id="named"), pytest.param(Released(), id="released")])
def test_a_misspelt_role_is_none(rule: SignedBy) -> None:
    """Nobody is let in by mistake, whatever the rule asks for."""
    with pytest.raises(UserError, match="nor Notary knows alcie: did you mean alice"):
        _told("alcie", rule)


def test_a_stranger_has_to_be_counted_first() -> None:
    """Where a rule names its signers a new one begins there."""
    with pytest.raises(UserError, match="knows mallory: name one of alice, bob, ci, or let the rule"):
        _told("mallory")


@pytest.mark.parametrize("text", ["alice", "targets/alice"])
def test_both_ways_to_write_a_role(text: str) -> None:
    """With and without the name of what is above it."""
    assert read_role(text) == RoleName("targets/alice")
