"""Each part of a story tells what the decision was made from, in every case that there is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

from proxy import errors
from proxy.errors import Refusal
from proxy.explanation import tell
from proxy.explanation.known import RegistryWord
from proxy.names import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Reference, Repository, Tag
from proxy.policy.decisions import allow, pass_unprotected, relax
from proxy.policy.entries import UNFILLED, Blocklist, Mode, Owner, Policy, Relaxation
from proxy.policy.patterns import RepositoryPattern
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy
from proxy.store.protocol import Remembered
from proxy.tuf.collection import Stored
from tests.support.collections import NOW
from tests.support.resolving import NAME, REPOSITORY
from tests.unit.explanation.bare import BY_DIGEST, exempted, known, read
from tests.unit.explanation.rare_situations import RARE
from tests.unit.explanation.situations import (
    ALICE,
    AUDIT,
    CI,
    IS,
    OTHER,
    OWNED,
    PROTECT,
    QA,
    SITUATIONS,
    entry,
)


@pytest.mark.parametrize("situation", [pytest.param(each, id=each.file) for each in (*SITUATIONS, *RARE)])
async def test_votes_and_verdict_agree(situation: Any) -> None:
    """An allowed tag has enough votes; a refused one has not, or it is refused for what the registry has of it."""
    story = tell(await situation.known())
    if story.votes and story.conclusion.decision in ("allowed", "refused"):
        is_of_the_bytes = story.conclusion.code in ("manifest_missing", "signed_length_wrong")
        assert story.votes.enough is (story.conclusion.decision == "allowed" or is_of_the_bytes)


@pytest.mark.parametrize(
    ("mode", "refusal", "says"),
    [
        pytest.param(None, None, "enforce: clients get this digest", id="enforce-allowed"),
        pytest.param(None, errors.NoTrustData("root"), "enforce: clients are refused", id="enforce-refused"),
        pytest.param(AUDIT, errors.NoTrustData("root"), "would be refused, and is served", id="audit-refused"),
        pytest.param(AUDIT, None, "whatever is signed; until 2027-03-31", id="audit-allowed"),
        pytest.param(
            PROTECT, errors.TagNotSigned("1.4", unreleased=False), "protect: clients are refused", id="protect"
        ),
        pytest.param(PROTECT, None, "protect: clients get this digest", id="protect-allowed"),
        pytest.param(
            replace(AUDIT, mode=Mode.DISABLED), errors.NoTrustData("root"), "Notary is not asked", id="disabled"
        ),
        pytest.param(replace(AUDIT, until=NOW), None, "audit ended at 2026-11-21 12:00 UTC", id="over"),
    ],
)
def test_what_the_mode_makes_of_it(mode: Relaxation | None, refusal: Refusal | None, says: str) -> None:
    """The verdict is as under enforce; what clients get now is told beside it."""
    asked = known(refusal, rollout=(mode,) if mode else ())
    permission = None if refusal else exempted()
    story = tell(replace(asked, decision=replace(asked.decision, permission=permission)))
    assert says in story.conclusion.now
    assert (story.conclusion.place == "") is (mode is None)


def test_what_protect_lets_pass() -> None:
    """What was never signed would be refused and is served."""
    refusal = errors.TagNotSigned("1.4", unreleased=False)
    asked = known(refusal, rollout=(PROTECT,))
    story = tell(replace(asked, decision=replace(asked.decision, permission=pass_unprotected(refusal))))
    assert "would be refused and is served" in story.conclusion.now


def test_what_needs_no_signature() -> None:
    """An exception, and digest_pull, are told as what they are."""
    asked = known(reference=BY_DIGEST)
    told = read(replace(asked, decision=replace(asked.decision, permission=exempted())))
    assert "not enforced: " in told
    assert "Digest  it is let out without a signature (exceptions: bootstrap)" in told
    assert "weakest rule" not in told
    disabled = Policy(NAME, (), (Relaxation(RepositoryPattern("**"), Mode.DISABLED, None, None),))
    told = read(replace(asked, decision=replace(asked.decision, permission=relax(disabled, REPOSITORY, NOW))))
    assert "Digest  it is let out without a signature (rollout: disabled)" in told


@pytest.mark.parametrize(
    ("word", "state"),
    [
        pytest.param(RegistryWord(IS, has_signed=True), "same", id="same"),
        pytest.param(RegistryWord(OTHER, has_signed=True), "drifted", id="drifted"),
        pytest.param(RegistryWord(OTHER, has_signed=False), "signed-missing", id="signed-missing"),
        pytest.param(RegistryWord(), "absent", id="absent"),
        pytest.param(RegistryWord(silence="it answered 401"), "unknown", id="silent"),
        pytest.param(RegistryWord(has_signed=True, silence="it answered 401"), "unknown", id="half-silent"),
    ],
)
def test_the_registrys_side(word: RegistryWord, state: str) -> None:
    """What the registry has is held against what is signed; its silence says why."""
    asked = known(registry=word)
    permission = allow(IS, None, ("alice",), OWNED, "shop/**", NOW + timedelta(days=1))
    side = tell(replace(asked, decision=replace(asked.decision, permission=permission))).registry
    assert side.state == state
    assert word.silence in side.told


@pytest.mark.parametrize(
    ("signed_by", "snippet"),
    [
        pytest.param(Released(), "released", id="released"),
        pytest.param(AnyOf((ALICE, CI)), {"any_of": ["alice", "ci"]}, id="any"),
        pytest.param(FirstOf((ALICE, CI)), {"first_of": ["alice", "ci"]}, id="first"),
        pytest.param(AllOf((ALICE, CI)), {"all_of": ["alice", "ci"]}, id="all"),
        pytest.param(AtLeast(2, (ALICE, CI, QA)), {"at_least": 2, "of": ["alice", "ci", "qa"]}, id="at-least"),
    ],
)
def test_the_entry_to_add(signed_by: SignedBy, snippet: object) -> None:
    """Without an entry there is YAML to paste, which asks for no less than the nearest entry does."""
    story = tell(known(errors.NoRule(), entry(signed_by, "shop/*"), entry(Released(), "z/*"), reference=OTHER_NAME))
    added = YAML(typ="safe").load(story.applied.snippet)
    assert added == {"repositories": {"shop/deep/api": {"signed_by": snippet}}}
    assert [near.pattern for near in story.applied.nearest] == ["shop/*", "z/*"]


OTHER_NAME: Final = Reference(Repository("shop/deep/api"), Tag("1"))


def test_no_entry_at_all() -> None:
    """The first entry asks for what Docker itself asked for."""
    policy = Policy(NAME, (), ())
    story = tell(known(errors.NoRule(), policy=policy))
    assert "signed_by: released" in story.applied.snippet
    assert story.chain is None


def test_remembered_files_that_cannot_be_read() -> None:
    """Damage in what is remembered is told, and stops nothing else."""
    stored = Stored(dict.fromkeys((ROOT, TIMESTAMP, SNAPSHOT, TARGETS), b"damaged"))
    told = read(known(errors.NotaryUnreachable("away"), remembered=Remembered(stored, 1, NOW)))
    assert told.count("remembered, and cannot be read") == 4


def test_a_store_that_cannot_be_read() -> None:
    """Then nobody says that nothing was remembered."""
    told = read(known(errors.TrustStoreUnavailable("locked"), store_silence="it is locked"))
    assert "the trust store cannot be read: it is locked" in told
    assert "remembers nothing" not in told


async def test_roles_that_ran_out_since_they_were_verified() -> None:
    """Evidence is asked for a while longer than it was verified; what ran out meanwhile says so."""
    [allowed] = [each for each in SITUATIONS if each.file == "allowed"]
    later = replace(await allowed.known(), now=datetime(2100, 1, 2, tzinfo=UTC))
    story = tell(later)
    assert story.chain
    assert {(link.state, link.why) for link in story.chain.links} == {("unusable", "expired at 2100-01-01 00:00 UTC")}
    assert "  root               unusable: expired at" in read(later)


async def test_evidence_of_an_earlier_moment() -> None:
    """How old it is, where it is not of this moment."""
    [allowed] = [each for each in SITUATIONS if each.file == "allowed"]
    asked = await allowed.known()
    assert "confirmed all this 2026-11-21 12:00 UTC (29 seconds ago)" in read(
        replace(asked, now=asked.now + timedelta(seconds=29))
    )


def test_a_blocked_digest_is_told_as_such_without_evidence() -> None:
    """A block needs no evidence; why there is none is told beside it."""
    policy = Policy(NAME, (OWNED,), (), blocked=Blocklist({IS: "CVE-2026-1"}))
    refusal = errors.Blocked("digest", "CVE-2026-1")
    told = read(known(refusal, policy=policy, reference=BY_DIGEST, silence=errors.NotaryUnreachable("refused")))
    assert "Digest  it is blocked: CVE-2026-1" in told
    assert "there is none: shop/api@sha256:" in told
    assert "[notary_unreachable]" in told


def test_a_gun_that_no_notary_can_have() -> None:
    """A template that gives no valid GUN leaves the entry to be told, and no chain."""
    told = tell(known(errors.NameInvalid("x y"), entry(Released(), gun_template="x y/{repository}")))
    assert told.chain is None
    assert told.applied.pattern == "shop/**"


def test_an_owner_without_contact() -> None:
    """A contact that nobody has filled in is said to be missing."""
    told = read(known(errors.NoTrustData("root"), entry(Released(), owner=Owner("shop", UNFILLED))))
    assert "owner shop (no contact yet)" in told
