"""The resolver decides by the entry that applies, and refuses when in doubt."""

import threading
from datetime import UTC, datetime

import pytest

from proxy.errors import (
    BlobNotAdmitted,
    Blocked,
    DeadlineExceeded,
    DigestNotSigned,
    NoRule,
    NotaryUnreachable,
    TagNotSigned,
    TrustStoreUnavailable,
    Undecided,
)
from proxy.names import Digest, Reference, Tag
from proxy.policy.decisions import Allowed, Unenforced
from proxy.policy.entries import AnyDigest, Blocklist, Exemption, Mode, Owner, Relaxation
from proxy.policy.patterns import RepositoryPattern
from proxy.store.overlay import Overlay
from tests.support.resolving import NAME, NOBODY, REPOSITORY, TAG, bench, entry


async def test_signed_tag_is_allowed_as_its_digest() -> None:
    """A decision about a signed tag carries the digest, the rule and the evidence."""
    async with bench() as at:
        decision = await at.resolver.resolve(TAG, NOBODY)
    assert isinstance(decision.permission, Allowed)
    assert decision.permission.digest == at.digest
    assert (decision.rule, decision.gun, decision.notary) == ("**", f"{NAME}/{REPOSITORY}", "corp")
    assert set(decision.roles) == {"root", "timestamp", "snapshot", "targets"}
    assert decision.checked_at == at.clock.wall


async def test_revoked_tag_ends_with_the_next_check() -> None:
    """What is taken back is refused once `fresh_for` has run out."""
    async with bench() as at:
        assert isinstance(await at.resolve(), Allowed)
        del at.sim.targets.tags["1.0"]
        at.sim.bump()
        at.sim.publish()
        at.clock.pass_by(30)
        assert isinstance(await at.resolve(), TagNotSigned)


async def test_notary_away_is_no_verdict() -> None:
    """An unreachable Notary is told from one that has nothing, and the next request asks again."""
    async with bench() as at:
        at.notary.away = True
        assert isinstance(await at.resolve(), NotaryUnreachable)
        at.notary.away = False
        assert isinstance(await at.resolve(), Allowed)


async def test_evidence_that_expired_since_is_refused() -> None:
    """A role that runs out while its collection is fresh in memory stops the decision."""
    async with bench() as at:
        at.sim.timestamp.expires = "2026-11-21T12:00:10Z"
        at.sim.publish()
        assert isinstance(await at.resolve(), Allowed)
        at.clock.pass_by(11)
        refusal = await at.resolve()
        assert (type(refusal).__name__, getattr(refusal, "role", "")) == ("Expired", "timestamp")


async def test_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Notary that never answers costs a request no more than its deadline."""
    async with bench() as at:
        at.notary.hold.clear()
        with monkeypatch.context() as hurried:
            hurried.setattr("proxy.resolver.DECISION_SECONDS", 0.05)
            assert isinstance(await at.resolve(), DeadlineExceeded)
        at.notary.hold.set()
        assert isinstance(await at.resolve(), Allowed)


async def test_no_entry_no_question() -> None:
    """A repository without an entry is refused before anybody is asked."""
    async with bench(entry(pattern=RepositoryPattern("other/**"))) as at:
        assert isinstance(await at.resolve(), NoRule)
        assert at.sim.requests == []


async def test_signed_digest_is_admitted() -> None:
    """The digest that a tag has now is admitted without asking the registry."""
    async with bench() as at:
        outcome = await at.resolve(Reference(REPOSITORY, at.digest))
        assert isinstance(outcome, Allowed)
        assert outcome.digest == at.digest


async def test_the_deadline_holds_while_a_crowd_of_tags_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A digest under very many tags costs a request its deadline at most, and nobody else anything."""
    monkeypatch.setattr("proxy.policy.crowds.DIGEST_TAGS", 0)
    answered, loop = threading.Event(), threading.current_thread()

    def judge(*_args: object, **_kwargs: object) -> None:
        assert threading.current_thread() is not loop
        assert answered.wait(60)

    monkeypatch.setattr("proxy.decision_cache.admit_digest", judge)
    async with bench() as at:
        assert isinstance(await at.resolve(), Allowed)
        with monkeypatch.context() as hurried:
            hurried.setattr("proxy.resolver.DECISION_SECONDS", 0.05)
            assert isinstance(await at.resolve(Reference(REPOSITORY, at.digest)), DeadlineExceeded)
        assert isinstance(await at.resolve(), Allowed)
        answered.set()


