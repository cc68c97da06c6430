"""Attempts that write first: push, mount or move something, then read it back."""

from typing import Final

from tests.stack.bypass.attempts import SIGNED, Attempt, asked, first

_EVIL: Final = ("Content-Type: {evil_type}", "Content-Length: {evil_length}")
_CHUNKED: Final = ("Content-Type: {evil_type}", "Transfer-Encoding: chunked")
_MOUNT: Final = "/v2/{app}/blobs/uploads/?mount={foreign_ghost}&from={other}"


def _put(target: str) -> str:
    return first(target, *_EVIL, method="PUT", body="{evil_body}")


_BY_DIGEST: Final = asked("/v2/{app}/manifests/{evil}")

ATTEMPTS: Final = (
    Attempt("put-by-digest-then-get", _put("/v2/{app}/manifests/{evil}") + _BY_DIGEST, leaks=True),
    Attempt(
        "put-by-digest-then-head",
        _put("/v2/{app}/manifests/{evil}") + asked("/v2/{app}/manifests/{evil}", method="HEAD"),
        leaks=True,
    ),
    Attempt(
        "put-to-a-new-tag-then-get", _put("/v2/{app}/manifests/new") + asked("/v2/{app}/manifests/new"), leaks=True
    ),
    Attempt("put-to-the-signed-tag-then-get", _put(SIGNED) + asked(SIGNED), leaks=True),
    Attempt("put-to-the-signed-tag-then-head", _put(SIGNED) + asked(SIGNED, method="HEAD"), leaks=True),
    Attempt("put-to-the-signed-tag-then-get-by-digest", _put(SIGNED) + _BY_DIGEST, leaks=True),
    Attempt(
        "put-to-the-signed-tag-between-reads", first(SIGNED) + _put(SIGNED) + first(SIGNED) + asked(SIGNED), leaks=True
    ),
    Attempt(
        "put-to-the-signed-digest-then-get",
        _put("/v2/{app}/manifests/{signed}") + asked("/v2/{app}/manifests/{signed}"),
    ),
    Attempt("put-to-the-signed-tag-no-cache", _put(SIGNED) + asked(SIGNED, "Cache-Control: no-cache"), leaks=True),
    Attempt(
        "put-and-get-with-override",
        first(SIGNED, *_EVIL, "X-HTTP-Method-Override: GET", method="PUT", body="{evil_body}") + asked(SIGNED),
        leaks=True,
    ),
    Attempt(
        "put-chunked-then-get",
        first("/v2/{app}/manifests/new", *_CHUNKED, method="PUT", body="{evil_chunk}\r\n{evil_body}\r\n0\r\n\r\n")
        + asked("/v2/{app}/manifests/new"),
        leaks=True,
    ),
    Attempt(
        "put-as-another-type-then-get",
        first(
            "/v2/{app}/manifests/{evil}",
            "Content-Type: application/json",
            "Content-Length: {evil_length}",
            method="PUT",
            body="{evil_body}",
        )
        + _BY_DIGEST,
    ),
    Attempt(
        "put-expecting-then-get",
        first("/v2/{app}/manifests/new", *_EVIL, "Expect: 100-continue", method="PUT", body="{evil_body}")
        + asked("/v2/{app}/manifests/new"),
        leaks=True,
    ),
    Attempt("put-what-is-there-already", _put("/v2/{app}/manifests/{evil}") * 2 + _BY_DIGEST, leaks=True),
    Attempt(
        "put-answers-with-the-body-asked",
        first("/v2/{app}/manifests/new", *_EVIL, "Prefer: return=representation", method="PUT", body="{evil_body}")
        + asked("/v2/{app}/manifests/{evil}"),
        leaks=True,
    ),
    Attempt("put-with-a-query-then-get", _put("/v2/{app}/manifests/{evil}?tag=1.0") + asked(SIGNED)),
    Attempt(
        "put-into-the-other-repository",
        _put("/v2/{other}/manifests/{borrowed}") + asked("/v2/{other}/manifests/{evil}"),
    ),
    Attempt(
        "mount-a-blob-then-get-it-as-manifest",
        first(_MOUNT, "Content-Length: 0", method="POST") + asked("/v2/{app}/manifests/{foreign_ghost}"),
        leaks=True,
    ),
    Attempt(
        "mount-a-manifest-then-get",
        first("/v2/{app}/blobs/uploads/?mount={foreign}&from={other}", "Content-Length: 0", method="POST")
        + asked("/v2/{app}/manifests/{foreign}"),
    ),
    Attempt(
        "mount-from-itself-then-get",
        first("/v2/{app}/blobs/uploads/?mount={ghost}&from={app}", "Content-Length: 0", method="POST")
        + asked("/v2/{app}/manifests/{ghost}"),
        leaks=True,
    ),
    Attempt(
        "mount-an-alias-then-get",
        first("/v2/{other}/blobs/uploads/?mount={alias_sha512}&from={app}", "Content-Length: 0", method="POST")
        + asked("/v2/{other}/manifests/{alias}"),
    ),
    Attempt(
        "mount-with-dot-segments",
        first("/v2/{app}/blobs/uploads/?mount={foreign_ghost}&from=x/../{other}", "Content-Length: 0", method="POST")
        + asked("/v2/{app}/manifests/{foreign_ghost}"),
    ),
    Attempt(
        "upload-in-one-post-then-get",
        first(
            "/v2/{app}/blobs/uploads/?digest={evil}", "Content-Length: {evil_length}", method="POST", body="{evil_body}"
        )
        + _BY_DIGEST,
    ),
    Attempt(
        "mount-an-alias-then-get-the-alias",
        first("/v2/{other}/blobs/uploads/?mount={alias_sha512}&from={app}", "Content-Length: 0", method="POST")
        + asked("/v2/{other}/manifests/{alias_sha512}"),
    ),
    Attempt(
        "upload-forged-state",
        first("/v2/{app}/blobs/uploads/forged?_state=forged&digest={evil}", *_EVIL, method="PUT", body="{evil_body}")
        + _BY_DIGEST,
    ),
    Attempt(
        "upload-called-as-the-tag",
        first("/v2/{app}/blobs/uploads/1.0?digest={evil}", *_EVIL, method="PUT", body="{evil_body}") + asked(SIGNED),
    ),
    Attempt(
        "delete-the-signed-tag-then-get",
        first(SIGNED, method="DELETE") + _put(SIGNED) + asked(SIGNED),
        leaks=True,
    ),
    Attempt(
        "delete-the-tag-then-get",
        first("/v2/{app}/manifests/2.0", method="DELETE") + asked("/v2/{app}/manifests/2.0"),
        leaks=True,
    ),
)
