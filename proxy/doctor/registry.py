"""The registry: the way to it, whether it is one, who it takes us for, and where it sends those who ask."""

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from typing import Final

from proxy.clock import Clock
from proxy.config.settings import Blobs, RegistrySettings
from proxy.doctor.clocks import check_date
from proxy.doctor.findings import Hop, Name
from proxy.doctor.reaching import Unreached
from proxy.doctor.server import API_VERSION, ODD_PATH, Answer, NoAnswer, Server, is_tagwarden, talk
from proxy.doctor.way import Way
from proxy.errors import NameInvalid, RegistryUnreachable
from proxy.http_auth.challenges import challenges
from proxy.http_auth.login import CATALOGUE_SCOPE
from proxy.limits import DOCTOR_ANSWER_SECONDS, DOCTOR_REPOSITORIES
from proxy.names import Repository
from proxy.registry import redirects
from proxy.registry.headers import ALL_MANIFEST_TYPES
from proxy.tls import client_context

_FILE: Final = "registry.credentials_file"
_REDIRECT_REMEDY: Final = "list that host under registry.redirect_hosts, or let the registry answer by itself"


async def examine(
    hop: Hop, settings: RegistrySettings, wanted: Sequence[Repository], clock: Clock
) -> tuple[Repository, ...]:
    """Check the registry; the first repositories of its catalogue, as far as that can be read.

    `wanted` are repositories that somebody asked about: with one of them it is seen where manifests are redirected to.
    """
    url = settings.url
    way = Way(hop, "registry", "registry", url, settings.client_certificate_file is not None, clock.now())
    own = settings.client_certificate_file, settings.client_key_file
    context = await way.check(partial(client_context, "registry", settings.ca_file, *own))
    if context is None:
        hop.unknown(Name.REGISTRY_API, "what it answers, because it cannot be reached")
        return ()
    other = client_context("registry", settings.ca_file)
    credentials = settings.credentials
    talking = talk(url, context, elsewhere=other, credentials=credentials, seconds=DOCTOR_ANSWER_SECONDS, clock=clock)
    async with talking as server:
        try:
            return await _questions(way, server, settings, wanted)
        except NoAnswer as failure:
            await way.note_silence(failure, context)
        except Unreached as end:
            way.note(end)
    return ()


async def _questions(
    way: Way, server: Server, settings: RegistrySettings, wanted: Sequence[Repository]
) -> tuple[Repository, ...]:
    hop = way.hop
    root, odd = await asyncio.gather(server.ask("/v2/"), server.ask(ODD_PATH))
    wants_tls = root.status == 400 and server.url.scheme == "http" and await way.is_of_the_other_scheme()
    if wants_tls or not _is_registry(hop, root, odd, settings):
        hop.unknown(Name.REGISTRY_CREDENTIALS, "clock, credentials and catalogue of the registry")
        return ()
    check_date(hop, Name.REGISTRY_CLOCK, root, "the registry's")
    if not await _knows_us(hop, server, root, settings):
        hop.unknown(Name.REGISTRY_CATALOGUE, "the catalogue, without a right to read it")
        return ()
    repositories = await _catalogue(hop, server)
    await _redirects_of_manifests(hop, server, settings, [*wanted, *repositories])
    return repositories


def _is_registry(hop: Hop, root: Answer, odd: Answer, settings: RegistrySettings) -> bool:
    if root.status in redirects.STATUSES:
        if _is_redirect_fine(hop, root, settings, "/v2/"):
            sentence = f"it redirects every question to {root.headers['Location'][:80]}"
            hop.fail(Name.REGISTRY_REDIRECTS, sentence, "write the address that answers as registry.url")
        return False
    if is_tagwarden(odd):
        hop.fail(Name.REGISTRY_API, "a Tagwarden answers there", "write the registry's own address as registry.url")
    elif root.status not in (200, 401) or API_VERSION not in root.headers:
        sentence = f"what answers there is no registry (/v2/ is {root.status}, {API_VERSION} is missing)"
        if API_VERSION in root.headers:
            sentence = f"it answers {root.status} on /v2/"
        hop.fail(Name.REGISTRY_API, sentence, "write the registry's own address as registry.url, or see its log")
    else:
        hop.ok(Name.REGISTRY_API, f"answers as {root.headers[API_VERSION]}")
        return True
    return False


