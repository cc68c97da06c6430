"""Asks a running proxy for a manifest, as a client would, to hear what it decides.

The credential goes to the proxy and to the token server that it names, and nowhere else; no redirect is followed.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from proxy.clock import Clock
from proxy.errors import RegistryUnreachable, UserError
from proxy.http_auth.login import Login, TokenRefused, TokenUnavailable
from proxy.limits import (
    HTTP_LINE_BYTES,
    MANIFEST_BYTES,
    REGISTRY_CONNECT_SECONDS,
    REGISTRY_ERROR_BYTES,
    VIA_SECONDS,
    VIA_VERDICT_SECONDS,
)
from proxy.names import Reference
from proxy.registry.failures import translated
from proxy.registry.headers import ALL_MANIFEST_TYPES
from proxy.remote.credentials import Found
from proxy.remote.verdict import Answer, Told, is_refusal, name_in, read

_TIMEOUT: Final = aiohttp.ClientTimeout(total=VIA_SECONDS, connect=REGISTRY_CONNECT_SECONDS)
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 2.0
_FINAL: Final = ("its name", "its answer")  # it has none that is known, or is no HTTP
_NOT_LET_IN: Final = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked about: `reference`, and the registry that its image is of, if not simply the one asked."""

    reference: Reference
    name: str | None = None

    def __str__(self) -> str:
        """As people write it."""
        return str(self.reference) if self.name is None else f"{self.name}/{self.reference}"


@dataclass(frozen=True, slots=True)
class Server:
    """A running proxy: its address, the credential for it, and whom to believe if not the system's authorities."""

    url: URL
    found: Found
    ca_file: Path | None = None


async def ask(server: Server, subject: Subject, clock: Clock) -> Told:
    """Ask what a proxy decides about an image.

    An audit's decision runs beside the answer, so the first one may be without: then it is asked again for a while.

    Raises:
        UserError: the registry behind it does not let this credential in, `ca_file` cannot be used, or the proxy
            answers for another registry than the image is of.
    """
    reference = subject.reference
    host = str(server.url).rstrip("/")
    async with _session(server.ca_file) as session:
        login = Login(server.url, server.found.credentials, session)
        deadline, pause = clock.seconds() + VIA_VERDICT_SECONDS, _FIRST_PAUSE
        try:
            told = _heard(await _answer(session, login, server, subject), subject, host)
            while told.pending and clock.seconds() < deadline:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                told = _heard(await _answer(session, login, server, subject), subject, host)
        except RegistryUnreachable as failure:
            return Told(None, f"{host} cannot be asked about {reference}, {failure.why}: {_remedy(failure)}")
        except TokenUnavailable as failure:
            return Told(None, f"{host} cannot be asked about {reference}, {failure}: ask who runs it, or try again")
        return told


def _remedy(failure: RegistryUnreachable) -> str:
    """What helps: asking again does where the connection came about and broke, or nobody answered in time."""
    if "certificate" in failure.why:
        return "check the address, and name the authority of its certificate with --ca-file"
    if "refused" in failure.why:
        return "check the address, and that the proxy runs"
    if failure.why.startswith(_FINAL):
        return "check the address"
    return "check the address, or try again"


def _heard(answer: Answer, subject: Subject, host: str) -> Told:
    """Read an answer, which counts only if it is about this registry's image. Raises `UserError`.

    The same repository and tag of another registry is another image, in a collection of its own.
    """
    told, name = read(answer, subject.reference, host), name_in(answer)
    if subject.name is None or told.word is None or name == subject.name:
        return told
    if name is None:
        why = f"it does not say for which registry it answers, and {subject} is an image of {subject.name}"
        return Told(None, f"{host} has no verdict about {subject}, {why}: ask who runs it", request_id=told.request_id)
    raise UserError(
        f"{subject} is an image of {subject.name}, and {host} answers for {name}: write {name}/{subject.reference} if "
        f"that is meant, ask the proxy of {subject.name}, or have it listed there in listen.ns_allowed"
    )


async def _answer(session: aiohttp.ClientSession, login: Login, server: Server, subject: Subject) -> Answer:
    """The proxy's answer after at most one challenge. Raises as `ask`, `RegistryUnreachable`, `TokenUnavailable`."""
    reference = subject.reference
    scope = f"repository:{reference.repository}:pull"
    shown = login.shown(scope)
    answer = await _get(session, server, subject, shown)
    if answer.status == 401:
        try:
            other = await login.answer(answer.headers.getall("WWW-Authenticate", ()), scope, shown)
        except TokenRefused as refused:
            raise _not_let_in(server, reference, str(refused)) from None
        if other is not None:
            answer = await _get(session, server, subject, other)
    if answer.status in _NOT_LET_IN and not is_refusal(answer):
        raise _not_let_in(server, reference, f"it answered {answer.status}")
    return answer


async def _get(session: aiohttp.ClientSession, server: Server, subject: Subject, shown: str | None) -> Answer:
    path = f"/v2/{subject.reference.repository}/manifests/{subject.reference.target}"
    if subject.name is not None:  # as a mirror is told for which registry it is asked (clients 1.1)
        path += f"?ns={quote(subject.name, safe='')}"
    headers = {
        "Accept": ALL_MANIFEST_TYPES,
        "Accept-Encoding": "identity",  # the bytes that were signed are hashed
        "Cache-Control": "no-cache",
        **({"Authorization": shown} if shown else {}),
    }
    url = URL(f"{server.url.origin()}{path}", encoded=True)
    with translated():
        async with session.get(url, headers=headers, allow_redirects=False) as response:
            limit = MANIFEST_BYTES if response.status == 200 else REGISTRY_ERROR_BYTES
            body = bytearray()
            while len(body) <= limit and (more := await response.content.readany()):
                body += more
            return Answer(response.status, response.headers, bytes(body) if len(body) <= limit else None)


def _not_let_in(server: Server, reference: Reference, why: str) -> UserError:
    host, places = server.found.host, server.found.places
    if server.found.credentials is None:
        return UserError(
            f"{host} wants a login to read {reference.repository} ({why}), and {places} has none for it: "
            f"run docker login {host}"
        )
    return UserError(
        f"{host} does not let the credential in {places} read {reference.repository} ({why}): "
        f"run docker login {host}, or ask the registry's operator for the right to pull"
    )


@asynccontextmanager
async def _session(ca_file: Path | None) -> AsyncIterator[aiohttp.ClientSession]:
    """No cookies, no proxies and no credentials of the environment, nothing decoded. Raises `UserError`."""
    try:
        tls = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        reason = "no PEM certificates" if isinstance(error, ssl.SSLError) else error.strerror
        raise UserError(f"--ca-file: {ca_file} cannot be used ({reason}): name a file of PEM certificates") from None
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=_TIMEOUT,
        headers={"User-Agent": "tagwarden-verify"},
        max_line_size=HTTP_LINE_BYTES,
        max_field_size=HTTP_LINE_BYTES,
    ) as session:
        yield session
