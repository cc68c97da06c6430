"""Which repositories a person means: by name, by pattern, or all that the configuration speaks of."""

from collections.abc import Sequence

from proxy.errors import NameInvalid, NoRule, ReferenceInvalid, UserError
from proxy.names import Reference, Repository
from proxy.policy.entries import Policy
from proxy.policy.patterns import RepositoryPattern
from proxy.refusals import present
from proxy.registry.client import RegistryClient
from proxy.registry.failures import Relayed


async def select(words: Sequence[str], policy: Policy, registry: RegistryClient) -> tuple[Repository, ...]:
    """The repositories that are meant, each once, in the order in which they were named or the registry has them.

    Args:
        words: names or patterns, as typed, with or without the registry's name before them; none for every
            repository of the registry that an entry matches. The registry is asked only where there is a pattern.
        policy: the entries, and the registry's name.
        registry: whose catalogue is read, as the proxy itself.

    Raises:
        UserError: a word is none, a pattern matches nothing, or the registry does not list its repositories.
        RegistryUnreachable: it cannot be asked.
    """
    patterns = {word: _pattern(word, policy) for word in words if "*" in word}
    names = {word: _name(word, policy) for word in words if "*" not in word}
    listed = await _listed(registry) if patterns or not words else ()
    chosen: dict[Repository, None] = {}
    for word in words:
        found = [names[word]] if word in names else [each for each in listed if patterns[word].matches(each)]
        if not found:
            raise UserError(f"the registry shows no repository that {word} stands for: check the pattern")
        chosen.update(dict.fromkeys(found))
    if words:
        return tuple(chosen)
    matched = tuple(each for each in listed if _has_entry(policy, each))
    if not matched:
        what = f"none of the registry's repositories ({len(listed)}) has an entry in `repositories`"
        raise UserError(f"{what}: add one, or check registry.url")
    return matched


def _pattern(word: str, policy: Policy) -> RepositoryPattern:
    try:
        return RepositoryPattern(word.removeprefix(f"{policy.name}/"))
    except ValueError as error:
        raise UserError(str(error)) from None


def _name(word: str, policy: Policy) -> Repository:
    """A repository; a tag or digest that was typed with it is passed over. Raises `UserError`."""
    try:
        return Reference.parse(word, policy.name).repository
    except ReferenceInvalid as invalid:
        raise UserError(present(invalid).message) from None


async def _listed(registry: RegistryClient) -> tuple[Repository, ...]:
    try:
        return await registry.repositories()
    except Relayed as relayed:
        why = f"the registry does not list its repositories (it answered {relayed.status})"
        whom = "give registry.credentials_file an account that may read the catalogue, or name the repositories"
        raise UserError(f"{why}: {whom}") from None


def _has_entry(policy: Policy, repository: Repository) -> bool:
    try:
        policy.entry_for(repository).gun(policy.name, repository)
    except (NoRule, NameInvalid):
        return False
    return True
