"""Whether a proxy runs on this machine by the configuration at hand: its probes answer."""

from typing import Final

from yarl import URL

from proxy.clock import Clock
from proxy.config.settings import Address
from proxy.doctor.reaching import Unreached
from proxy.doctor.server import NoAnswer, talk
from proxy.limits import DOCTOR_ANSWER_SECONDS

_BANNER: Final = "tagwarden"  # of `Server`
_HERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (asked by another name, not listened on)


async def runs(probes: Address, clock: Clock) -> bool:
    """Whether a Tagwarden answers there; one on a port that the system chose cannot be found."""
    if not probes.port:
        return False
    url = URL(f"http://{Address(_HERE.get(probes.host, probes.host), probes.port)}")
    try:
        async with talk(url, None, seconds=DOCTOR_ANSWER_SECONDS, clock=clock) as server:
            return (await server.ask("/healthz")).headers.get("Server") == _BANNER
    except (NoAnswer, Unreached):
        return False
