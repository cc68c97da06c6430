"""Whether the registry can be reached past the proxy: whoever can, pulls what is not signed.

A registry on loopback is tried under the other addresses of this machine. Of any other it cannot be told from here
who reaches it: that is for the clients' machines to try, with `tagwarden doctor --past URL`.
"""

import asyncio
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from yarl import URL

from proxy.clock import Clock
from proxy.doctor.addresses import own_addresses
from proxy.doctor.findings import Hop, Name
from proxy.doctor.reaching import Step, Unreached, believing_everybody, reach, resolve
from proxy.doctor.server import API_VERSION, ODD_PATH, NoAnswer, is_tagwarden, talk
from proxy.errors import UserError
from proxy.limits import DOCTOR_ANSWER_SECONDS

_NAME = Name.REGISTRY_PAST_PROXY
_REMEDY = "let the registry listen on loopback alone, or let nobody but the proxy connect to it (firewall)"


async def examine(hop: Hop, registry: URL, clock: Clock, addresses: Sequence[str] | None = None) -> None:
    """Try the registry under this machine's other addresses; `addresses` instead of those that the kernel lists."""
    if not _is_loopback(registry.host or ""):
        sentence = f"whether clients reach {registry} past the proxy cannot be told from here"
        hop.warn(_NAME, sentence, f"run on a client's machine: tagwarden doctor --past {registry}")
        return
    others = own_addresses() if addresses is None else tuple(addresses)
    if not others:
        hop.ok(_NAME, "the registry is on loopback, and this machine has no other address")
        return
    open_ones = await _open(hop, [registry.with_host(each) for each in others], clock)
    if not open_ones:
        hop.ok(_NAME, f"the registry is on loopback alone, and not on {', '.join(others)}")


async def try_all(hop: Hop, urls: Iterable[str], clock: Clock) -> None:
    """Try what must not be reachable from this machine. Raises `UserError` for what is no address."""
    known = []
    for url in dict.fromkeys(map(_address, urls)):
        try:
            await resolve(url.host or "", url.port or 0)
        except Unreached as end:
            hop.warn(_NAME, f"{url} cannot be tried: {end.why}", "try the registry's address (the number) as well")
        else:
            known.append(url)
    open_ones = await _open(hop, known, clock)
    for url in known:
        if url not in open_ones:
            hop.ok(_NAME, f"{url} lets nobody in from this machine")


async def _open(hop: Hop, urls: Sequence[URL], clock: Clock) -> set[URL]:
    """Those that let us in; each is noted."""
    seen = await asyncio.gather(*(_who(url, clock) for url in urls))
    found = {url: who for url, who in zip(urls, seen, strict=True) if who}
    for url, who in found.items():
        hop.fail(_NAME, f"{who} answers on {url}: everybody who reaches it goes past the proxy", _REMEDY)
    return set(found)


async def _who(url: URL, clock: Clock) -> str:
    """What answers there; empty for nobody, for a Tagwarden, and for who wants a certificate that we do not have."""
    anybody = believing_everybody()
    try:
        await reach(url, anybody)
        async with talk(url, anybody, seconds=DOCTOR_ANSWER_SECONDS, clock=clock) as server:
            answer = await server.ask(ODD_PATH)
    except Unreached as end:
        return "" if end.step in (Step.DNS, Step.CONNECT, Step.CLIENT_CERTIFICATE) else "something"
    except NoAnswer:
        return "something"
    if is_tagwarden(answer):
        return ""
    return "a registry" if API_VERSION in answer.headers else "something"


def _address(text: str) -> URL:
    try:
        url = URL(text if "://" in text else f"http://{text}")
        usable = url.scheme in ("http", "https") and bool(url.host)
    except ValueError:
        usable = False
        url = URL()
    if not usable:
        raise UserError(f"--past: {text[:80]} is no address of a registry: write it as http://registry:5000")
    return url.origin()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
