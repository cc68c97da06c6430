"""The registry's list of tags, read strictly, for those who want it shortened."""

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
    if body is None:
        raise RegistryUnreachable(f"its list of tags is larger than {TAGS_BYTES} bytes")
    try:
        page = json.loads(body)
    except (ValueError, RecursionError):
        page = None
    if not isinstance(page, dict) or "tags" not in page:
        raise RegistryUnreachable("its list of tags is none")
    tags = [] if page["tags"] is None else page["tags"]  # registries say null for none
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise RegistryUnreachable("its list of tags is none")
    if len(links) > 1 or not all(map(str.isprintable, links)):
        raise RegistryUnreachable("the link to its next list of tags is none")
    return TagsPage(tuple(tags), links[0] if links else None)
