"""The chain of roles: as it was verified, or as it is remembered where nothing could be verified now."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from proxy.errors import Expired, MetadataCorrupt, TrustError
from proxy.explanation import roots
from proxy.explanation.known import Known
from proxy.explanation.story import Anchor, Chain, Key, Link
from proxy.explanation.words import defect
from proxy.names import RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, RoleName, Tag
from proxy.policy.entries import Entry
from proxy.policy.signers import Released
from proxy.policy.tally import Tally
from proxy.policy.verdicts import Verdict
from proxy.tuf.collection import Collection, Role, TopRole, Unpublished, Unusable
from proxy.tuf.keys import PublicKey
from proxy.tuf.metadata import RoleKeys, Root, open_envelope, read_snapshot, read_targets, read_timestamp
from proxy.tuf.metadata import version_in as stated_version
from proxy.tuf.pins import root_keys
from proxy.tuf.signatures import signers_of

_TOPS = (ROOT, TIMESTAMP, SNAPSHOT)


def follow(known: Known, tally: Tally | None) -> Chain | None:
    """The chain that the decision rests on, or would; None without an entry that says where it is."""
    entry, gun = known.entry, known.gun
    if entry is None or gun is None:
        return None
    collection = known.evidence.collection if known.evidence else None
    if collection:
        links, root = _verified(known, entry, collection, tally), collection.files.get(ROOT)
    else:
        links, root = _remembered(known), known.served_root
    read = roots.read(root) if root else None
    shown: tuple[Anchor, ...] = ()
    if read:
        shown = roots.anchors(read.roles[ROOT].keys, gun, entry.pins, known.now)
        if collection is None and known.remembered:
            shown = roots.after_first_use(shown, roots.read(known.remembered.stored.files.get(ROOT, b"")))
    return Chain(
        gun=gun,
        notary=entry.notary,
        believed=collection is not None,
        links=links,
        anchors=shown,
        pins=roots.pinned(entry.pins),
        tofu=entry.pins.is_tofu,
        carried=entry.is_carried,
    )


def _verified(known: Known, entry: Entry, collection: Collection, tally: Tally | None) -> tuple[Link, ...]:
    read = roots.read(collection.files[ROOT]) if ROOT in collection.files else None
    floors = {} if known.remembered is None else known.remembered.stored.files
    tops = (collection.root, collection.timestamp, collection.snapshot)
    rests, asked = _rested_on(tally), _asked(known, entry)
    links = [_top(known, entry, collection, top, read, floors) for top in tops]
    below = [TARGETS, *sorted(set(collection.roles) - {TARGETS})]
    links += [_role(known, collection.roles[each], floors, rests=each in rests, asked=each in asked) for each in below]
    return tuple(links)


def _top(
    known: Known,
    entry: Entry,
    collection: Collection,
    top: TopRole,
    root: Root | None,
    floors: Mapping[RoleName, bytes],
) -> Link:
    listed = root.roles[top.name] if root else None
    forgiven = _forgiven(known, entry, collection, top)
    counts = top.expires >= known.now or bool(forgiven)
    signed = _signers(known, entry, collection, top.name, listed) if listed else frozenset()
    return Link(
        name=top.name,
        state="usable" if counts else "unusable",
        version=top.version,
        expires=top.expires,
        threshold=listed.threshold if listed else None,
        keys=_keys(known, listed.keys.values(), signed) if listed else (),
        why="" if counts else defect(Expired(top.name, top.expires)),
        forgiven=forgiven,
        floor=_floor(top.name, floors),
        rests=True,
        asked=True,
    )


def _forgiven(known: Known, entry: Entry, collection: Collection, top: TopRole) -> str:
    """Why a top role that has expired counts all the same; empty where it has not, or does not count."""
    if top.expires >= known.now or top.name == ROOT:
        return ""
    if top.name == TIMESTAMP and not collection.counts_timestamp:
        return "outage"
    return "expiry-grace" if known.now - top.expires <= entry.expiry_grace else ""


def _role(
    known: Known,
    role: Role | Unusable | Unpublished,
    floors: Mapping[RoleName, bytes],
    *,
    rests: bool,
    asked: bool,
) -> Link:
    version, expires, signed, state, why = None, None, frozenset[str](), "unpublished", ""
    match role:
        case Unusable(error=error):
            state, why = "unusable", defect(error)
        case Role():
            version, expires, signed, state = role.version, role.expires, role.signed_by, "usable"
            if role.expires < known.now:
                state, why = "unusable", defect(Expired(role.name, role.expires))
    return Link(
        name=role.name,
        state=state,
        version=version,
        expires=expires,
        threshold=role.threshold,
        keys=_keys(known, role.keys.values(), signed),
        paths=role.paths if role.name != TARGETS else (),
        why=why,
        floor=_floor(role.name, floors),
        rests=rests,
        asked=asked,
    )


def _signers(known: Known, entry: Entry, collection: Collection, name: RoleName, listed: RoleKeys) -> frozenset[str]:
    """Who validly signed a top role, by public key id; it was verified already, this only tells by whom."""
    keys = listed.keys
    if name == ROOT:
        keys = root_keys(listed.keys, collection.gun, entry.pins, known.now)
    try:
        envelope = open_envelope(name, collection.files[name])
        return signers_of(name, envelope, keys, listed.threshold, known.policy.blocked.keys)
    except (TrustError, KeyError):
        return frozenset()


def _keys(known: Known, keys: Iterable[PublicKey], signed: frozenset[str]) -> tuple[Key, ...]:
    blocked = known.policy.blocked.keys
    return tuple(
        Key(key.key_id, key.public_key_id, key.public_key_id in signed, blocked.get(key.public_key_id, ""))
        for key in sorted(keys, key=lambda key: (key.public_key_id, key.key_id))
    )


def _rested_on(tally: Tally | None) -> frozenset[RoleName]:
    """The roles below the top on which a verdict about a tag rests."""
    if tally is None or not isinstance(tally.outcome, Verdict):
        return frozenset({TARGETS})
    verdict = tally.outcome
    names = {vote.signer.role for vote in verdict.votes} or {verdict.release.role}
    if verdict.release.is_binding:
        names.add(verdict.release.role)
    for name in tuple(names):
        above = name
        while above != TARGETS:
            above = above.parent
            names.add(above)
    return frozenset(names)


def _asked(known: Known, entry: Entry) -> frozenset[RoleName]:
    """The roles that the rule of the tag asks for."""
    target = known.reference.target
    if not isinstance(target, Tag):
        return frozenset({TARGETS})
    signed_by = entry.rule_for(target)[1]
    named = () if isinstance(signed_by, Released) else (signer.role for signer in signed_by.signers)
    released = (RELEASES,) if entry.released_required or isinstance(signed_by, Released) else ()
    return frozenset({TARGETS, *released, *named})


def _floor(name: RoleName, floors: Mapping[RoleName, bytes]) -> int | None:
    try:
        return stated_version(name, floors[name]) if name in floors else None
    except MetadataCorrupt:
        return None


def _remembered(known: Known) -> tuple[Link, ...]:
    """What the trust store remembers, where nothing newer could be verified."""
    if known.remembered is None:
        return ()
    files = known.remembered.stored.files
    names = [name for name in (*_TOPS, TARGETS) if name in files]
    names += sorted(set(files) - set(names))
    return tuple(
        Link(name=name, state="remembered", version=version, expires=expires, floor=version)
        for name in names
        for version, expires in [_glance(name, files[name])]
    )


def _glance(name: RoleName, data: bytes) -> tuple[int | None, datetime | None]:
    """Version and expiry that a remembered file states."""
    try:
        signed = open_envelope(name, data).signed
        if name == ROOT:
            read = roots.read(data)
            return (read.version, read.expires) if read else (None, None)
        if name == TIMESTAMP:
            timestamp = read_timestamp(signed)
            return timestamp.version, timestamp.expires
        if name == SNAPSHOT:
            snapshot = read_snapshot(signed)
            return snapshot.version, snapshot.expires
        targets = read_targets(name, signed)
    except MetadataCorrupt:
        return None, None
    return targets.version, targets.expires
