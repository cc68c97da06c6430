"""The root keys of many repositories, by key: what may be pinned, once whoever holds a key has confirmed it."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from cryptography.hazmat.primitives import hashes

from proxy import census
from proxy.census import Seen
from proxy.clock import Clock
from proxy.drive import drive
from proxy.errors import Refusal, RootNotTrusted
from proxy.inspection.naming import Names
from proxy.inspection.words import some
from proxy.limits import ROOT_BYTES
from proxy.names import ROOT, Gun, Repository
from proxy.policy.entries import Policy
from proxy.renewal import Fetcher
from proxy.tuf.collection import Collection as TrustData
from proxy.tuf.keys import PublicKey
from proxy.tuf.messages import Fetch, Fetched
from proxy.tuf.metadata import open_envelope, read_root
from proxy.tuf.pins import Bundle, Pins, RootPin, common_name, root_keys, unbundle
from proxy.tuf.update import update

_NAME_LENGTH: Final = 100  # of a certificate's name in a sentence


@dataclass(frozen=True, slots=True)
class Use:
    """A root key in the root of one repository.

    `key_id` is that of its certificate, which is another for each GUN; `fingerprint` is the certificate's SHA-256
    as openssl prints it; `made_out_to` its common name: text from Notary. `named` says whether the repository's
    entry already names a root that pins the key.
    """

    repository: Repository
    gun: Gun
    notary: str
    key_id: str
    fingerprint: str
    made_out_to: str
    valid_until: datetime
    named: bool


@dataclass(frozen=True, slots=True)
class RootKey:
    """A key that signs roots, by the id that is the same for every GUN.

    `pinned_as` are the roots of the configuration that pin it; where there are none, `name` is one that is free.
    It is not `fit` to be pinned if it is blocked, or if all its certificates have run out. `warnings` are sentences
    about it for people, in plain ASCII.
    """

    public_key_id: str
    name: str
    pinned_as: tuple[str, ...]
    fit: bool
    uses: tuple[Use, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Roots:
    """All root keys that were found, those in most repositories first, and where none could be read and why."""

    keys: tuple[RootKey, ...]
    refusals: Mapping[Repository, Refusal]
    warnings: tuple[str, ...]


async def gather(
    repositories: Iterable[Repository],
    policy: Policy,
    taken: Collection[str],
    notaries: Mapping[str, Fetcher],
    clock: Clock,
    step: Callable[[], object],
) -> Roots:
    """Read the root keys of each repository as if for the first time.

    A collection must hold together under its own root; one whose certificates have wildcard names is shown too,
    since only people can say whether they want that (difference S3).

    Args:
        repositories: which.
        policy: where their trust data is, and what is pinned and blocked already.
        taken: names of roots that the configuration has.
        notaries: fetch files of a GUN, by the Notary's name.
        clock: the instant at which certificates hold.
        step: called once for each repository.
    """
    found: dict[str, list[tuple[Use, Bundle]]] = defaultdict(list)
    refusals: dict[Repository, Refusal] = {}
    several: list[Repository] = []
    async with aclosing(census.take(repositories, policy, notaries, clock)) as taking:
        async for seen in taking:
            try:
                data = await _trust_data(seen, notaries, clock)
            except Refusal as refusal:
                refusals[seen.repository] = refusal
            else:
                bundles = [bundle for key in data.root_keys.values() if (bundle := unbundle(key))]
                for bundle in bundles:
                    found[bundle.key.public_key_id].append((_use(seen, data.gun, bundle, policy), bundle))
                if len(bundles) > 1:
                    several.append(seen.repository)
            step()
    by_use = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    free = Names(taken)
    keys = tuple(_root_key(public_key_id, uses, policy, free, clock.now()) for public_key_id, uses in by_use)
    return Roots(keys, dict(sorted(refusals.items())), tuple(_about_several(sorted(several))))


async def _trust_data(seen: Seen, notaries: Mapping[str, Fetcher], clock: Clock) -> TrustData:
    """What was seen or, where only a wildcard name is against it, what is there all the same. Raises a `Refusal`."""
    if seen.collection is not None:
        return seen.collection
    refusal = seen.refusal
    if seen.gun is None or not isinstance(refusal, RootNotTrusted):
        raise refusal or RuntimeError("a census without an answer")
    fetch = partial(notaries[seen.notary], seen.gun)
    reply = await fetch(Fetch(ROOT, ROOT_BYTES))
    if not isinstance(reply, Fetched):
        raise refusal
    try:
        listed = read_root(open_envelope(ROOT, reply.data).signed).roles[ROOT]
        ids = frozenset(key.public_key_id for key in listed.keys.values())
        pins = Pins((RootPin("whoever signed it", ids, allow_wildcard_name=True),))
        return await drive(update(seen.gun, pins, None, clock.now()), fetch)
    except Refusal:
        raise refusal from None


def _use(seen: Seen, gun: Gun, bundle: Bundle, policy: Policy) -> Use:
    pins = policy.entry_for(seen.repository).pins
    return Use(
        repository=seen.repository,
        gun=gun,
        notary=seen.notary,
        key_id=bundle.key.key_id,
        fingerprint=bundle.leaf.fingerprint(hashes.SHA256()).hex(":").upper(),
        made_out_to=common_name(bundle.leaf),
        valid_until=bundle.leaf.not_valid_after_utc,
        named=any(_pins(pin, gun, bundle) for pin in pins.entries),
    )


def _root_key(
    public_key_id: str, found: list[tuple[Use, Bundle]], policy: Policy, free: Names, now: datetime
) -> RootKey:
    found.sort(key=lambda pair: pair[0].repository)
    uses = tuple(use for use, _ in found)
    pins = {pin.name: pin for entry in policy.entries for pin in entry.pins.entries}
    pinned_as = tuple(name for name, pin in pins.items() if any(_pins(pin, use.gun, bundle) for use, bundle in found))
    blocked = policy.blocked.keys.get(public_key_id)
    return RootKey(
        public_key_id=public_key_id,
        name=pinned_as[0] if pinned_as else free.name([use.repository for use in uses]),
        pinned_as=pinned_as,
        fit=blocked is None and any(use.valid_until >= now for use in uses),
        uses=uses,
        warnings=tuple(_warnings(uses, blocked, now)),
    )


def _about_several(repositories: list[Repository]) -> Iterator[str]:
    if repositories:
        have = "has" if len(repositories) == 1 else "have"
        what = f"{some(repositories)} {have} several root keys"
        yield f"{what}: ask who signs there which of them are theirs, and pin those alone"


def _pins(pin: RootPin, gun: Gun, bundle: Bundle) -> bool:
    """Whether a root of the configuration pins this key, be it run out or not."""
    keys: dict[str, PublicKey] = {bundle.key.key_id: bundle.key}
    return bool(root_keys(keys, gun, Pins((pin,)), bundle.leaf.not_valid_before_utc, dated=False))


def _warnings(uses: Collection[Use], blocked: str | None, now: datetime) -> Iterable[str]:
    wild = [use for use in uses if use.made_out_to.endswith("*")]
    if wild:
        made_out_to = ", ".join(sorted({ascii(use.made_out_to[:_NAME_LENGTH]) for use in wild}))
        yield (
            f"its certificate is made out to {made_out_to}, so one repository's trust data could be replayed as "
            "another's: only with allow_wildcard_name: true it counts"
        )
    if past := [use for use in uses if use.valid_until < now]:
        yield f"its certificate has run out, so it counts for nothing, in {some([use.repository for use in past])}"
    if blocked is not None:
        yield f"it is blocked ({blocked!a}), so its signatures count for nothing"
