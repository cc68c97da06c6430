"""Configurations for the proxy in front of the real stack, and waiting for what takes effect in a moment."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from deploy.stack.notary import Notary
from deploy.stack.people import Person
from deploy.stack.registry import Registry

_SECONDS = 20.0
_POLL_SECONDS = 0.1

_Seen = TypeVar("_Seen")


def configuration(
    registry: Registry, notary: Notary, root_key_ids: Iterable[str], signers: Mapping[str, Person]
) -> dict[str, Any]:
    """Everything but `repositories`: the registry's own host is the name, so that `docker trust` signs for it."""
    return {
        "name": registry.host,
        "registry": {"url": registry.url},
        "notaries": {"corp": {"url": notary.url, "ca_file": str(notary.ca_file.absolute()), "roots": ["owner"]}},
        "roots": {"owner": {"public_key_ids": list(root_key_ids)}},
        "signers": {name: {"keys": [str(person.public_key)]} for name, person in signers.items()},
    }


def wait_for(look: Callable[[], _Seen], enough: Callable[[_Seen], bool]) -> _Seen:
    """Look again and again until it is enough, and return what was seen last."""
    deadline = time.monotonic() + _SECONDS
    seen = look()
    while not enough(seen) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        seen = look()
    return seen
