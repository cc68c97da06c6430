"""What is admitted, and why something is not (design: Deciding). Pure; the only maker of `Allowed` by signatures.

What a tag has by its rule is said in `verdicts`, what it had before in `superseded`. `past` is what roles
said before this collection, `blocked` what nobody may pull; without them nothing is remembered or blocked.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from proxy.errors import DigestNotSigned, Refusal, TrustError
from proxy.names import RELEASES, TARGETS, Digest, Tag
from proxy.policy.crowds import claiming
from proxy.policy.decisions import Allowed, RoleEvidence, allow
from proxy.policy.entries import NOTHING_BLOCKED, Blocklist, Entry
from proxy.policy.past import NO_PAST, Past
from proxy.policy.polls import gravest
from proxy.policy.signers import Released
from proxy.policy.superseded import Tags
from proxy.policy.verdicts import Verdict
from proxy.tuf.collection import Collection, Unusable

_Defects: TypeAlias = dict[type[TrustError], TrustError]
"""The first defect of each kind: how grave one is depends on its kind alone."""


def resolve_tag(
    entry: Entry,
    tag: Tag,
    collection: Collection,
    now: datetime,
    *,
    past: Past = NO_PAST,
    blocked: Blocklist = NOTHING_BLOCKED,
) -> Allowed:
    """The digest that a tag has now. Raises a `Refusal` that says what stops it.

    While its signers sign another digest one after the other, that is the last one that had enough votes.
    """
    verdict = Tags(entry, collection, now, past, blocked).current(tag)
    return _allow(entry, verdict, blocked)


def admit_digest(
    entry: Entry,
    digest: Digest,
    collection: Collection,
    now: datetime,
    *,
    past: Past = NO_PAST,
    blocked: Blocklist = NOTHING_BLOCKED,
) -> Allowed | None:
    """Admit a digest that a tag has now, or had before and for long enough, or None.

    Raises `Blocked`, and a `TrustError` where a role names the digest and a defect alone stops it from counting.
    """
    blocked.check(digest)
    tags = Tags(entry, collection, now, past, blocked)
    naming, named = collection.naming(digest), past.naming(digest)
    living: list[Verdict] = []
    defects: _Defects = {}
    for tag in sorted(naming | named):
        try:
            verdict = tags.current(tag)
        except Refusal as refusal:
            if tag in naming:
                _note(refusal, defects)
            continue
        if verdict.target.digest == digest:
            return _allow(entry, verdict, blocked)
        living.append(verdict)
    for verdict in _superseded(tags, living):
        if verdict.target.digest == digest:
            return _allow(entry, verdict, blocked)
    if defects:
        raise gravest(defects.values())
    return None


def admitted(
    entry: Entry,
    collection: Collection,
    now: datetime,
    *,
    past: Past = NO_PAST,
    blocked: Blocklist = NOTHING_BLOCKED,
) -> tuple[Allowed, ...]:
    """Every digest that some tag has now or had before and for long enough, once each, without blocked ones.

    What an index among them names is admitted too. Raises a `TrustError` where defects alone leave nothing
    admitted.
    """
    return survey(entry, collection, now, past=past, blocked=blocked)[0]


def signed_tags(
    entry: Entry,
    collection: Collection,
    now: datetime,
    *,
    past: Past = NO_PAST,
    blocked: Blocklist = NOTHING_BLOCKED,
) -> frozenset[Tag]:
    """The tags that have a digest now, without those whose digest is blocked."""
    found, _ = _current(Tags(entry, collection, now, past, blocked), collection.in_order())
    return _named(found, blocked)


def survey(
    entry: Entry,
    collection: Collection,
    now: datetime,
    *,
    past: Past = NO_PAST,
    blocked: Blocklist = NOTHING_BLOCKED,
) -> tuple[tuple[Allowed, ...], frozenset[Tag]]:
    """What `admitted` and `signed_tags` say, in one go. Raises as `admitted` does."""
    tags = Tags(entry, collection, now, past, blocked)
    found, defects = _current(tags, collection.in_order())
    if defects and not found:
        raise gravest(defects.values())
    verdicts = {verdict.target.digest: verdict for verdict in reversed(found + _superseded(tags, found))}
    allowed = (_allow(entry, each, blocked) for digest, each in verdicts.items() if digest not in blocked.digests)
    return tuple(allowed), _named(found, blocked)


def why_not_admitted(
    entry: Entry,
    digest: Digest,
    collection: Collection,
    now: datetime,
    *,
    past: Past = NO_PAST,
    blocked: Blocklist = NOTHING_BLOCKED,
) -> Refusal:
    """Why a digest that nothing admits is refused; for one that was looked for among all children in vain.

    1. It is blocked.
    2. A role that cannot be used now names it, or did so a short time ago.
    3. A tag had it, and that ended.
    4. Nothing signed it.
    """
    if refusal := blocked.refusal(digest):  # (1)
        return refusal
    tags = Tags(entry, collection, now, past, blocked)
    _, defects = _current(tags, sorted(_in_doubt(digest, tags)))
    if defects:  # (2)
        return gravest(defects.values())
    ends = [(end, tag) for tag in past.naming(digest) if (end := tags.ended(tag, digest))]
    if ends:  # (3)
        ended, tag = max(ends)
        return DigestNotSigned(digest, tag, ended)
    return DigestNotSigned(digest)  # (4)


def evidence(entry: Entry, tag: Tag | None, collection: Collection) -> Mapping[str, RoleEvidence]:
    """Versions and expiries of the roles that a decision on a tag may rest on; of all roles without a tag."""
    roles = {
        str(top.name): RoleEvidence(top.version, top.expires)
        for top in (collection.root, collection.timestamp, collection.snapshot)
    }
    wanted = {TARGETS, RELEASES}
    if tag is not None:
        signed_by = entry.rule_for(tag)[1]
        wanted |= set() if isinstance(signed_by, Released) else {signer.role for signer in signed_by.signers}
    for role in collection.usable():
        if tag is None or role.name in wanted:
            roles[str(role.name)] = RoleEvidence(role.version, role.expires)
    return roles


def _allow(entry: Entry, verdict: Verdict, blocked: Blocklist) -> Allowed:
    target = verdict.target
    return allow(target.digest, target.length, verdict.signers, entry, verdict.rule, verdict.valid_until, blocked)


def _in_doubt(digest: Digest, tags: Tags) -> frozenset[Tag]:
    """The tags that might have this digest if a role were usable: by its own file, or by what it said lately."""
    names = {role.name for role in tags.collection.roles.values() if isinstance(role, Unusable)}
    lately = {
        tag
        for tag in tags.past.naming(digest)
        for record in tags.past.of(tag)
        for statement in record.said
        if statement.role in names
        and statement.target.digest == digest
        and tags.now < record.ended + tags.entry.superseded_for
    }
    return tags.collection.naming(digest).union(claiming(digest, tags.collection), lately)


def _current(tags: Tags, wanted: Iterable[Tag]) -> tuple[list[Verdict], _Defects]:
    """What tags have now, and the defects that keep others from having anything."""
    found: list[Verdict] = []
    defects: _Defects = {}
    for tag in wanted:
        try:
            found.append(tags.current(tag))
        except Refusal as refusal:
            _note(refusal, defects)
    return found, defects


def _note(refusal: Refusal, defects: _Defects) -> None:
    """Keep a refusal if it is the first defect of its kind, without what it came through; there may be many."""
    if isinstance(refusal, TrustError):
        defects.setdefault(type(refusal), refusal.with_traceback(None))


def _named(found: Iterable[Verdict], blocked: Blocklist) -> frozenset[Tag]:
    return frozenset(verdict.tag for verdict in found if verdict.target.digest not in blocked.digests)


def _superseded(tags: Tags, current: Iterable[Verdict]) -> list[Verdict]:
    """What their tags had before, that which is served for longest first."""
    found = [earlier for verdict in current for earlier in tags.superseded(verdict)]
    return sorted(found, key=lambda verdict: verdict.valid_until, reverse=True)
