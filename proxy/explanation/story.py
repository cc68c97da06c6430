"""The story of one decision, in parts: facts and short sentences, for a screen, a page or a program.

Every text is one line; what came from Notary stands in it as data. Instants are aware UTC datetimes.
"""

from dataclasses import dataclass, field
from datetime import datetime

from proxy.policy.tally import Standing


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The verdict under `enforce`, and what the repository's mode makes of it now.

    `decision` is `allowed`, `refused`, `undecided` or `not-enforced`; `code` that of the refusal, else empty.
    `sentence` is the refusal's own; `now` says what clients get; `until`, `reason` and `place` are those of the
    entry of `rollout` that applies.
    """

    decision: str
    code: str
    sentence: str
    digest: str
    signers: tuple[str, ...]
    mode: str
    now: str
    until: datetime | None = None
    reason: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Hidden:
    """An entry that matches and does not apply; `lacks` is what it asks for and the one that applies does not."""

    pattern: str
    place: str
    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """The entry that applies: `rule` is the pattern that counts, the tag's or the entry's own; `asks` in words.

    Without one `pattern` is empty, `nearest` are entries with similar patterns, and `snippet` is YAML to add.
    """

    pattern: str
    place: str
    rule: str
    asks: str
    owner: str = ""
    contact: str = ""
    hides: tuple[Hidden, ...] = ()
    nearest: tuple[Hidden, ...] = ()
    snippet: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """A key that may sign a role, by both of its ids: `key_id` as it is listed, `public_key_id` of the plain key."""

    key_id: str
    public_key_id: str
    signed: bool
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A root key and its certificate.

    `pins` names the entries of `roots` that it meets, and by what; `why` says why it meets none.
    """

    key_id: str
    public_key_id: str
    certificate: str
    valid_from: datetime | None
    valid_until: datetime | None
    pins: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Link:
    """One role of the chain. `state` is `usable`, `unusable`, `unpublished` or `remembered`; `why` a defect's sentence.

    `forgiven` says why an expiry that is past does not count: `expiry-grace` or `outage`. `floor` is the version that
    the trust store remembers. `rests` is whether the decision rests on it, `asked` whether the rule asks for it.
    `paths` are the prefixes of tags that it may speak for, of delegations alone.
    """

    name: str
    state: str
    version: int | None = None
    expires: datetime | None = None
    threshold: int | None = None
    keys: tuple[Key, ...] = ()
    paths: tuple[str, ...] = ()
    why: str = ""
    forgiven: str = ""
    floor: int | None = None
    rests: bool = False
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Pin:
    """One entry of `roots`, as far as it can be shown."""

    name: str
    public_key_ids: tuple[str, ...]
    certificates: tuple[str, ...]
    authorities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """The roles from the root down. `believed` is False where all of it is shown and none of it holds.

    `anchors` are the root's keys; `pins` what they are held against, empty for trust on first use.
    `carried` where Notary is a directory, in which nobody signs anything anew.
    """

    gun: str
    notary: str
    believed: bool
    links: tuple[Link, ...]
    anchors: tuple[Anchor, ...]
    pins: tuple[Pin, ...]
    tofu: bool
    carried: bool = False


@dataclass(frozen=True, slots=True)
class Voter:
    """One signer of the rule: its vote, or in `why` the reason why it has none or it does not count.

    `listed` are the public key ids in its key files, None for `keys: delegated`; `delegated` those that Notary
    delegates; `keys` those behind the vote, or that signed its role.
    """

    signer: str
    role: str
    standing: Standing
    counts: bool
    digest: str
    why: str
    keys: tuple[str, ...]
    delegated: tuple[str, ...]
    listed: tuple[str, ...] | None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Votes:
    """How the votes on the tag add up; `needed` is 0 where the release alone decides.

    `release` is the role that releases, `released` the digest that it names, `binding` whether votes have to agree.
    `until` is how long what the tag has now holds as things are, None where it has nothing.
    """

    needed: int
    found: int
    enough: bool
    under_way: bool
    voters: tuple[Voter, ...]
    release: str
    released: str
    binding: bool
    release_why: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class TagOfDigest:
    """A tag that has, had or is said to have the digest; see `proxy.policy.holders.Hold`."""

    tag: str
    hold: str
    until: datetime | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class OfDigest:
    """What admits a digest, or would. `how` says it in words; `indexes` are those that are known to name it."""

    how: str
    tags: tuple[TagOfDigest, ...]
    indexes: tuple[str, ...]
    weakest_rule: str
    weakest_asks: str
    signed_tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Freshness:
    """What the verdict was made from: when Notary confirmed it, and what the trust store remembers.

    In an outage `stale` is the age in seconds, and `serves_until` when `outage_for` is over. `why` and `store_why` say
    why there is nothing from either, where the verdict does not say it.
    """

    answered: bool
    checked_at: datetime | None
    stale: int | None
    serves_until: datetime | None
    why: str
    store_read: bool
    store_why: str
    remembered_at: datetime | None


@dataclass(frozen=True, slots=True)
class RegistrySide:
    """What the registry has there now, by its own word. `state` is in one word, `told` in a sentence.

    `state`: `same`, `drifted`, `signed-missing`, `absent`, `present` or `unknown`.
    """

    state: str
    digest: str
    told: str


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do next: `words` of a command, none where there is no command for it, and what it is for.

    `enough` is how many of the steps that have the same number there will do; 0 where nothing replaces it.
    """

    words: tuple[str, ...]
    purpose: str
    enough: int = 0


@dataclass(frozen=True, slots=True)
class Story:
    """All of it. Parts that the decision did not come to are None."""

    reference: str
    name: str
    now: datetime
    conclusion: Conclusion
    applied: Applied
    chain: Chain | None
    votes: Votes | None
    of_digest: OfDigest | None
    freshness: Freshness
    registry: RegistrySide
    steps: tuple[Step, ...] = field(default=())
