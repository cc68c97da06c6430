"""The trust data of some repositories, read as if for the first time, beside what the configuration wants of it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from proxy import census
from proxy.clock import Clock
from proxy.config.settings import Settings
from proxy.doctor.findings import Hop, Level, Name, listed
from proxy.drive import drive, drive_in_turn
from proxy.errors import Refusal, RootNotTrusted, TrustError
from proxy.limits import ROOT_BYTES
from proxy.names import ROOT, Gun, Repository
from proxy.policy.entries import Entry, Mode, Policy
from proxy.renewal import Fetcher
from proxy.tuf.collection import Collection
from proxy.tuf.keys import PublicKey
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply
from proxy.tuf.metadata import open_envelope, read_root
from proxy.tuf.pins import root_keys
from proxy.tuf.update import update

PIN: Final = "PIN"


@dataclass(frozen=True, slots=True)
class Look:
    """One repository, the entry and GUN that apply to it, and what its Notary serves for it, or why nothing.

    `root_keys` are the keys of the root that is served, also where that root is not trusted. `graver` is how bad it
    is if pulls are refused.
    """

    repository: Repository
    entry: Entry
    gun: Gun
    graver: Level
    collection: Collection | None
    refusal: Refusal | None
    root_keys: Mapping[str, PublicKey]

    def under_its_pins(self, clock: Clock, policy: Policy) -> Refusal | None:
        """Why the proxy would not trust this collection under its own pins, with nothing remembered; None if it would.

        Only what was fetched already is looked at again.
        """
        if self.collection is None:
            return self.refusal
        files = _by_name(self.collection)
        workflow = update(self.gun, self.entry.pins, None, clock.now(), policy.blocked.keys)
        try:
            drive_in_turn(workflow, lambda wish: Fetched(files[wish.name]) if wish.name in files else Missing())
        except Refusal as refusal:
            return refusal
        return None


@dataclass(slots=True)
class Grouped:
    """Findings about repositories: one line for all with the same trouble."""

    _found: dict[tuple[Name, Level, str, str], list[Repository]] = field(default_factory=dict)

    def note(self, repository: Repository, name: Name, level: Level, what: str, remedy: str = "") -> None:
        """Note something about a repository; a remedy that ends in `PIN` says how to pin the first of the group."""
        self._found.setdefault((name, level, what, remedy), []).append(repository)

    def into(self, hop: Hop) -> None:
        """Hand all of it to a hop."""
        for (name, level, what, remedy), repositories in self._found.items():
            command = ("tagwarden", "pin", str(min(repositories))) if remedy.endswith(PIN) else ()
            remedy = remedy.removesuffix(PIN) + " ".join(command) if command else remedy  # noqa: PLW2901 (completed)
            hop.note(name, level, f"{listed(repositories)}: {what}", remedy, command)


async def look(
    repositories: Sequence[Repository], settings: Settings, notaries: Mapping[str, Fetcher], clock: Clock
) -> tuple[list[Look], list[Repository]]:
    """Look at repositories whose Notary is among `notaries`; also those for which there is no entry."""
    policy, looks, without = settings.policy, [], []
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
            looks.append(await _look(seen, seen.gun, policy, notaries[seen.notary], clock))
    return sorted(looks, key=lambda each: each.repository), without


async def _look(seen: census.Seen, gun: Gun, policy: Policy, fetch: Fetcher, clock: Clock) -> Look:
    """A root that nobody trusts unseen may still be one that the entry's own pins allow: a wildcard name (S3)."""
    entry = policy.entry_for(seen.repository)
    enforced = policy.mode_for(seen.repository, clock.now()) in (Mode.ENFORCE, Mode.PROTECT)
    collection, refusal = seen.collection, seen.refusal
    keys: Mapping[str, PublicKey] = collection.root_keys if collection else {}
    if isinstance(refusal, RootNotTrusted):
        keys = await _served_root_keys(gun, fetch)
        if root_keys(keys, gun, entry.pins, clock.now()):
            try:
                collection = await drive(update(gun, entry.pins, None, clock.now()), partial(fetch, gun))
                refusal = None
            except Refusal as other:
                refusal = other
    level = Level.FAILED if enforced else Level.WARNING
    return Look(seen.repository, entry, gun, level, collection, refusal, keys)


async def _served_root_keys(gun: Gun, fetch: Fetcher) -> Mapping[str, PublicKey]:
    """The keys of the root role that Notary serves, believed by nobody; empty where it cannot be read."""
    reply: Reply = await fetch(gun, Fetch(ROOT, ROOT_BYTES))
    if not isinstance(reply, Fetched):
        return {}
    try:
        return read_root(open_envelope(ROOT, reply.data).signed).roles[ROOT].keys
    except TrustError:
        return {}


def _by_name(collection: Collection) -> dict[str, bytes]:
    files = collection.files.items()
    hashed = {f"{role}.{hashlib.sha256(data).hexdigest()}": data for role, data in files}
    return {str(role): data for role, data in files} | hashed


def named_in(policy: Policy) -> Iterable[Repository]:
    """The repositories that entries name in full: where the catalogue cannot be read, they are known all the same."""
    for entry in policy.entries:
        if "*" not in entry.pattern:
            yield Repository(str(entry.pattern))
