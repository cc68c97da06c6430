"""Attempts that look like somebody who pushes, to whom a refusal is told more softly."""

from typing import Final

from tests.stack.bypass.attempts import BY_DIGEST, CLOSE, HOST, SIGNED, UNSIGNED, Attempt, asked, said

_PUSHER: Final = "Accept: application/vnd.docker.distribution.manifest.v2+json, */*"
_INDEX: Final = "Accept: application/vnd.docker.distribution.manifest.list.v2+json, */*"
# {"access":[{"type":"repository","name":"*","actions":["pull","push","*"]}]}, signed by nobody
_TOKEN: Final = (
    "Authorization: Bearer e30."
    "eyJhY2Nlc3MiOlt7InR5cGUiOiJyZXBvc2l0b3J5IiwibmFtZSI6IioiLCJhY3Rpb25zIjpbInB1bGwiLCJwdXNoIiwiKiJdfV19.e30"
)


def _first(target: str, method: str = "HEAD") -> str:
    """How containerd's pusher asks before the next request on the same connection."""
    return said(f"{method} {target} HTTP/1.1", HOST, _PUSHER)


ATTEMPTS: Final = (
    Attempt("pusher-head-of-the-unsigned-tag", asked(UNSIGNED, _PUSHER, method="HEAD"), leaks=True),
    Attempt("pusher-head-of-the-unsigned-digest", asked(BY_DIGEST, _PUSHER, method="HEAD"), leaks=True),
    Attempt("pusher-head-of-an-index", asked("/v2/{app}/manifests/index", _INDEX, method="HEAD"), leaks=True),
    Attempt("pusher-head-of-a-child", asked("/v2/{app}/manifests/{child}", _PUSHER, method="HEAD"), leaks=True),
    Attempt(
        "pusher-head-of-a-blob-as-manifest", asked("/v2/{app}/manifests/{ghost}", _PUSHER, method="HEAD"), leaks=True
    ),
    Attempt("pusher-accept-on-get", asked(UNSIGNED, _PUSHER), leaks=True),
    Attempt("pusher-accept-on-get-by-digest", asked(BY_DIGEST, _PUSHER), leaks=True),
    Attempt("pusher-head-then-get", _first(UNSIGNED) + asked(UNSIGNED), leaks=True),
    Attempt("pusher-head-then-pusher-get", _first(UNSIGNED) + asked(UNSIGNED, _PUSHER), leaks=True),
    Attempt("pusher-head-of-the-signed-then-get", _first(SIGNED) + asked(UNSIGNED), leaks=True),
    Attempt(
        "pusher-head-with-override",
        asked(UNSIGNED, _PUSHER, "X-HTTP-Method-Override: GET", method="HEAD"),
        leaks=True,
    ),
    Attempt("pusher-head-with-a-range", asked(UNSIGNED, _PUSHER, "Range: bytes=0-", method="HEAD"), leaks=True),
    Attempt("pusher-head-knows-anything", asked(UNSIGNED, _PUSHER, "If-None-Match: *", method="HEAD"), leaks=True),
    Attempt("pusher-head-knows-the-digest", asked(BY_DIGEST, _PUSHER, 'If-None-Match: "{unsigned}"', method="HEAD")),
    Attempt("pusher-head-of-no-length", said(f"HEAD {UNSIGNED} HTTP/1.0", HOST, _PUSHER, CLOSE), leaks=True),
    Attempt("pusher-token-head", asked(UNSIGNED, _TOKEN, method="HEAD"), leaks=True),
    Attempt("pusher-token-get", asked(UNSIGNED, _TOKEN), leaks=True),
    Attempt("pusher-token-get-by-digest", asked(BY_DIGEST, _TOKEN), leaks=True),
    Attempt("pusher-token-and-accept-head", asked(BY_DIGEST, _TOKEN, _PUSHER, method="HEAD"), leaks=True),
    Attempt("pusher-agent", asked(UNSIGNED, "User-Agent: containerd/1.6.20+unknown", _PUSHER), leaks=True),
)
