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
from proxy.registry import nearby
from proxy.registry.client import RegistryClient
from proxy.registry.failures import Relayed
from proxy.tuf.collection import Collection

Progress: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[], object]]]
"""Shows how far something is, by its name and total; yields what to call for each step."""

_NAMED: Final = "name the repositories behind the options: tagwarden propose ... REPO..."
_EMPTY: Final = (
    "the registry lists no repositories, so there is nothing to propose rules for; push an image, give "
    f"--registry-credentials of somebody who sees more, or {_NAMED}"
)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What there is of a repository now.

    `collection` is its verified trust data, or `refusal` says why there is none. `tags` are those of the registry,
    None where it did not list them: `unlisted` says why in a few words.
    """

    repository: Repository
    gun: Gun
    collection: Collection | None
    refusal: Refusal | None
    tags: frozenset[Tag] | None
    unlisted: str = ""

    @property
    def is_unreadable(self) -> bool:
        """Whether Notary has trust data, or may have, that cannot be read or does not hold together."""
        return self.collection is None and not isinstance(self.refusal, NoTrustData)


class OtherName(UserError):
    """Nothing has trust data under the name that was given, and something has under another one."""

    def __init__(self, name: str, sentence: str) -> None:
        """Keep the name."""
        super().__init__(sentence)
        self.name = name


async def repositories(registry: RegistryClient) -> tuple[Repository, ...]:
    """Everything the registry lists. Raises `UserError` where it lists nothing, `RegistryUnreachable`."""
    try:
        found = await registry.repositories()
    except Relayed as relayed:
        answered = f"it answered {relayed.status}"
        if relayed.status in (401, 403):
            account = f" to {registry.account}" if registry.account else ""
            raise UserError(
                f"the registry does not show its list of repositories{account} ({answered}); "
                f"give --registry-credentials of somebody who may list them, or {_NAMED}"
            ) from None
        if relayed.status in (404, 405):
            raise UserError(f"the registry has no list of repositories ({answered}); {_NAMED}") from None
        raise RegistryUnreachable(answered) from None
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
        OtherName: nothing has trust data under this name, but something has under another.
    """
    names = sorted(set(wanted))
    with progress("reading trust data", len(names)) as step:
        seen = await _trust_data(parts, settings, names, step)
    if not any(each.collection for each in seen.values()):
        await _check_name(parts, settings, names, [each.refusal for each in seen.values()])
    with progress("listing tags", len(names)) as step:
        tags = await _tags(parts.registry, names, step)
    return tuple(
        Gathered(name, each.gun or Gun(f"{settings.name}/{name}"), each.collection, each.refusal, *tags[name])
        for name, each in sorted(seen.items())
    )


async def check_named(registry: RegistryClient, gathered: Sequence[Gathered]) -> None:
    """See that repositories that a person named exist. Raises `UserError` for what neither server has heard of."""
    for each in gathered:
        if each.tags == frozenset() and isinstance(each.refusal, NoTrustData):
            gap = await nearby.gap_of_repository(registry, each.repository)
            push = "" if gap.instead else ": push it first, or mend its name"
            raise UserError(f"the registry {gap}{push}")


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
) -> dict[Repository, tuple[frozenset[Tag] | None, str]]:
    """What the registry lists of each repository, or why it does not, `CENSUS_AT_ONCE` at the same time."""
    gate = asyncio.Semaphore(CENSUS_AT_ONCE)

    async def look(name: Repository) -> tuple[frozenset[Tag] | None, str]:
        async with gate:
            try:
                return frozenset(await registry.tags_of(name)), ""
            except Relayed as relayed:
                return None, str(relayed.status)
            except RegistryUnreachable as refusal:
                return None, refusal.why
            finally:
                step()

    return dict(zip(names, await asyncio.gather(*map(look, names)), strict=True))


async def _check_name(
    parts: Parts, settings: Settings, names: Sequence[Repository], refusals: Sequence[Refusal | None]
) -> None:
    """Where nothing has trust data, look under other names that people may have signed for. Raises `OtherName`."""
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
                    raise OtherName(
                        other,
                        f"no repository has trust data under the name {settings.name}, "
                        f"but {each.repository} has under {other}; "
                        f"--name must be the host that people sign for: use --name {other}",
                    )


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
