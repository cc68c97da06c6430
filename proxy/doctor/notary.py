"""A Notary: the way to it, whether it is one, what it lets us read, how fast, and by which clock."""

import asyncio
from functools import partial
from typing import Final
from urllib.parse import quote

from proxy.clock import Clock
from proxy.config.settings import NotarySettings
from proxy.doctor.clocks import check_date, in_words
from proxy.doctor.findings import Hop, Name
from proxy.doctor.reaching import Unreached
from proxy.doctor.server import API_VERSION, Answer, NoAnswer, Server, talk
from proxy.doctor.way import Way
from proxy.http_auth.challenges import challenges
from proxy.http_auth.login import CATALOGUE_SCOPE
from proxy.limits import DOCTOR_ANSWER_SECONDS
from proxy.names import TIMESTAMP, Gun
from proxy.notary.changes import NoChangefeed, read
from proxy.tls import client_context

_NO_FEED: Final = "a new signature or a revocation takes up to fresh_for"
_ALMOST: Final = 0.5  # of its time-out


async def examine(hop: Hop, settings: NotarySettings, gun: Gun | None, clock: Clock) -> bool:
    """Check one Notary; whether trust data can be asked for.

    `gun` is a collection that this proxy has to be able to read, if one is known.
    """
    section = f"notaries.{settings.name}"
    url = settings.url
    way = Way(hop, "notary", section, url, settings.client_certificate_file is not None, clock.now())
    own = settings.client_certificate_file, settings.client_key_file
    context = await way.check(partial(client_context, section, settings.ca_file, *own))
    if context is None:
        hop.unknown(Name.NOTARY_API, "what it answers, because it cannot be reached")
        return False
    other = client_context(section, settings.ca_file)
    talking = talk(
        url, context, elsewhere=other, credentials=settings.credentials, seconds=DOCTOR_ANSWER_SECONDS, clock=clock
    )
    async with talking as server:
        try:
            return await _questions(way, server, settings, section, gun)
        except NoAnswer as failure:
            await way.note_silence(failure, context)
        except Unreached as end:
            way.note(end)
    return False


async def _questions(way: Way, server: Server, settings: NotarySettings, section: str, gun: Gun | None) -> bool:
    hop = way.hop
    root, health = await asyncio.gather(server.ask("/v2/"), server.ask("/_notary_server/health"))
    wants_tls = root.status == 400 and server.url.scheme == "http" and await way.is_of_the_other_scheme()
    if wants_tls or not _is_notary(hop, root, health, section):
        hop.unknown(Name.NOTARY_CREDENTIALS, "clock, speed, credentials and changefeed of Notary")
        return False
    check_date(hop, Name.NOTARY_CLOCK, root, "Notary's")
    _check_latency(hop, max(root.seconds, health.seconds), settings.timeout, section)
    if not await _lets_us_read(hop, server, root, settings, section, gun):
        hop.unknown(Name.NOTARY_CHANGEFEED, "the changefeed, without a right to read trust data")
        return False
    await _check_changefeed(hop, server, settings, section)
    return True


def _is_notary(hop: Hop, root: Answer, health: Answer, section: str) -> bool:
    """A Notary answers `{}` on /v2/, or 401, and has a page for its health, which a registry lacks (dialect 1.1)."""
    remedy = f"write the Notary server's own address as {section}.url"
    if API_VERSION in root.headers and health.status == 404:
        hop.fail(Name.NOTARY_API, "a registry answers there, and no Notary", remedy)
    elif root.status not in (200, 401):
        hop.fail(Name.NOTARY_API, f"what answers there is no Notary (/v2/ is {root.status})", remedy)
    elif health.status >= 500:
        hop.fail(Name.NOTARY_API, f"it says that it is not well ({health.status})", "see its log, its database first")
        return True
    else:
        hop.ok(Name.NOTARY_API, "answers as a Notary" + (", and is well" if health.status == 200 else ""))
        return True
    return False


def _check_latency(hop: Hop, seconds: float, timeout: float, section: str) -> None:
    name, took = Name.NOTARY_LATENCY, f"an answer takes {seconds:.2g} s"
    remedy = f"bring it nearer, or raise {section}.timeout"
    if seconds > timeout:
        hop.fail(name, f"{took}, and {section}.timeout is {timeout:g} s", remedy)
    elif seconds > timeout * _ALMOST:
        hop.warn(name, f"{took}, of the {timeout:g} s of {section}.timeout", remedy)
    else:
        hop.ok(name, f"{took}, {in_words(timeout)} are allowed")


async def _lets_us_read(
    hop: Hop, server: Server, root: Answer, settings: NotarySettings, section: str, gun: Gun | None
) -> bool:
    """Whether trust data may be read; without a known collection only whether our credential is known."""
    name, file = Name.NOTARY_CREDENTIALS, f"{section}.credentials_file"
    if root.status == 200:
        hop.ok(name, "lets everybody read")
        return True
    lines = root.headers.getall("WWW-Authenticate", ())
    schemes = " and ".join(each.scheme.capitalize() for each in challenges(lines)) or "nothing that can be read"
    asked = gun or Gun("tagwarden/doctor")
    path = f"/v2/{quote(asked, safe='/:')}/_trust/tuf/{TIMESTAMP}.json"
    answer = await server.ask_as_ourselves(path, f"repository:{asked}:pull")
    who = settings.credentials.username if settings.credentials else "somebody without credentials"
    if answer.status in (200, 404):
        hop.ok(name, f"asks for {schemes}, and lets {who} read")
        return True
    why = answer.refused or f"it answers {answer.status}"
    if settings.credentials is None:
        hop.fail(name, f"it asks for {schemes}, and {file} is not set: {why}", f"name a reader's account as {file}")
    elif gun is None and not answer.refused:
        hop.unknown(name, f"it knows {who} and asks for {schemes}; name a repository to see what may be read")
        return True
    else:
        right = "mend the file" if answer.refused else f"give {who} the right to pull {asked}"
        hop.fail(name, f"it does not let {who} read {asked} by {schemes}: {why}", f"{right} ({file})")
    return False


async def _check_changefeed(hop: Hop, server: Server, settings: NotarySettings, section: str) -> None:
    """The changefeed of all collections wants an administrator's right (dialect 1.5)."""
    name, key = Name.NOTARY_CHANGEFEED, f"{section}.changefeed"
    if settings.changefeed is None:
        hop.ok(name, f"{key} is off: {_NO_FEED}; with 1s it takes about a second")
        return
    answer = await server.ask_as_ourselves("/v2/_trust/changefeed?records=1", CATALOGUE_SCOPE)
    remedy = f"give the account of {section}.credentials_file the right {CATALOGUE_SCOPE}, or write {key}: off"
    if answer.status in (401, 403):
        hop.warn(name, f"its changefeed may not be read: {_NO_FEED}", remedy)
    elif answer.status != 200:
        hop.warn(
            name,
            f"its changefeed answers {answer.status}: {_NO_FEED}",
            f"let /v2/_trust/changefeed through to a Notary server of version 0.6 or newer, or write {key}: off",
        )
    elif not _is_changefeed(answer.body):
        hop.warn(
            name,
            f"what it answers for its changefeed is none: {_NO_FEED}",
            f"see what answers at {section}.url, or write {key}: off",
        )
    else:
        hop.ok(name, f"its changefeed may be read, every {settings.changefeed:g} s ({key})")


def _is_changefeed(body: bytes) -> bool:
    try:
        read(body)
    except NoChangefeed:
        return False
    return True