async def test_unknown_digest_without_registry_is_undecided() -> None:
    """While a signed index might name it and cannot be read, a digest is neither admitted nor refused for good."""
    async with bench() as at:
        assert isinstance(await at.resolve(Reference(REPOSITORY, Digest(f"sha256:{'7' * 64}"))), Undecided)


async def test_unknown_digest_with_nothing_signed_is_refused() -> None:
    """Where no tag is signed, no index can name a digest."""
    async with bench() as at:
        at.sim.targets.tags.clear()
        at.sim.publish()
        assert isinstance(await at.resolve(Reference(REPOSITORY, at.digest)), DigestNotSigned)


@pytest.mark.parametrize(
    ("until", "kind"),
    [
        pytest.param(datetime(2026, 11, 21, 12, 1, tzinfo=UTC), Unenforced, id="before-its-end"),
        pytest.param(datetime(2026, 11, 21, 12, tzinfo=UTC), Allowed, id="at-its-end"),
    ],
)
async def test_any_digest_ends_by_itself(until: datetime, kind: type) -> None:
    """`digest_pull: any` relays digests until its instant, and never tags."""
    async with bench(entry(any_digest=AnyDigest(until, "migration"))) as at:
        assert isinstance(await at.resolve(Reference(REPOSITORY, at.digest)), kind)
        assert isinstance(await at.resolve(), Allowed)


@pytest.mark.parametrize(
    ("passed", "mode"),
    [pytest.param(0, Mode.AUDIT, id="relaxed"), pytest.param(60, None, id="run-out")],
)
async def test_relaxation_ends_without_a_reload(passed: int, mode: Mode | None) -> None:
    """`rollout` relaxes a repository until its instant."""
    until = datetime(2026, 11, 21, 12, 1, tzinfo=UTC)
    relaxation = Relaxation(RepositoryPattern("shop/**"), Mode.AUDIT, until, "first weeks")
    async with bench(rollout=(relaxation,)) as at:
        at.clock.pass_by(passed)
        relaxed = at.resolver.relaxed(REPOSITORY)
        assert (relaxed.mode if relaxed else None) == mode


NAMED = Digest(f"sha256:{'9' * 64}")


async def test_blocked_digest_wins_over_its_signature() -> None:
    """A digest that `blocked` names is refused under its tag and by itself."""
    async with bench() as at:
        digest = at.digest
    async with bench(blocked=Blocklist({digest: "CVE-2026-1"})) as at:
        for reference in (TAG, Reference(REPOSITORY, digest)):
            refusal = await at.resolve(reference)
            assert isinstance(refusal, Blocked)
            assert refusal.reason == "CVE-2026-1"


@pytest.mark.parametrize(
    ("mode", "is_binding"),
    [
        pytest.param(Mode.ENFORCE, True, id="enforce"),
        pytest.param(Mode.PROTECT, True, id="protect"),
        pytest.param(Mode.AUDIT, False, id="audit"),
        pytest.param(Mode.DISABLED, False, id="disabled"),
    ],
)
async def test_block_binds_where_the_mode_does(mode: Mode, is_binding: bool) -> None:  # noqa: FBT001  (a named case)
    """A block closes blobs under enforce and protect; in audit it is only reported."""
    rollout = (Relaxation(RepositoryPattern("shop/**"), mode, None, "test"),)
    async with bench(rollout=rollout, blocked=Blocklist({NAMED: "leak"})) as at:
        if is_binding:
            with pytest.raises(Blocked):
                at.resolver.check_blocked(REPOSITORY, NAMED)
        else:
            at.resolver.check_blocked(REPOSITORY, NAMED)


