"""The trust data of some repositories, read as if for the first time, beside what the configuration wants of it."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from proxy import census
from proxy.clock import Clock
from proxy.config.settings import Settings
from proxy.doctor.findings import Hop, Level, Name, listed
from proxy.doctor.memory import by_address, contradiction, recall
from proxy.drive import drive, drive_in_turn
from proxy.errors import Refusal, RootNotTrusted, TrustError, TrustStoreUnavailable
from proxy.limits import CENSUS_AT_ONCE, ROOT_BYTES
from proxy.names import ROOT, Gun, Repository
from proxy.policy.entries import Entry, Mode, Policy
from proxy.renewal import Fetcher
from proxy.store.protocol import Remembered, TrustReader
from proxy.tuf.collection import Collection
from proxy.tuf.keys import PublicKey
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply
from proxy.tuf.metadata import open_envelope, read_root
from proxy.tuf.pins import root_keys
from proxy.tuf.update import update

PIN: Final = "PIN"
SHOW: Final = "SHOW"
_COMMANDS: Final = {PIN: ("tagwarden", "pin"), SHOW: ("tagwarden", "trust", "show")}


@dataclass(frozen=True, slots=True)
class Look:
    """One repository, the entry and GUN that apply to it, and what its Notary serves for it, or why nothing.

    `root_keys` are the keys of the root that is served, also where that root is not trusted. `graver` is how bad it
    is if pulls are refused. `untrusted` is why the proxy would not trust it under its own pins with nothing remembered,
    `contradiction` why it does not take it in the place of what it has `remembered`.
    """

    repository: Repository
    entry: Entry
    gun: Gun
    graver: Level
    collection: Collection | None
    refusal: Refusal | None
    root_keys: Mapping[str, PublicKey]
    untrusted: Refusal | None
    remembered: Remembered | None
    contradiction: Refusal | None


@dataclass(slots=True)
class Grouped:
    """Findings about repositories: one line for all with the same trouble."""

    _found: dict[tuple[Name, Level, str, str, str], list[tuple[Repository, str]]] = field(default_factory=dict)

    def note(
        self,
        repository: Repository,
        name: Name,
        level: Level,
        what: str,
        remedy: str = "",
        *,
        detail: str = "",
        so: str = "",
    ) -> None:
        """Note something about a repository; a remedy that ends in `PIN` or `SHOW` ends in that command for the first.

        `detail` is said where it is the same for all of the group, and `so` is what comes of it.
        """
        self._found.setdefault((name, level, what, remedy, so), []).append((repository, detail))

    def into(self, hop: Hop) -> None:
        """Hand all of it to a hop."""
        for (name, level, what, remedy, so), noted in self._found.items():
            repositories, details = [each for each, _ in noted], {detail for _, detail in noted}
            [detail] = details if len(details) == 1 else [""]
            facts = f"{what} ({detail})" if detail else what
            rest, _, last = remedy.rpartition(" ")
            command = (*_COMMANDS[last], str(min(repositories))) if last in _COMMANDS else ()
            advice = f"{rest} {' '.join(command)}" if command else remedy
            sentence = f"{listed(repositories)}: {facts}{f', {so}' if so else ''}"
            hop.note(name, level, sentence, advice, command)


async def look(
    repositories: Sequence[Repository],
    settings: Settings,
    notaries: Mapping[str, Fetcher],
    clock: Clock,
    reader: TrustReader | None = None,
) -> tuple[list[Look], list[Repository]]:
    """Look at repositories whose Notary is among `notaries`; also those for which there is no entry.

    `reader` is the trust store, where it can be read.
    """
    policy, found, without = settings.policy, [], []
    asked = []
    for repository in repositories:
        try:
            entry = policy.entry_for(repository)
        except Refusal:
            without.append(repository)
            continue
        if entry.notary in notaries and policy.mode_for(repository, clock.now()) is not Mode.DISABLED:
            asked.append(repository)
    async for seen in census.take(asked, policy, notaries, clock):
        if seen.gun is None:
            without.append(seen.repository)
        else:
            found.append((seen, seen.gun))
    gate = asyncio.Semaphore(CENSUS_AT_ONCE)

    async def one(seen: census.Seen, gun: Gun) -> Look:
        async with gate:
            return await _look(seen, gun, policy, notaries[seen.notary], clock, reader)

    looks = await asyncio.gather(*(one(*each) for each in found))
    return sorted(looks, key=lambda each: each.repository), without


async def _look(
    seen: census.Seen, gun: Gun, policy: Policy, fetch: Fetcher, clock: Clock, reader: TrustReader | None
) -> Look:
    """A root that nobody trusts unseen may still be one that the entry's own pins allow: a wildcard name (S3)."""
    entry = policy.entry_for(seen.repository)
    enforced = policy.mode_for(seen.repository, clock.now()) in (Mode.ENFORCE, Mode.PROTECT)
    collection, refusal = seen.collection, seen.refusal
    keys: Mapping[str, PublicKey] = collection.root_keys if collection else {}
    if isinstance(refusal, RootNotTrusted):
        keys = await _served_root_keys(gun, fetch)
        if root_keys(keys, gun, entry.pins, clock.now()):
            try:
                workflow = update(gun, entry.pins, None, clock.now(), grace=entry.expiry_grace)
                collection, refusal = await drive(workflow, partial(fetch, gun)), None
            except Refusal as other:
                refusal = other
    untrusted = _under_its_pins(entry, collection, policy, clock) if collection else refusal
    remembered = other_than = None
    try:
        remembered = await recall(reader, entry.notary, gun)
        if remembered and collection and untrusted is None:
            known = remembered, entry, collection, policy.blocked.keys, clock.now()
            other_than = await contradiction(*known, partial(fetch, gun))
    except TrustStoreUnavailable as unavailable:
        other_than = unavailable
    level = Level.FAILED if enforced else Level.WARNING
    return Look(seen.repository, entry, gun, level, collection, refusal, keys, untrusted, remembered, other_than)


def _under_its_pins(entry: Entry, collection: Collection, policy: Policy, clock: Clock) -> Refusal | None:
    """Why the proxy would not trust it under its own pins. Only what was fetched already is looked at again."""
    files = by_address(collection)
    workflow = update(collection.gun, entry.pins, None, clock.now(), policy.blocked.keys, entry.expiry_grace)
    try:
        drive_in_turn(workflow, lambda wish: Fetched(files[wish.name]) if wish.name in files else Missing())
    except Refusal as refusal:
        return refusal
    return None


async def _served_root_keys(gun: Gun, fetch: Fetcher) -> Mapping[str, PublicKey]:
    """The keys of the root role that Notary serves, believed by nobody; empty where it cannot be read."""
    reply: Reply = await fetch(gun, Fetch(ROOT, ROOT_BYTES))
    if not isinstance(reply, Fetched):
        return {}
    try:
        return read_root(open_envelope(ROOT, reply.data).signed).roles[ROOT].keys
    except TrustError:
        return {}


def named_in(policy: Policy) -> Iterable[Repository]:
    """The repositories that entries name in full: where the catalogue cannot be read, they are known all the same."""
    for entry in policy.entries:
        if "*" not in entry.pattern:
            yield Repository(str(entry.pattern))
