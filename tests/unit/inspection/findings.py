"""Root keys as if they had been found, written down."""

from datetime import UTC, datetime
from typing import Any

from proxy.inspection.roots import RootKey, Roots, Use
from proxy.names import Gun, Repository
from tests.support.resolving import NAME


def use(repository: str, **other: Any) -> Use:
    """A key in the root of a repository; ids and fingerprints are made from its name."""
    facts: dict[str, Any] = {
        "repository": Repository(repository),
        "gun": Gun(f"{NAME}/{repository}"),
        "notary": "corp",
        "key_id": f"id of {repository}",
        "fingerprint": f"AA:{repository}",
        "made_out_to": f"{NAME}/{repository}",
        "valid_until": datetime(2036, 11, 19, tzinfo=UTC),
        "named": False,
    }
    return Use(**(facts | other))


def key(
    name: str, *uses: Use, pinned_as: tuple[str, ...] = (), fit: bool = True, warnings: tuple[str, ...] = ()
) -> RootKey:
    """A root key, whose id is made from its name."""
    return RootKey(f"key {name}", name, pinned_as, fit, uses, warnings)


def roots(*keys: RootKey, **other: Any) -> Roots:
    """These keys, nothing refused and nothing to warn of."""
    return Roots(**({"keys": keys, "refusals": {}, "warnings": ()} | other))