async def test_signature_of_a_blocked_key_counts_for_nothing() -> None:
    """A key that `blocked` names ends what it signed, and the refusal says why."""
    async with bench() as at:
        key = at.sim.key("targets").public_key_id
    async with bench(blocked=Blocklist(keys={key: "laptop stolen"})) as at:
        refusal = await at.resolve()
        assert isinstance(refusal, Blocked)
        assert refusal.reason == "laptop stolen"


@pytest.mark.parametrize(
    ("passed", "kind"),
    [pytest.param(59, Allowed, id="before-its-end"), pytest.param(60, DigestNotSigned, id="at-its-end")],
)
async def test_exception_serves_its_digest_until_its_end(passed: int, kind: type) -> None:
    """A digest that `exceptions` names is served unsigned, and says so, until its instant."""
    until = datetime(2026, 11, 21, 12, 1, tzinfo=UTC)
    async with bench(exemptions=(Exemption(REPOSITORY, NAMED, until, "bootstrap"),)) as at:
        at.sim.targets.tags.clear()
        at.sim.publish()
        at.clock.pass_by(passed)
        decision = await at.resolver.resolve(Reference(REPOSITORY, NAMED), NOBODY)
        assert isinstance(decision.refusal or decision.permission, kind)
        if isinstance(decision.permission, Allowed):
            assert decision.permission.digest == NAMED
            assert not decision.permission.enforced
            assert at.sim.requests == []


async def test_exception_needs_no_entry() -> None:
    """What `exceptions` names is served in a repository without any rule; nothing else there is."""
    until = datetime(2026, 11, 21, 13, tzinfo=UTC)
    elsewhere = entry(pattern=RepositoryPattern("other/**"))
    async with bench(elsewhere, exemptions=(Exemption(REPOSITORY, NAMED, until, "bootstrap"),)) as at:
        assert isinstance(await at.resolve(Reference(REPOSITORY, NAMED)), Allowed)
        assert isinstance(await at.resolve(TAG), NoRule)


PROTECTED = (Relaxation(RepositoryPattern("shop/**"), Mode.PROTECT, None, None),)


async def test_protect_passes_what_was_never_signed() -> None:
    """Under `protect` an unsigned tag and a foreign digest pass, marked with what would refuse them."""
    async with bench(rollout=PROTECTED) as at:
        at.sim.targets.tags.clear()
        at.sim.publish()
        for reference, kind in ((TAG, TagNotSigned), (Reference(REPOSITORY, NAMED), DigestNotSigned)):
            decision = await at.resolver.resolve(reference, NOBODY)
            assert isinstance(decision.refusal, kind)
            assert isinstance(decision.permission, Unenforced)


async def test_protect_passes_unsigned_tags_without_notary() -> None:
    """Under `protect` a Notary that is away stops nothing that was never signed."""
    async with bench(rollout=PROTECTED) as at:
        at.notary.away = True
        decision = await at.resolver.resolve(TAG, NOBODY)
        assert isinstance(decision.refusal, NotaryUnreachable)
        assert isinstance(decision.permission, Unenforced)


@pytest.mark.parametrize("away", [pytest.param(False, id="revoked"), pytest.param(True, id="notary-away")])
async def test_protect_never_lets_go_of_a_signed_tag(away: bool) -> None:  # noqa: FBT001  (a named case)
    """A tag that was signed once is enforced for good under `protect`: revoked, or while Notary is away."""
    async with bench(rollout=PROTECTED) as at:
        assert isinstance(await at.resolve(), Allowed)
        del at.sim.targets.tags["1.0"]
        at.sim.bump()
        at.sim.publish()
        at.notary.away = away
        at.clock.pass_by(86_401 if away else 31)  # an outage has an end, too
        decision = await at.resolver.resolve(TAG, NOBODY)
        assert isinstance(decision.refusal, NotaryUnreachable if away else TagNotSigned)
        assert decision.permission is None


async def test_protected_tag_stays_so_under_another_name() -> None:
    """A client that picks another allowed name for the registry does not unprotect a tag with it."""
    async with bench(rollout=PROTECTED) as at:
        assert isinstance(await at.resolve(), Allowed)
        at.notary.away = True
        decision = await at.resolver.resolve(TAG, NOBODY, name="mirror.example.com")
        assert decision.permission is None


