"""Attempts that ask for a refused manifest once more, as the blob that somebody uploaded with the same bytes."""

from typing import Final

from tests.stack.bypass.attempts import Attempt, asked, first

_MANIFEST: Final = "/v2/{app}/manifests/{ghost}"
_BLOB: Final = "/v2/{app}/blobs/{ghost}"
_ELSEWHERE: Final = "/v2/{other}/blobs/{ghost}"


def _mounted(query: str, where: str = "{other}") -> str:
    """Ask for the manifest, then begin an upload elsewhere with this query."""
    return first(_MANIFEST) + first(f"/v2/{where}/blobs/uploads/?{query}", "Content-Length: 0", method="POST")


def _mounted_by_form(content_type: str) -> str:
    """Say it in the body, as a web page's form does, which registries read like a query."""
    return first(_MANIFEST) + first(
        "/v2/{other}/blobs/uploads/",
        f"Content-Type: {content_type}",
        "Content-Length: {mount_form_length}",
        method="POST",
        body="{mount_form}",
    )


ATTEMPTS: Final = (
    Attempt("refused-then-as-blob", first(_MANIFEST) + asked(_BLOB), leaks=True),
    Attempt("refused-head-then-as-blob", first(_MANIFEST, method="HEAD") + asked(_BLOB), leaks=True),
    Attempt("refused-then-as-blob-head", first(_MANIFEST) + asked(_BLOB, method="HEAD"), leaks=True),
    Attempt("refused-then-as-blob-and-as-manifest", (first(_MANIFEST) + first(_BLOB)) * 2 + asked(_BLOB), leaks=True),
    Attempt("refused-then-a-part-of-it", first(_MANIFEST) + asked(_BLOB, "Range: bytes=100-299"), leaks=True),
    Attempt("refused-then-its-end", first(_MANIFEST) + asked(_BLOB, "Range: bytes=-200"), leaks=True),
    Attempt("refused-then-many-parts", first(_MANIFEST) + asked(_BLOB, "Range: bytes=0-99,200-299"), leaks=True),
    Attempt(
        "refused-then-as-encoded-blob", first(_MANIFEST) + asked("/v2/{app}/blobs/sha256%3A{ghost_hex}"), leaks=True
    ),
    Attempt("refused-then-as-mirrored-blob", first(_MANIFEST) + asked(_BLOB + "?ns=docker.io"), leaks=True),
    Attempt(
        "refused-then-as-known-blob", first(_MANIFEST) + asked(_BLOB, 'If-None-Match: "x"', "If-Range: x"), leaks=True
    ),
    Attempt(
        "refused-schema-1-then-as-blob",
        first("/v2/{app}/manifests/{old}") + asked("/v2/{app}/blobs/{old}"),
        leaks=True,
    ),
    Attempt(
        "refused-then-uploaded-state", first(_MANIFEST) + asked("/v2/{app}/blobs/uploads/{ghost_hex}?digest={ghost}")
    ),
    Attempt("refused-then-mounted", _mounted("mount={ghost}&from={app}") + asked(_ELSEWHERE), leaks=True),
    Attempt(
        "refused-then-mounted-encoded",
        _mounted("from={top}%2F{rest}&mount=sha256%3a{ghost_hex}") + asked(_ELSEWHERE),
        leaks=True,
    ),
    Attempt("refused-then-mounted-from-two", _mounted("mount={ghost}&from={other}&from={app}") + asked(_ELSEWHERE)),
    Attempt("refused-then-mounted-twice", _mounted("mount={signed}&mount={ghost}&from={app}") + asked(_ELSEWHERE)),
    Attempt("refused-then-mounted-by-upper-case", _mounted("Mount={ghost}&From={app}") + asked(_ELSEWHERE)),
    Attempt(
        "refused-then-mounted-by-encoded-words",
        _mounted("m%6funt={ghost}&%66rom={app}") + asked(_ELSEWHERE),
        leaks=True,
    ),
    Attempt(
        "refused-then-mounted-by-form",
        _mounted_by_form("application/x-www-form-urlencoded") + asked(_ELSEWHERE),
        leaks=True,
    ),
    Attempt(
        "refused-then-mounted-by-form-in-capitals",
        _mounted_by_form("Application/X-WWW-Form-URLEncoded; charset=utf-8") + asked(_ELSEWHERE),
        leaks=True,
    ),
    Attempt("refused-then-mounted-after-a-semicolon", _mounted("x=1;mount={ghost};from={app}") + asked(_ELSEWHERE)),
    Attempt("refused-then-mounted-between-semicolons", _mounted("mount={ghost};from={app}") + asked(_ELSEWHERE)),
    Attempt("refused-then-mounted-from-anywhere", _mounted("mount={ghost}") + asked(_ELSEWHERE)),
    Attempt("refused-then-mounted-in-itself", _mounted("mount={ghost}&from={app}", "{app}") + asked(_BLOB), leaks=True),
)
