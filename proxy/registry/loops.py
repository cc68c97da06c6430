"""Tells when `registry.url` leads back to the proxy that asks, whatever a name service or a load balancer does.

Each process has a mark of its own, which its requests to the registry carry in `Via` (RFC 9110 7.6.3). Whoever gets a
request with its own mark would ask itself again, and so on without end. Between processes and replicas of one proxy a
request may go round without meeting the same one twice in a row, so the marks that it came with go on with whatever
is asked on its behalf.
"""

import re
import secrets
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from functools import cache
from typing import Final

from aiohttp import hdrs
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.errors import RegistryLoop

LOOP: Final = "X-Tagwarden-Loop"
"""Stands in the answer to a request that came back, so that whoever sent it knows more than that it failed."""

LEADS_BACK: Final = "registry.url leads back to the proxy itself"
"""Why nothing can be asked then."""

_MARK: Final = re.compile(r"\btagwarden-[0-9a-f]{16}\b")
_PASSED: Final = ContextVar[tuple[str, ...]]("passed", default=())


def marks(headers: CIMultiDictProxy[str]) -> tuple[str, ...]:
    """The marks that a request comes with, in the order in which it passed whoever made them."""
    return tuple(_MARK.findall(",".join(headers.getall(hdrs.VIA, ()))))


def is_back(came_with: Collection[str]) -> bool:
    """Whether a request that comes with these marks was sent by this very process, or on its behalf."""
    return _here() in came_with


def carry(came_with: tuple[str, ...]) -> None:
    """Have all that this task asks from now on, and what it begins, go on with these marks."""
    _PASSED.set(came_with)


def passed() -> tuple[str, ...]:
    """The marks that came with the request on whose behalf this runs; none where nobody asked."""
    return _PASSED.get()


def marked(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers of a request to the registry, with all marks and no other `Via`."""
    sent = CIMultiDict(headers)
    sent[hdrs.VIA] = ", ".join(f"1.1 {mark}" for mark in (*passed(), _here()))
    return sent


def check_answer(headers: Mapping[str, str]) -> None:
    """See that an answer is the registry's. Raises `RegistryLoop` where a proxy of this kind met its own mark."""
    if LOOP in headers:
        raise RegistryLoop(LEADS_BACK)


@cache
def _here() -> str:
    """The mark of this process, made when it is first used: what is forked after its imports has its own."""
    return f"tagwarden-{secrets.token_hex(8)}"