async def test_store_away_does_not_unprotect() -> None:
    """Where the store cannot say whether a tag was ever signed, `protect` refuses."""

    class _Forgetful(Overlay):
        async def ever_had(self, *_: object) -> bool:
            raise TrustStoreUnavailable("disk full")

    async with bench(rollout=PROTECTED, store=_Forgetful(None)) as at:
        at.sim.targets.tags.clear()
        at.sim.publish()
        decision = await at.resolver.resolve(TAG, NOBODY)
        assert isinstance(decision.refusal, TrustStoreUnavailable)
        assert decision.permission is None


async def test_sentences_name_the_gun_that_was_asked_for() -> None:
    """A list that cannot be decided says where its trust data is, under the name that the client used."""
    async with bench(entry(gun_template="{name}/{repository}")) as at:
        own = at.resolver.whereabouts(REPOSITORY)
        mirrored = at.resolver.whereabouts(REPOSITORY, name="mirror.example.com")
    assert (own["gun"], mirrored["gun"]) == (
        f"{at.resolver.policy.name}/{REPOSITORY}",
        f"mirror.example.com/{REPOSITORY}",
    )
    assert own["notary"] == mirrored["notary"] != ""


async def test_a_refusal_knows_whom_to_ask() -> None:
    """The contact of the owner whom the entry names goes with the decision."""
    async with bench(entry(owner=Owner("shop", "#shop-oncall"))) as at:
        decision = await at.resolver.resolve(Reference(REPOSITORY, Tag("unsigned")), NOBODY)
    assert decision.refusal is not None
    assert decision.owner == "#shop-oncall"


async def test_signed_tags_are_those_that_resolve() -> None:
    """The list of signed tags leaves out what would be refused, and is empty where nothing was ever signed."""
    async with bench() as at:
        at.sim.sign("2.0")
        at.sim.publish()
        assert await at.resolver.signed_tags(REPOSITORY) == {"1.0", "2.0"}
        blocked = Blocklist({at.digest: "leak"})
    async with bench(blocked=blocked) as at:
        assert await at.resolver.signed_tags(REPOSITORY) == set()
    async with bench() as at:
        at.sim.fault("timestamp", 404)
        at.sim.fault("root", 404)
        assert await at.resolver.signed_tags(REPOSITORY) == set()


@pytest.mark.parametrize(
    ("mode", "lists"),
    [pytest.param(Mode.ENFORCE, True, id="enforce"), pytest.param(Mode.PROTECT, False, id="protect")],
)
async def test_list_of_tags_is_cut_only_under_enforce(mode: Mode, lists: bool) -> None:  # noqa: FBT001  (a named case)
    """`tags_list: signed` shows what can be pulled, so it is cut only where the rest cannot."""
    rollout = (Relaxation(RepositoryPattern("**"), mode, None, None),)
    async with bench(entry(lists_signed_tags=True), rollout=rollout) as at:
        assert at.resolver.lists_signed_tags(REPOSITORY) is lists
    async with bench(entry(pattern=RepositoryPattern("other/**"), lists_signed_tags=True)) as at:
        assert not at.resolver.lists_signed_tags(REPOSITORY)


async def test_blob_of_an_unsigned_repository_is_not_admitted() -> None:
    """Where nothing is signed, no manifest names a blob."""
    async with bench() as at:
        at.sim.targets.tags.clear()
        at.sim.publish()
        decision = await at.resolver.resolve_blob(REPOSITORY, NAMED, NOBODY)
        assert isinstance(decision.refusal, BlobNotAdmitted)
        assert decision.permission is None


async def test_blob_that_cannot_be_looked_up_is_undecided() -> None:
    """A signed manifest that cannot be read may name a blob, so neither yes nor no is said."""
    async with bench() as at:
        decision = await at.resolver.resolve_blob(REPOSITORY, NAMED, NOBODY)
        assert isinstance(decision.refusal, Undecided)
        assert decision.permission is None
