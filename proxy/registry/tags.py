"""The registry's lists of tags and repositories, page by page, read strictly."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from proxy.errors import RegistryUnreachable
from proxy.limits import TAGS_BYTES


@dataclass(frozen=True, slots=True)
class TagsPage:
    """One page: the names as the registry has them, and its `Link` to the next page, if there is one."""

    tags: tuple[str, ...]
    link: str | None


def tags_page(body: bytes | None, links: Sequence[str]) -> TagsPage:
    """Read a page; `body` is None if it was too large to be read, `links` are all lines of its `Link`.

    Raises:
        RegistryUnreachable: it is none.
    """
    return TagsPage(listed(body, "tags"), next_link(links, "tags"))


def listed(body: bytes | None, what: str) -> tuple[str, ...]:
    """The names that a page has under `what`, which is `tags` or `repositories`; `body` as in `tags_page`.

    Raises:
        RegistryUnreachable: it is no such page.
    """
    if body is None:
        raise RegistryUnreachable(f"its list of {what} is larger than {TAGS_BYTES} bytes")
    try:
        page = json.loads(body.decode(), object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError):
        page = None
    if not isinstance(page, dict) or what not in page:
        raise RegistryUnreachable(f"its list of {what} is none")
    names = [] if page[what] is None else page[what]  # registries say null for none
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RegistryUnreachable(f"its list of {what} is none")
    return tuple(names)


def _unambiguous(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object that no two readers understand differently. Raises `ValueError`."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is there twice")
    return members


def next_link(links: Sequence[str], what: str) -> str | None:
    """The one line that `Link` has, as it is; None where it has none.

    Raises:
        RegistryUnreachable: there are several, or it cannot be read.
    """
    if len(links) > 1 or not all(map(str.isprintable, links)):
        raise RegistryUnreachable(f"the link to its next list of {what} is none")
    return links[0] if links else None
