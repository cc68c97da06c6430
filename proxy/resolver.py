"""From a reference to a decision: the entry, the evidence, the verdict.

A decision waits for at most `DECISION_SECONDS` and never raises a refusal: it carries it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias
from weakref import ref

from proxy.clock import Clock
from proxy.decision_cache import Evidence, Standing
from proxy.errors import (
    BlobNotAdmitted,
    Blocked,
    DeadlineExceeded,
    NoRule,
    NoTrustData,
    Refusal,
    SignerMissing,
)
from proxy.limits import DECISION_SECONDS
from proxy.names import SNAPSHOT, TIMESTAMP, Digest, Gun, Reference, Repository, Tag
from proxy.pledges import Pledge
from proxy.policy.decisions import (
    Allowed,
    Decision,
    Unenforced,
    admit_any_digest,
    check_blocked,
    exempt,
    pass_unprotected,
    relax,
)
from proxy.policy.entries import Entry, Mode, Policy
from proxy.policy.evaluation import evidence, resolve_tag
from proxy.registry.client import RegistryClient
from proxy.registry.closure import Absent, Closure, Found, Roots
from proxy.registry.headers import ClientCredentials
from proxy.renewal import Renewal, key_of
from proxy.store.protocol import TrustReader

_Find: TypeAlias = Callable[[Repository, Digest, Roots, ClientCredentials], Awaitable[Found | Absent]]

_BINDING: Final = frozenset({Mode.ENFORCE, Mode.PROTECT})


@dataclass(slots=True)
class Resolver:
    """Decides about references and blobs under one policy."""

    policy: Policy
    store: TrustReader
    renewal: Renewal
    registry: RegistryClient
    closure: Closure
    clock: Clock
    _exempted: dict[Repository, Roots] = field(default_factory=dict)

    def relaxed(self, repository: Repository) -> Unenforced | None:
        """The permission that `rollout` gives a whole repository now; None under `enforce` and `protect`."""
        return relax(self.policy, repository, self.clock.now())

    def check_blocked(self, repository: Repository, digest: Digest) -> None:
        """Raise `Blocked` where `blocked` names a digest and the mode makes that binding."""
        if self.policy.mode_for(repository, self.clock.now()) in _BINDING:
            check_blocked(self.policy, digest)

    def pledge(self, decision: Decision) -> Pledge | None:
        """What an earlier decision of this resolver rests on, where it allowed something by evidence that is in memory.

        Nothing else would come of the same evidence before its permission ends, or a relaxation, or a role begins to
        count by grace.
        """
        permission, standing = decision.permission, decision.rests_on
        if not isinstance(permission, Allowed) or permission.entry is None or decision.gun is None:
            return None
        if not isinstance(standing, Standing) or decision.stale is not None or decision.refusal is not None:
            return None
        relaxed = self.policy.relaxation_for(decision.reference.repository)
        ends = [permission.valid_until]
        ends += [decision.roles[name].expires for name in (TIMESTAMP, SNAPSHOT) if name in decision.roles]
        if relaxed is not None and relaxed.until is not None and relaxed.until > self.clock.now():
            ends.append(relaxed.until)
        key, fresh_for = key_of(permission.entry, decision.gun), permission.entry.fresh_for.total_seconds()
        return Pledge(key, ref(standing), fresh_for, min(ends).timestamp(), self.renewal)

    def lists_signed_tags(self, repository: Repository) -> bool:
        """Whether the list of tags shows signed ones only (design: Configuration, `tags_list`)."""
        if self.policy.mode_for(repository, self.clock.now()) is not Mode.ENFORCE:
            return False
        try:
            return self.policy.entry_for(repository).lists_signed_tags
        except NoRule:
            return False

    def whereabouts(self, repository: Repository, *, name: str | None = None) -> Mapping[str, str]:
        """GUN, Notary and owner's contact of a repository, for sentences about it; empty without an entry."""
        return self.policy.whereabouts(repository, name)

    async def resolve(
        self, reference: Reference, credentials: ClientCredentials, *, name: str | None = None
    ) -> Decision:
        """Decide about a manifest, as under `enforce`.

        Args:
            reference: what is asked for.
            credentials: the asking client's, for walks of indexes where the proxy has none of its own.
            name: the registry's name where it is not the configured one (`?ns=`, allow-listed).
        """
        question = _Question(self._opened(reference), reference.repository, credentials, name)
        return await self._answer(question, self._decide)

    async def resolve_blob(
        self, repository: Repository, digest: Digest, credentials: ClientCredentials, *, name: str | None = None
    ) -> Decision:
        """Decide whether an admitted manifest names a blob (design: `blobs: admitted`)."""
        reference = Reference(repository, digest)
        question = _Question(self._opened(reference), repository, credentials, name)
        return await self._answer(question, self._decide_blob)

    async def signed_tags(self, repository: Repository, *, name: str | None = None) -> frozenset[Tag]:
        """The tags that have a digest now; none where nothing was ever signed. Raises a `Refusal`."""
        entry = self.policy.entry_for(repository)
        try:
            found = await self.evidence_for(repository, name=name)
        except NoTrustData:
            return frozenset()
        return (await found.survey(entry, self.policy.blocked, self.clock.now())).tags

    async def evidence_for(self, repository: Repository, *, name: str | None = None) -> Evidence:
        """Verified trust data of a repository, fresh enough for its entry. Raises a `Refusal`."""
        entry = self.policy.entry_for(repository)
        return await self.renewal.evidence(entry, entry.gun(name or self.policy.name, repository))

    def _opened(self, reference: Reference) -> Decision:
        return Decision(reference, self.policy.mode_for(reference.repository, self.clock.now()))

    async def _answer(
        self, question: "_Question", decide: Callable[["_Question"], Awaitable[Allowed | Unenforced]]
    ) -> Decision:
        try:
            async with asyncio.timeout(DECISION_SECONDS):
                permission = await decide(question)
        except TimeoutError:
            return await self._refused(question, DeadlineExceeded(int(DECISION_SECONDS)))
        except Refusal as refusal:
            return await self._refused(question, refusal)
        return replace(question.decision, permission=permission)

    async def _refused(self, question: "_Question", refusal: Refusal) -> Decision:
        """A decision with a refusal; under `protect` it passes what no collection ever signed.

        What is blocked, and a tag that some collection had, stay refused there; so does a tag of which the
        trust store cannot tell (design: Configuration, Modes).
        """
        missing = refusal.missing if isinstance(refusal, SignerMissing) else ()
        decision = replace(question.decision, refusal=refusal, missing=missing)
        if decision.mode is not Mode.PROTECT or isinstance(refusal, Blocked):
            return decision
        try:
            if await self._is_protected(decision):
                return decision
        except Refusal as unknown:
            return replace(decision, refusal=unknown)
        return replace(decision, permission=pass_unprotected(refusal))

    async def _is_protected(self, decision: Decision) -> bool:
        """Whether a collection of the repository ever had the tag, also that of the configured name."""
        target, repository = decision.reference.target, decision.reference.repository
        if isinstance(target, Digest) or decision.gun is None:
            return False
        guns = {decision.gun, self.policy.entry_for(repository).gun(self.policy.name, repository)}
        return any([await self.store.ever_had(decision.notary, gun, target) for gun in sorted(guns)])

    async def _decide(self, question: "_Question") -> Allowed | Unenforced:
        target = question.decision.reference.target
        if isinstance(target, Digest):
            return await self._decide_digest(question, target)
        entry, gun = self._entry_and_gun(question)
        found = await self._evidence(question, entry, gun)
        now = self.clock.now()
        return resolve_tag(entry, target, found.collection, now, past=found.past, blocked=self.policy.blocked)

    async def _decide_digest(self, question: "_Question", digest: Digest) -> Allowed | Unenforced:
        """Decide about a digest: what an exception names needs nobody, what it contains is asked for last."""
        check_blocked(self.policy, digest)
        if exempted := exempt(self.policy, question.repository, digest, self.clock.now()):
            return exempted
        try:
            return await self._signed_digest(question, digest)
        except Refusal:
            if exempted := await self._exempt(question, digest, self.closure.find):
                return exempted
            raise

    async def _decide_blob(self, question: "_Question") -> Allowed | Unenforced:
        digest = Digest(str(question.decision.reference.target))
        check_blocked(self.policy, digest)
        try:
            return await self._signed_blob(question, digest)
        except Refusal:
            if exempted := await self._exempt(question, digest, self.closure.find_blob):
                return exempted
            raise

    async def _signed_digest(self, question: "_Question", digest: Digest) -> Allowed | Unenforced:
        """Admit what a tag has or had, or what an admitted index names (design: Which digests are admitted)."""
        entry, gun = self._entry_and_gun(question)
        if unenforced := admit_any_digest(entry, self.clock.now()):
            return unenforced
        found = await self._evidence(question, entry, gun)
        now, blocked = self.clock.now(), self.policy.blocked
        if direct := await found.admit(entry, digest, blocked, now):
            return direct
        survey = await found.survey(entry, blocked, now)
        if below := await self._look_up(question, digest, survey.roots, self.closure.find):
            return below
        raise await found.why_not(entry, digest, blocked, now)

    async def _signed_blob(self, question: "_Question", digest: Digest) -> Allowed | Unenforced:
        """Admit what an admitted manifest names as its config or a layer."""
        entry, gun = self._entry_and_gun(question)
        if unenforced := admit_any_digest(entry, self.clock.now()):
            return unenforced
        found = await self._evidence(question, entry, gun)
        survey = await found.survey(entry, self.policy.blocked, self.clock.now())
        if below := await self._look_up(question, digest, survey.roots, self.closure.find_blob):
            return below
        raise BlobNotAdmitted(digest)

    async def _exempt(self, question: "_Question", digest: Digest, find: _Find) -> Allowed | None:
        """What is below the digests that `exceptions` names in this repository."""
        roots = self._exemptions(question.repository)
        return await self._look_up(question, digest, roots, find) if roots.allowed else None

    async def _look_up(self, question: "_Question", digest: Digest, roots: Roots, find: _Find) -> Allowed | None:
        walker = self.registry.walker(question.credentials)
        match await find(question.repository, digest, roots, walker):
            case Found(allowed):
                return allowed
            case Absent():
                return None

    async def _evidence(self, question: "_Question", entry: Entry, gun: Gun) -> Evidence:
        before = self.renewal.waits
        try:
            found = await self.renewal.evidence(entry, gun)
        finally:
            if self.renewal.waits != before:  # nobody else had a turn meanwhile, unless this one waited
                question.note(waited=True)
        target = question.decision.reference.target
        tag = target if isinstance(target, Tag) else None
        stale = int(self.clock.seconds() - found.checked) if found.is_outage else None
        question.note(roles=evidence(entry, tag, found.collection), checked_at=found.checked_at, stale=stale)
        question.note(rests_on=found.standing)
        return found

    def _exemptions(self, repository: Repository) -> Roots:
        """What `exceptions` names in a repository now; one object for as long as it is the same, as `Closure` wants."""
        now = self.clock.now()
        known = self._exempted.get(repository)
        if known is None or any(allowed.valid_until <= now for allowed in known.allowed):
            named = [each.digest for each in self.policy.exemptions if each.repository == repository]
            exempted = (exempt(self.policy, repository, digest, now) for digest in named)
            known = Roots(tuple(allowed for allowed in exempted if allowed))
            if named:
                self._exempted[repository] = known
        return known

    def _entry_and_gun(self, question: "_Question") -> tuple[Entry, Gun]:
        """The entry that applies and where its trust data is. Raises `NoRule`, `NameInvalid`."""
        entry = self.policy.entry_for(question.repository)
        target = question.decision.reference.target
        rule = entry.rule_for(target)[0] if isinstance(target, Tag) else str(entry.pattern)
        gun = entry.gun(question.name or self.policy.name, question.repository)
        whom = {"notary": entry.notary, "owner": entry.contact, "carried": entry.is_carried}
        question.note(rule=rule, gun=gun, **whom)
        return entry, gun


@dataclass(slots=True)
class _Question:
    """What is asked, by whom, and what is known of the answer so far, so that a refusal can say it."""

    decision: Decision
    repository: Repository
    credentials: ClientCredentials
    name: str | None

    def note(self, **facts: object) -> None:
        self.decision = replace(self.decision, **facts)  # type: ignore[arg-type]  # the names are Decision's own
