"""What people ask the registry about itself: whether it lets this proxy in, and what it has instead of a misspelt name.

Nothing here is a basis for a decision.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Protocol

from proxy.errors import RegistryUnreachable
from proxy.http_auth.login import TokenRefused
from proxy.names import Reference, Repository, Tag
from proxy.registry.failures import Relayed

_NOT_LET_IN: Final = frozenset({401, 403})
_SHOWN: Final = 3
_ALIKE: Final = 0.7  # of two names, as difflib measures


class Lists(Protocol):
    """What a registry lists to the proxy itself."""

    async def repositories(self) -> tuple[Repository, ...]:
        """See `RegistryClient.repositories`."""
        ...

    async def tags_of(self, repository: Repository) -> tuple[Tag, ...]:
        """See `RegistryClient.tags_of`."""
        ...


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that the registry has not, a repository or a tag of one, and what it has that is written alike."""

    missing: str
    instead: tuple[str, ...] = ()

    def __str__(self) -> str:
        """In a sentence about the registry, after its name."""
        asked = f"; it has {' and '.join(self.instead)}: misspelt?" if self.instead else ""
        return f"has no {self.missing}{asked}"


async def gap(registry: Lists, reference: Reference) -> Gap:
    """What exactly is missing where the registry has nothing under a reference, as far as it shows its lists."""
    repository, tag = reference.repository, str(reference.target)
    with suppress(Relayed, RegistryUnreachable):
        if tags := await registry.tags_of(repository):
            return Gap(str(reference), tuple(f"{repository}:{each}" for each in alike(tag, tags)))
        return await gap_of_repository(registry, repository)
    return Gap(str(reference))


async def gap_of_repository(registry: Lists, repository: Repository) -> Gap:
    """The same for a repository of which the registry lists no tags."""
    with suppress(Relayed, RegistryUnreachable):
        return Gap(repository, alike(repository, await registry.repositories()))
    return Gap(repository)


def alike(name: str, names: Iterable[str]) -> tuple[str, ...]:
    """The few names that somebody may have meant; those that only lack what stands before the last slash come first."""
    others = [each for each in names if each != name]
    return tuple(dict.fromkeys((*_below(name, others), *get_close_matches(name, others, _SHOWN, _ALIKE))))[:_SHOWN]


def _below(name: str, names: Iterable[str]) -> Iterator[str]:
    return (each for each in names if each.endswith(f"/{name}"))


def is_no(failure: Relayed | RegistryUnreachable) -> bool:
    """Whether a failure is the registry's no to whom we said we are, or to nobody."""
    if isinstance(failure, Relayed):
        return failure.status in _NOT_LET_IN
    return isinstance(failure.__cause__, TokenRefused)


def in_words(failure: Relayed | RegistryUnreachable, account: str) -> str:
    """Why the registry tells this proxy nothing; `account` is the name it was given, empty for none."""
    if is_no(failure) or isinstance(failure, Relayed):
        return f"it {answered(failure, account)}"
    return failure.why


def answered(failure: Relayed | RegistryUnreachable, account: str) -> str:
    """What the registry did, after its name, and what to mend: an account that was refused is not asked for again."""
    said = f"answered {failure.status}" if isinstance(failure, Relayed) else f"cannot be asked: {failure.why}"
    if not is_no(failure):
        return said
    if not account:
        return f"{said} (set registry.credentials_file)"
    why = failure.status if isinstance(failure, Relayed) else failure.why
    return f"does not let {account} in ({why}; mend registry.credentials_file)"
