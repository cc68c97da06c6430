"""Entries of `repositories` and `rollout`, and which one applies (design: Configuration)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from proxy.errors import Blocked, NameInvalid, NoRule
from proxy.names import Digest, Gun, Repository, Tag
from proxy.policy.patterns import RepositoryPattern, TagPattern
from proxy.policy.signers import SignedBy
from proxy.tuf.pins import Pins

UNFILLED: Final = "FILL-IN"
"""A contact that somebody has yet to write; it is named to nobody."""


class Mode(StrEnum):
    """How far a repository is rolled out."""

    ENFORCE = "enforce"
    PROTECT = "protect"
    AUDIT = "audit"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class AnyDigest:
    """`digest_pull: {any: true, until, reason}`: any digest is served, answered `not-enforced`, until then."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom people should ask about repositories; `contact` is in the operator's own words."""

    name: str
    contact: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of `repositories`, complete: nothing is inherited from others.

    `place` is where the configuration has it, as `file:line`. `gun_template` has `{name}`, `{repository}` and
    `{rest}` (what the one `**` matched) to fill in.
    `outage_for` and `expiry_grace` bound what serves when Notary is away or out of date (design: Freshness).
    `fallback_to_targets` and `released_required` are Docker's lax rule and ours (design: Which digest a tag has).
    `is_carried` where its Notary is a directory, in which nobody signs anything anew (`notaries.dir`).
    """

    pattern: RepositoryPattern
    signed_by: SignedBy
    tags: tuple[tuple[TagPattern, SignedBy], ...]
    notary: str
    gun_template: str
    pins: Pins
    any_digest: AnyDigest | None
    fresh_for: timedelta
    released_required: bool
    fallback_to_targets: bool
    superseded_for: timedelta = timedelta(hours=24)
    outage_for: timedelta = timedelta(hours=24)
    expiry_grace: timedelta = timedelta()
    lists_signed_tags: bool = False
    owner: Owner | None = None
    is_carried: bool = False
    place: str = field(default="", compare=False)

    def rule_for(self, tag: Tag) -> tuple[str, SignedBy]:
        """The rule's name (the pattern itself) and what it asks for; the most specific tag pattern counts."""
        fitting = [(pattern, rule) for pattern, rule in self.tags if pattern.matches(tag)]
        if not fitting:
            return str(self.pattern), self.signed_by
        pattern, rule = max(fitting, key=lambda pair: pair[0].specificity)
        return f"{self.pattern}:{pattern}", rule

    @property
    def contact(self) -> str:
        """Whom a refusal tells people to ask; empty where nobody is named, or not yet."""
        return "" if self.owner is None or self.owner.contact == UNFILLED else self.owner.contact

    def gun(self, name: str, repository: Repository) -> Gun:
        """The GUN that holds this repository's trust data. Raises `NameInvalid`."""
        filled = {"name": name, "repository": repository, "rest": self.pattern.rest(repository)}
        return Gun(self.gun_template.format_map(filled))


@dataclass(frozen=True, slots=True)
class Relaxation:
    """One entry of `rollout`: a mode, and for `audit` and `disabled` until when and why.

    `place` is where the configuration has it, as `file:line`.
    """

    pattern: RepositoryPattern
    mode: Mode
    until: datetime | None
    reason: str | None
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Exemption:
    """One entry of `exceptions`: a digest of a repository that is served unsigned until an instant."""

    repository: Repository
    digest: Digest
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Blocklist:
    """`blocked`: digests, and public key ids (dialect 2.5, canonical), each with the reason."""

    digests: Mapping[Digest, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)

    def refusal(self, digest: Digest) -> Blocked | None:
        """What to say of a digest that is named, None for any other."""
        reason = self.digests.get(digest)
        return None if reason is None else Blocked(f"digest {digest[:19]}..", reason)

    def check(self, digest: Digest) -> None:
        """Refuse a digest that is named. Raises `Blocked`."""
        if refusal := self.refusal(digest):
            raise refusal


NOTHING_BLOCKED: Final = Blocklist()


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that decides, for one `name`; immutable, replaced as a whole."""

    name: str
    entries: Sequence[Entry]
    rollout: Sequence[Relaxation]
    exemptions: Sequence[Exemption] = ()
    blocked: Blocklist = field(default_factory=Blocklist)

    def entry_for(self, repository: Repository) -> Entry:
        """The one entry that applies: the most specific pattern. Raises `NoRule`."""
        fitting = [entry for entry in self.entries if entry.pattern.matches(repository)]
        if not fitting:
            raise NoRule
        return max(fitting, key=lambda entry: entry.pattern.specificity)

    def hidden_for(self, repository: Repository) -> tuple[Entry, ...]:
        """The entries that match and do not apply because another is more specific; the most specific first."""
        fitting = [entry for entry in self.entries if entry.pattern.matches(repository)]
        return tuple(sorted(fitting, key=lambda entry: entry.pattern.specificity, reverse=True)[1:])

    def relaxation_for(self, repository: Repository) -> Relaxation | None:
        """The one entry of `rollout` that applies, run out or not; None where none matches."""
        fitting = [item for item in self.rollout if item.pattern.matches(repository)]
        return max(fitting, key=lambda item: item.pattern.specificity, default=None)

    def whereabouts(self, repository: Repository, name: str | None = None) -> dict[str, str]:
        """What a sentence about a repository names: GUN, under `name` or the policy's own, Notary, and owner's contact.

        `carried` stands there where that Notary is a directory. Empty without an entry.
        """
        try:
            entry = self.entry_for(repository)
            gun = entry.gun(name or self.name, repository)
        except (NoRule, NameInvalid):
            return {}
        carried = {"carried": "yes"} if entry.is_carried else {}
        return {"gun": gun, "notary": entry.notary, "owner": entry.contact, **carried}

    def mode_for(self, repository: Repository, now: datetime) -> Mode:
        """How far the repository is rolled out at an instant; unlisted or run out is `enforce`."""
        chosen = self.relaxation_for(repository)
        if chosen is None or (chosen.until is not None and now >= chosen.until):
            return Mode.ENFORCE
        return chosen.mode
