"""Which digest a tag has, and which digests are admitted (design: Deciding). Pure; the only maker of `Allowed`.

1. `released`: the digest in `targets/releases` if that role is declared, else in `targets` (S4).
2. Otherwise each named signer has at most one vote; each vote stands on a public key of its own.
3. Where `targets/releases` is declared, only votes for what it names count, unless the entry ignores it.
4. Enough votes for one digest decide. Two such digests are a disagreement.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from proxy.errors import Expired, Refusal, TagNotSigned, TrustError
from proxy.names import RELEASES, TARGETS, Digest, RoleName, Tag
from proxy.policy.decisions import Allowed, RoleEvidence, allow
from proxy.policy.entries import Entry
from proxy.policy.polls import Poll, gravest, is_unreleased, names_of
from proxy.policy.release import release_of
from proxy.policy.signers import Released
from proxy.policy.votes import cast
from proxy.tuf.collection import Collection


def resolve_tag(entry: Entry, tag: Tag, collection: Collection, now: datetime) -> Allowed:
    """The digest that a tag has now. Raises a `Refusal` that says what stops it."""
    rule, signed_by = entry.rule_for(tag)
    release = release_of(entry, tag, collection, now)
    if isinstance(signed_by, Released):
        if release.defect:
            raise gravest([release.defect])
        if release.target is None:
            raise TagNotSigned(tag, is_unreleased(tag, collection))
        names = names_of(tag, release.target, collection)
        until = _valid_until([release.role], collection, now)
        return allow(release.target.digest, release.target.length, names, entry, rule, until)
    ballot = cast(signed_by.signers, tag, collection, now)
    votes = Poll(tag, signed_by.signers, ballot, release, collection).decide(signed_by)
    rests_on = [vote.signer.role for vote in votes] + ([release.role] if release.is_binding else [])
    until = min([_valid_until(rests_on, collection, now), *(vote.until for vote in votes if vote.until)])
    names = tuple(vote.signer.name for vote in votes)
    return allow(votes[0].target.digest, votes[0].target.length, names, entry, rule, until)


def admit_digest(entry: Entry, digest: Digest, collection: Collection, now: datetime) -> Allowed | None:
    """Admit a digest that a tag has now, or None.

    Raises a `TrustError` where a role names the digest and a defect alone stops it from counting.
    """
    naming = sorted(
        {tag for role in collection.usable() for tag, target in role.targets.items() if target.digest == digest}
    )
    found, refusals = _resolve_all(entry, naming, collection, now)
    for allowed in found:
        if allowed.digest == digest:
            return allowed
    if defects := _defects(refusals):
        raise gravest(defects)
    return None


def admitted(entry: Entry, collection: Collection, now: datetime) -> tuple[Allowed, ...]:
    """Every digest that some tag has now, once each; what an index among them names is admitted too.

    Raises a `TrustError` where defects alone leave nothing admitted.
    """
    found, refusals = _resolve_all(entry, sorted(collection.tags()), collection, now)
    if not found and (defects := _defects(refusals)):
        raise gravest(defects)
    return tuple({allowed.digest: allowed for allowed in reversed(found)}.values())


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


def _resolve_all(
    entry: Entry, tags: Iterable[Tag], collection: Collection, now: datetime
) -> tuple[list[Allowed], list[Refusal]]:
    found: list[Allowed] = []
    refusals: list[Refusal] = []
    for tag in tags:
        try:
            found.append(resolve_tag(entry, tag, collection, now))
        except Refusal as refusal:
            refusals.append(refusal)
    return found, refusals


def _defects(refusals: Iterable[Refusal]) -> list[TrustError]:
    return [refusal for refusal in refusals if isinstance(refusal, TrustError)]


def _valid_until(rests_on: Iterable[RoleName], collection: Collection, now: datetime) -> datetime:
    """The first expiry of a role that the decision rests on, those above it included.

    A collection is verified when it is fetched and asked for a while longer, so a role may have run out
    since. Raises `Expired`.
    """
    usable = {role.name: role.expires for role in collection.usable()}
    instants = {top.name: top.expires for top in (collection.root, collection.timestamp, collection.snapshot)}
    instants |= {above: usable[above] for name in rests_on for above in _upwards(name)}
    first = min(instants, key=lambda name: instants[name])
    if instants[first] < now:
        raise Expired(first, instants[first])
    return instants[first]


def _upwards(name: RoleName) -> Iterable[RoleName]:
    """A role and those above it, up to `targets`."""
    yield name
    while name != TARGETS:
        name = name.parent
        yield name