async def _knows_us(hop: Hop, server: Server, root: Answer, settings: RegistrySettings) -> bool:
    """Whether the registry lets this proxy itself in."""
    name = Name.REGISTRY_CREDENTIALS
    if root.status == 200:
        hop.ok(name, "lets everybody in")
        return True
    lines = root.headers.getall("WWW-Authenticate", ())
    schemes = " and ".join(each.scheme.capitalize() for each in challenges(lines)) or "nothing that can be read"
    if settings.credentials is None:
        needs = "indexes are walked with the asking client's own credential, and the catalogue cannot be read"
        if settings.doors.blobs is Blobs.ADMITTED:
            needs = "blobs: admitted has to walk images with the asking client's own credential"
        hop.warn(name, f"it asks for {schemes}, and {_FILE} is not set: {needs}", f"name a reader's account as {_FILE}")
        return False
    answer = await server.ask_as_ourselves("/v2/", CATALOGUE_SCOPE)
    if answer.status == 200:
        hop.ok(name, f"asks for {schemes}, and knows {settings.credentials.username}")
        return True
    why = answer.refused or f"it answers {answer.status}"
    hop.fail(name, f"it does not let {settings.credentials.username} in by {schemes}: {why}", f"mend {_FILE}")
    return False


async def _catalogue(hop: Hop, server: Server) -> tuple[Repository, ...]:
    """The first repositories; those with names that this proxy cannot serve are left out."""
    answer = await server.ask_as_ourselves(f"/v2/_catalog?n={DOCTOR_REPOSITORIES}", CATALOGUE_SCOPE)
    remedy = "give the account of registry.credentials_file the right registry:catalog:*, or name repositories"
    if answer.status != 200:
        why = answer.refused or f"it answers {answer.status}"
        hop.warn(Name.REGISTRY_CATALOGUE, f"the list of repositories cannot be read: {why}", remedy)
        return ()
    names = _names(answer.body, "repositories")
    found = tuple(each for each in map(_repository, names) if each is not None)
    hop.ok(Name.REGISTRY_CATALOGUE, "the list of repositories can be read")
    return found[:DOCTOR_REPOSITORIES]


async def _redirects_of_manifests(
    hop: Hop, server: Server, settings: RegistrySettings, repositories: Sequence[Repository]
) -> None:
    """Ask for the manifest of one tag and see whether the registry sends us elsewhere for it."""
    for repository in repositories[:3]:
        scope = f"repository:{repository}:pull"
        tags = await server.ask_as_ourselves(f"/v2/{repository}/tags/list", scope)
        names = _names(tags.body, "tags") if tags.status == 200 else []
        if not names:
            continue
        path = f"/v2/{repository}/manifests/{names[0]}"
        answer = await server.ask_as_ourselves(path, scope, method="HEAD", accept=ALL_MANIFEST_TYPES)
        if answer.status in redirects.STATUSES:
            if not _is_redirect_fine(hop, answer, settings, path):
                return
            hop.ok(Name.REGISTRY_REDIRECTS, "redirects manifests only to hosts that may be followed")
        else:
            hop.ok(Name.REGISTRY_REDIRECTS, "answers for manifests by itself")
        return
    hop.unknown(Name.REGISTRY_REDIRECTS, "redirects of manifests, because no tag is at hand")


def _is_redirect_fine(hop: Hop, answer: Answer, settings: RegistrySettings, path: str) -> bool:
    followed = redirects.Redirects(settings.url.origin(), settings.redirect_hosts)
    try:
        followed.follow(settings.url.join(settings.url.with_path(path)), answer.headers.getall("Location", ()))
    except RegistryUnreachable as refusal:
        hop.fail(Name.REGISTRY_REDIRECTS, f"asked for {path}, {refusal.why}", _REDIRECT_REMEDY)
        return False
    return True


def _names(body: bytes, key: str) -> list[str]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return []
    names = document.get(key) if isinstance(document, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _repository(name: str) -> Repository | None:
    try:
        return Repository(name)
    except NameInvalid:
        return None
