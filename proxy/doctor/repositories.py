"""Which repositories are looked at, and everything that is looked at in them."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Final

from proxy.clock import Clock
from proxy.config.settings import IN_MEMORY, Settings
from proxy.doctor import roots, signers, trust_data
from proxy.doctor.findings import Hop, Name, listed
from proxy.doctor.looking import look, named_in
from proxy.limits import DOCTOR_REPOSITORIES
from proxy.names import Repository
from proxy.notary.sources import open_source
from proxy.policy.entries import Mode, Policy
from proxy.store.protocol import TrustReader

_LAX: Final = (Mode.AUDIT, Mode.DISABLED)


def choose(settings: Settings, named: Sequence[Repository], catalogue: Sequence[Repository]) -> list[Repository]:
    """Those that a person named; else the catalogue's first, and those that entries name in full."""
    chosen = list(named) or [*named_in(settings.policy), *catalogue]
    return list(dict.fromkeys(chosen))[:DOCTOR_REPOSITORIES]


async def examine(
    hop: Hop,
    settings: Settings,
    chosen: Sequence[Repository],
    readable: frozenset[str],
    clock: Clock,
    named: Sequence[Repository] = (),
    *,
    reader: TrustReader | None,
) -> None:
    """Look at the chosen repositories, as far as their Notary is among the `readable` ones; say how far `named` are.

    `reader` is the trust store, where it can be read: what Notary serves is held against what that remembers.
    """
    _tell_modes(hop, settings.policy, chosen, frozenset(named), clock.now())
    if not chosen:
        hop.unknown(Name.REPOSITORIES, "roots, signers and expiries; name repositories: tagwarden doctor REPO...")
        return
    if reader is None and settings.trust_store.url != IN_MEMORY:
        hop.unknown(Name.ROLLBACK, "whether Notary went back, because the trust store cannot be read")
    silent = sorted(set(settings.notaries) - readable)
    if silent:
        hop.unknown(Name.REPOSITORIES, f"roots, signers and expiries, because Notary {listed(silent)} cannot be read")
    if not readable:
        return
    async with AsyncExitStack() as stack:
        sources = {
            name: (await stack.enter_async_context(open_source(settings.notaries[name]))).fetch for name in readable
        }
        looks, without = await look(chosen, settings, sources, clock, reader)
        if without:
            sentence = f"{listed(without)}: no entry of `repositories` matches, so every pull is refused"
            hop.warn(Name.NO_RULE, sentence, "add an entry that says who must sign them")
        await trust_data.examine(hop, looks, settings, sources, clock)
        roots.examine(hop, looks, clock)
        signers.examine(hop, looks)


def _tell_modes(
    hop: Hop, policy: Policy, chosen: Sequence[Repository], named: frozenset[Repository], now: datetime
) -> None:
    """Say under which mode the named repositories are, and that those which are disabled are not looked at."""
    grouped: defaultdict[tuple[Mode, datetime | None], list[Repository]] = defaultdict(list)
    for repository in chosen:
        mode, relaxed = policy.mode_for(repository, now), policy.relaxation_for(repository)
        if repository in named or mode is Mode.DISABLED:
            grouped[mode, relaxed.until if relaxed and mode in _LAX else None].append(repository)
    for (mode, until), repositories in grouped.items():
        held = f"{listed(repositories)}: {mode}{f' until {until:%Y-%m-%d}' if until else ''}"
        if mode is Mode.DISABLED:
            hop.unknown(Name.MODE, f"{held}, so whatever the registry has is served, and Notary is not asked")
        elif mode is Mode.AUDIT:
            sentence = f"{held}, so whatever the registry has is served"
            hop.warn(Name.MODE, sentence, "take it out of rollout to enforce it")
        else:
            hop.ok(Name.MODE, held)
