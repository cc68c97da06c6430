"""Which repositories are looked at, and everything that is looked at in them."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from proxy.clock import Clock
from proxy.config.settings import Settings
from proxy.doctor import roots, signers, trust_data
from proxy.doctor.findings import Hop, Name, listed
from proxy.doctor.looking import look, named_in
from proxy.limits import DOCTOR_REPOSITORIES
from proxy.names import Repository
from proxy.notary.client import NotarySource


def choose(settings: Settings, named: Sequence[Repository], catalogue: Sequence[Repository]) -> list[Repository]:
    """Those that a person named; else the catalogue's first, and those that entries name in full."""
    chosen = list(named) or [*named_in(settings.policy), *catalogue]
    return list(dict.fromkeys(chosen))[:DOCTOR_REPOSITORIES]


async def examine(
    hop: Hop, settings: Settings, chosen: Sequence[Repository], readable: frozenset[str], clock: Clock
) -> None:
    """Look at the chosen repositories, as far as their Notary is among the `readable` ones."""
    if not chosen:
        hop.unknown(Name.REPOSITORIES, "roots, signers and expiries; name repositories: tagwarden doctor REPO...")
        return
    silent = sorted(set(settings.notaries) - readable)
    if silent:
        hop.unknown(Name.REPOSITORIES, f"roots, signers and expiries, because Notary {listed(silent)} cannot be read")
    if not readable:
        return
    async with AsyncExitStack() as stack:
        sources = {
            name: (await stack.enter_async_context(NotarySource(settings.notaries[name]))).fetch for name in readable
        }
        looks, without = await look(chosen, settings, sources, clock)
        if without:
            sentence = f"{listed(without)}: no entry of `repositories` matches, so every pull is refused"
            hop.warn(Name.NO_RULE, sentence, "add an entry that says who must sign them")
        await trust_data.examine(hop, looks, settings, sources, clock)
        roots.examine(hop, looks, settings.policy, clock)
        signers.examine(hop, looks)
