"""Clients that ask before they push: they must hear 404, or the push ends or is skipped in silence.

containerd, BuildKit and nerdctl ask for the manifest that they are about to push by HEAD, with its one media type and
`*/*`. A refusal ends the push, and a digest equal to their own ends it as if it were done (clients 1.3). Nobody gains
anything by looking like one: a 404 shows nothing, and every GET is decided.
"""

from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import Any, Final

import orjson

from proxy.manifests import MediaType
from proxy.names import Repository

_TYPES: Final = frozenset(MediaType)


def asks_before_pushing(method: str, accept: Sequence[str]) -> bool:
    """Whether a manifest request is how containerd's pusher asks: HEAD, for one manifest type or anything.

    Args:
        method: of the request.
        accept: every Accept line of it.
    """
    wanted = [each.partition(";")[0].strip().lower() for line in accept for each in line.split(",")]
    return method == "HEAD" and len(wanted) == 2 and "*/*" in wanted and len(_TYPES.intersection(wanted)) == 1


def may_push(authorization: str | None, repository: Repository) -> bool:
    """Whether a Bearer token says that it may push to this repository.

    The token is the registry's to verify, which it did or will; here it only chooses between two ways to say no.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or token.count(".") != 2:
        return False
    payload = token.split(".")[1]
    try:
        claims = orjson.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:  # neither base64 nor JSON: not a token that says anything
        return False
    access = claims.get("access") if isinstance(claims, dict) else None
    return isinstance(access, list) and any(_grants_push(each, repository) for each in access)


def _grants_push(access: Any, repository: Repository) -> bool:  # noqa: ANN401  (anything that JSON can say)
    if not isinstance(access, dict) or access.get("type") != "repository" or access.get("name") != repository:
        return False
    actions = access.get("actions")
    return isinstance(actions, list) and not {"push", "*"}.isdisjoint(map(str, actions))
