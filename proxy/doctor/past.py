"""Whether the registry can be reached past the proxy: whoever can, pulls what is not signed.

A registry on loopback is tried under the other addresses of this machine. Of any other it cannot be told from here
who reaches it: that is for the clients' machines to try, with `tagwarden doctor --past URL`.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from yarl import URL

from proxy.clock import Clock
from proxy.doctor.addresses import own_addresses
from proxy.doctor.findings import Hop, Level, Name
from proxy.doctor.reaching import Step, Unreached, believing_everybody, reach, resolve
from proxy.doctor.server import API_VERSION, ODD_PATH, NoAnswer, is_tagwarden, talk
from proxy.errors import UserError
from proxy.limits import DOCTOR_ANSWER_SECONDS

_NAME = Name.REGISTRY_PAST_PROXY
_REMEDY = "let the registry listen on loopback alone, or let nobody but the proxy connect to it (firewall)"


@dataclass(frozen=True, slots=True)
class _Seen:
    """Who was met at an address, and how bad that is."""

    level: Level
    sentence: str
    remedy: str = ""


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
    seen = await asyncio.gather(*(_look(registry.with_host(each), clock) for each in others))
    open_ones = [each for each in seen if each.level is Level.FAILED]
    for each in open_ones:
        hop.note(_NAME, each.level, each.sentence, each.remedy)
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
    for each in await asyncio.gather(*(_look(url, clock) for url in known)):
        hop.note(_NAME, each.level, each.sentence, each.remedy)


async def _look(url: URL, clock: Clock) -> _Seen:
    """See who answers there: nobody, a Tagwarden or one who says so, somebody who wants to know us, or anybody else."""
    anybody = believing_everybody()
    try:
        await reach(url, anybody)
        async with talk(url, anybody, seconds=DOCTOR_ANSWER_SECONDS, clock=clock) as server:
            answer = await server.ask(ODD_PATH)
    except Unreached as end:
        return _unreached(url, end)
    except NoAnswer:
        return _open("something", url)
    if is_tagwarden(answer):
        sentence = f"a Tagwarden answers on {url}, and whether it enforces cannot be seen from here"
        remedy = f"ask it for an image that nobody signed: tagwarden verify --via {url} --expect refused REF"
        return _Seen(Level.WARNING, sentence, remedy)
    who = "a registry" if API_VERSION in answer.headers else "something"
    if answer.status == 401:
        sentence = f"{who} answers on {url} and asks for a login: everybody who has one goes past the proxy"
        return _Seen(Level.FAILED, sentence, _REMEDY)
    return _open(who, url)


def _open(who: str, url: URL) -> _Seen:
    return _Seen(Level.FAILED, f"{who} answers on {url}: everybody who reaches it goes past the proxy", _REMEDY)


def _unreached(url: URL, end: Unreached) -> _Seen:
    """Nobody comes in there; where nobody is there either, the address may only be mistyped."""
    match end.step:
        case Step.DNS | Step.CONNECT if end.why.endswith("connection refused"):
            return _Seen(Level.OK, f"nothing listens on {url} (is the address right?)")
        case Step.DNS | Step.CONNECT:
            return _Seen(Level.OK, f"{url} cannot be reached from here, {end.why} (is the address right?)")
        case Step.CLIENT_CERTIFICATE:
            return _Seen(Level.OK, f"{url} lets nobody in from this machine: it wants a client certificate")
        case _:
            return _open("something", url)


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
