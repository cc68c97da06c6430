"""Asks registry and Notary what there is: repositories, their tags, their trust data."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from yarl import URL

from proxy import census
from proxy.assembly import Parts
from proxy.census import Seen
from proxy.config.settings import Settings
from proxy.config.values import is_loopback, registry_name
from proxy.errors import CannotDecide, NoTrustData, Refusal, RegistryUnreachable, UserError
from proxy.limits import CENSUS_AT_ONCE, PROPOSAL_NAME_SAMPLE
from proxy.names import Gun, Repository, Tag
from proxy.registry.client import RegistryClient
from proxy.registry.failures import Relayed
from proxy.tuf.collection import Collection

Progress: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[], object]]]
"""Shows how far something is, by its name and total; yields what to call for each step."""

_NAMED: Final = "name the repositories behind the options: tagwarden propose ... REPO..."
_NO_RIGHT: Final = (
    "the registry does not show its list of repositories (it answered {status}); give --registry-credentials of "
    f"somebody who may list them, or {_NAMED}"
)
_NO_CATALOGUE: Final = f"the registry has no list of repositories (it answered {{status}}); {_NAMED}"
_EMPTY: Final = (
    "the registry lists no repositories, so there is nothing to propose rules for; push an image, give "
    f"--registry-credentials of somebody who sees more, or {_NAMED}"
)
_OTHER_NAME: Final = (
    "no repository has trust data under the name {name}, but {repository} has under {other}; "
    "--name must be the host that people sign for: use --name {other}"
)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What there is of a repository now.

    `collection` is its verified trust data, or `refusal` says why there is none. `tags` are those of the registry,
    None where it did not list them.
    """

    repository: Repository
    gun: Gun
    collection: Collection | None
    refusal: Refusal | None
    tags: frozenset[Tag] | None

    @property
    def is_unreadable(self) -> bool:
        """Whether Notary has trust data, or may have, that cannot be read or does not hold together."""
        return self.collection is None and not isinstance(self.refusal, NoTrustData)


async def repositories(registry: RegistryClient) -> tuple[Repository, ...]:
    """Everything the registry lists. Raises `UserError` where it lists nothing, `RegistryUnreachable`."""
    try:
        found = await registry.repositories()
    except Relayed as relayed:
        if relayed.status in (401, 403):
            raise UserError(_NO_RIGHT.format(status=relayed.status)) from None
        if relayed.status in (404, 405):
            raise UserError(_NO_CATALOGUE.format(status=relayed.status)) from None
        raise RegistryUnreachable(f"it answered {relayed.status}") from None
    if not found:
        raise UserError(_EMPTY)
    return found


async def gather(
    parts: Parts, settings: Settings, wanted: Iterable[Repository], progress: Progress
) -> tuple[Gathered, ...]:
    """Ask about every repository, sorted by name; `progress` shows how far this is.

    Raises:
        CannotDecide: Notary does not answer at all.
        RegistryUnreachable: the registry does not.
        UserError: nothing has trust data under this name, but something has under another.
    """
    names = sorted(set(wanted))
    with progress("reading trust data", len(names)) as step:
        seen = await _trust_data(parts, settings, names, step)
    if not any(each.collection for each in seen.values()):
        await _check_name(parts, settings, names, [each.refusal for each in seen.values()])
    with progress("listing tags", len(names)) as step:
        tags = await _tags(parts.registry, names, step)
    return tuple(
        Gathered(name, each.gun or Gun(f"{settings.name}/{name}"), each.collection, each.refusal, tags[name])
        for name, each in sorted(seen.items())
    )


async def _trust_data(
    parts: Parts, settings: Settings, names: Sequence[Repository], step: Callable[[], object]
) -> dict[Repository, Seen]:
    """Trust data by repository; gives up early where Notary is away, instead of waiting for it hundreds of times."""
    seen: dict[Repository, Seen] = {}
    async with aclosing(
        census.take(names, settings.policy, parts.resolver.renewal.notaries, parts.resolver.clock)
    ) as answers:
        async for each in answers:
            seen[each.repository] = each
            step()
            away = [other.refusal for other in seen.values() if isinstance(other.refusal, CannotDecide)]
            if len(away) == len(seen) and len(seen) >= min(len(names), CENSUS_AT_ONCE):
                raise away[0]
    return seen


async def _tags(
    registry: RegistryClient, names: Sequence[Repository], step: Callable[[], object]
) -> dict[Repository, frozenset[Tag] | None]:
    """What the registry lists of each repository, `CENSUS_AT_ONCE` at the same time."""
    gate = asyncio.Semaphore(CENSUS_AT_ONCE)

    async def look(name: Repository) -> frozenset[Tag] | None:
        async with gate:
            try:
                return frozenset(await registry.tags_of(name))
            except (Relayed, RegistryUnreachable):
                return None
            finally:
                step()

    return dict(zip(names, await asyncio.gather(*map(look, names)), strict=True))


async def _check_name(
    parts: Parts, settings: Settings, names: Sequence[Repository], refusals: Sequence[Refusal | None]
) -> None:
    """Where nothing has trust data, look under other names that people may have signed for. Raises `UserError`."""
    if not all(isinstance(refusal, NoTrustData) for refusal in refusals):
        return
    for other in other_names(settings.name, settings.registry.url):
        policy = replace(settings.policy, name=other)
        sample = names[:PROPOSAL_NAME_SAMPLE]
        async with aclosing(
            census.take(sample, policy, parts.resolver.renewal.notaries, parts.resolver.clock)
        ) as answers:
            async for each in answers:
                if each.collection:
                    told = {"name": settings.name, "repository": each.repository, "other": other}
                    raise UserError(_OTHER_NAME.format_map(told))


def other_names(name: str, registry: URL) -> tuple[str, ...]:
    """Under which names people may have signed instead: the registry's own address, with and without its port."""
    host, port = registry.host or "", registry.port
    hosts = [host, *(("localhost", "127.0.0.1") if is_loopback(registry) else ()), name.partition(":")[0]]
    candidates = [form for each in dict.fromkeys(hosts) for form in (f"{each}:{port}", each)]
    return tuple(candidate for candidate in dict.fromkeys(candidates) if candidate != name and _is_name(candidate))


def _is_name(text: str) -> bool:
    try:
        return registry_name(text) == text
    except ValueError:
        return False
