"""Attempts that hide one request in another: pipelines, bodies where none belong, lengths that disagree."""

from typing import Final

from tests.stack.bypass.attempts import BY_DIGEST, CLOSE, HOST, SIGNED, TYPES, UNSIGNED, Attempt, asked, first, said

_HIDDEN: Final = "{hidden}"
_UPLOADS: Final = "/v2/{app}/blobs/uploads/"
_CHUNKED: Final = "Transfer-Encoding: chunked"


def _after(*headers: str, target: str = SIGNED, method: str = "GET", body: str = "") -> str:
    """One request with a body, and another one behind what may be taken for its end."""
    return first(target, *headers, method=method, body=body + _HIDDEN)


def _around(target: str, method: str, how: str) -> str:
    """One request whose whole body is another one."""
    if how == "chunked":
        body = "{hidden_chunk}\r\n" + _HIDDEN + "\r\n0\r\n\r\n"
        return first(target, _CHUNKED, method=method, body=body)
    expected = ["Expect: 100-continue"] if how == "expected" else []
    return first(target, "Content-Length: {hidden_length}", *expected, method=method, body=_HIDDEN)


_MAY_HAVE_A_BODY: Final = {
    "a-pull": ("GET", SIGNED),
    "a-pull-head": ("HEAD", SIGNED),
    "the-root": ("GET", "/v2/"),
    "tags": ("GET", "/v2/{app}/tags/list"),
    "a-blob": ("GET", "/v2/{app}/blobs/{signed_config}"),
    "a-blob-head": ("HEAD", "/v2/{app}/blobs/{signed_config}"),
    "a-lost-blob-deleted": ("DELETE", "/v2/{app}/blobs/{signed}"),
    "a-tag-deleted": ("DELETE", UNSIGNED),
    "a-push": ("PUT", "/v2/{app}/manifests/pushed"),
    "an-upload": ("POST", _UPLOADS),
    "a-lost-upload": ("PATCH", _UPLOADS + "lost"),
    "a-lost-upload-read": ("GET", _UPLOADS + "lost"),
    "a-wrong-method": ("PATCH", UNSIGNED),
    "a-wrong-path": ("POST", "/v2/{app}/nothing"),
}

ATTEMPTS: Final = (
    Attempt("pipelined-behind-the-signed-tag", first(SIGNED) + _HIDDEN, leaks=True),
    Attempt("pipelined-behind-the-root", first("/v2/") + _HIDDEN, leaks=True),
    Attempt("pipelined-behind-a-head", first(SIGNED, method="HEAD") + _HIDDEN, leaks=True),
    Attempt("pipelined-behind-a-304", first(SIGNED, 'If-None-Match: "{signed}"') + _HIDDEN, leaks=True),
    Attempt("pipelined-behind-a-blob", first("/v2/{app}/blobs/{signed}") + _HIDDEN, leaks=True),
    Attempt(
        "pipelined-behind-a-blob-head", first("/v2/{app}/blobs/{signed_config}", method="HEAD") + _HIDDEN, leaks=True
    ),
    Attempt("pipelined-behind-tags", first("/v2/{app}/tags/list") + _HIDDEN, leaks=True),
    Attempt("pipelined-behind-a-refusal", first(UNSIGNED) + first(BY_DIGEST) + _HIDDEN, leaks=True),
    Attempt("pipelined-behind-an-unknown-path", first("/nothing") + _HIDDEN, leaks=True),
    Attempt("pipelined-behind-an-upload", _after("Content-Length: 0", target=_UPLOADS, method="POST"), leaks=True),
    Attempt("pipelined-behind-options", first(SIGNED, method="OPTIONS") + _HIDDEN, leaks=True),
    Attempt("pipelined-fifty", first(SIGNED) * 49 + _HIDDEN, leaks=True),
    Attempt("pipelined-head-and-get", first(UNSIGNED, method="HEAD") + first(SIGNED) + _HIDDEN, leaks=True),
    Attempt("pipelined-blank-lines-between", first("/v2/") + "\r\n\r\n" + _HIDDEN),
    Attempt("body-on-get", _after("Content-Length: 4", body="body"), leaks=True),
    Attempt("body-on-get-of-the-unsigned", first(UNSIGNED, "Content-Length: 4", CLOSE, body="body"), leaks=True),
    Attempt("body-on-head", _after("Content-Length: 4", method="HEAD", body="body"), leaks=True),
    Attempt(
        "body-on-get-of-a-blob",
        _after("Content-Length: 4", target="/v2/{app}/blobs/{signed_config}", body="body"),
        leaks=True,
    ),
    Attempt(
        "body-on-delete",
        _after("Content-Length: 4", target="/v2/{app}/blobs/{signed}", method="DELETE", body="body"),
        leaks=True,
    ),
    Attempt("body-chunked-on-get", _after(_CHUNKED, body="4\r\nbody\r\n0\r\n\r\n"), leaks=True),
    *[
        Attempt(f"{how}-body-of-{what}", _around(target, method, how) + first(SIGNED) * 3 + asked(SIGNED))
        for how in ("plain", "chunked", "expected")
        for what, (method, target) in _MAY_HAVE_A_BODY.items()
    ],
    Attempt("body-of-a-get-is-the-request", _after("Content-Length: 1000"), hangs=True),
    Attempt(
        "body-of-a-blob-read-is-the-request", _after("Content-Length: 30", target="/v2/{app}/blobs/{signed_config}")
    ),
    Attempt("length-and-chunked", _after("Content-Length: 5", _CHUNKED, body="0\r\n\r\n"), leaks=True),
    Attempt(
        "length-and-chunked-upload",
        _after("Content-Length: 5", _CHUNKED, target=_UPLOADS, method="POST", body="0\r\n\r\n"),
        leaks=True,
    ),
    Attempt("chunked-and-length", _after(_CHUNKED, "Content-Length: 5", body="0\r\n\r\n"), leaks=True),
    Attempt(
        "chunked-and-a-long-length",
        _after(_CHUNKED, "Content-Length: 999", target=_UPLOADS, method="POST", body="0\r\n\r\n"),
        leaks=True,
    ),
    Attempt("length-zero-and-a-body", _after("Content-Length: 0"), leaks=True),
    Attempt("length-twice-different", _after("Content-Length: 0", "Content-Length: 400")),
    Attempt("length-twice-same", _after("Content-Length: 0", "Content-Length: 0"), leaks=True),
    Attempt("length-list", _after("Content-Length: 0, 0")),
    Attempt("length-with-plus", _after("Content-Length: +0")),
    Attempt("length-negative", _after("Content-Length: -1")),
    Attempt("length-hex", _after("Content-Length: 0x0")),
    Attempt("length-with-underscore", _after("Content-Length: 0_0")),
    Attempt("length-huge", _after("Content-Length: 99999999999999999999")),
    Attempt("length-blank", _after("Content-Length: "), leaks=True),
    Attempt("length-name-with-blank", _after("Content-Length : 400")),
    Attempt("length-folded", _after("Content-Length:\r\n 0"), leaks=True),
    Attempt("chunked-unknown", _after("Transfer-Encoding: xchunked", body="0\r\n\r\n")),
    Attempt("chunked-identity", _after("Transfer-Encoding: identity", body="")),
    Attempt("chunked-not-last", _after("Transfer-Encoding: chunked, identity", body="0\r\n\r\n")),
    Attempt("chunked-gzip", _after("Transfer-Encoding: gzip, chunked", body="0\r\n\r\n")),
    Attempt("chunked-twice", _after(_CHUNKED, _CHUNKED, body="0\r\n\r\n")),
    Attempt("chunked-tab", _after("Transfer-Encoding:\tchunked", body="0\r\n\r\n"), leaks=True),
    Attempt("chunked-vertical-tab", _after("Transfer-Encoding: \x0bchunked", body="0\r\n\r\n")),
    Attempt("chunked-upper-case", _after("Transfer-Encoding: CHUNKED", body="0\r\n\r\n"), leaks=True),
    Attempt("chunked-name-with-blank", _after("Transfer-Encoding : chunked", body="0\r\n\r\n")),
    Attempt("chunked-quoted", _after('Transfer-Encoding: "chunked"', body="0\r\n\r\n")),
    Attempt("chunked-folded", _after("Transfer-Encoding:\r\n chunked", body="0\r\n\r\n"), leaks=True),
    Attempt("chunked-in-http10", said(f"GET {SIGNED} HTTP/1.0", HOST, TYPES, _CHUNKED, body="0\r\n\r\n" + _HIDDEN)),
    Attempt("chunk-with-extension", _after(_CHUNKED, body="0;x=\r\n\r\n"), leaks=True),
    Attempt("chunk-with-long-extension", _after(_CHUNKED, body="4;" + "x" * 5000 + "\r\nbody\r\n0\r\n\r\n")),
    Attempt("chunk-with-extension-line-end", _after(_CHUNKED, body="0;x\n\r\n\r\n")),
    Attempt("chunk-line-ends-bare", _after(_CHUNKED, body="0\n\n"), leaks=True),
    Attempt("chunk-size-signed", _after(_CHUNKED, body="+0\r\n\r\n")),
    Attempt("chunk-size-hex-prefix", _after(_CHUNKED, body="0x0\r\n\r\n")),
    Attempt("chunk-size-leading-zeros", _after(_CHUNKED, body="0000000000\r\n\r\n"), leaks=True),
    Attempt("chunk-size-overflow", _after(_CHUNKED, body="10000000000000000\r\n\r\n")),
    Attempt("chunk-size-blank", _after(_CHUNKED, body=" 0\r\n\r\n")),
    Attempt("chunk-longer-than-said", _after(_CHUNKED, body="2\r\nbody\r\n0\r\n\r\n")),
    Attempt("chunk-trailer-is-the-request", _after(_CHUNKED, body="0\r\n")),
    Attempt("chunk-trailer-length", _after(_CHUNKED, body="0\r\nContent-Length: 400\r\n\r\n"), leaks=True),
    Attempt("chunk-trailer-host", _after(_CHUNKED, body="0\r\nHost: x\r\nX-Forwarded-Host: y\r\n\r\n"), leaks=True),
    Attempt("head-of-the-signed-get-of-the-unsigned", first(SIGNED, method="HEAD") + asked(BY_DIGEST), leaks=True),
    Attempt("head-and-get-in-one-line", said(f"HEAD {SIGNED} GET {UNSIGNED} HTTP/1.1", HOST, TYPES)),
    Attempt("two-versions-in-one-line", said(f"GET {UNSIGNED} HTTP/1.1 HTTP/1.1", HOST, TYPES)),
    Attempt("line-end-before-the-request", "\r\n" + _HIDDEN),
    Attempt("rubbish-before-the-request", "\x16\x03\x01\x02\x00\x01" + _HIDDEN),
    Attempt("half-a-request", first("/v2/") + f"GET {UNSIGNED} HTTP/1.1\r\nHost: x\r\n", hangs=True),
    Attempt(
        "expect-then-the-request",
        _after("Expect: 100-continue", "Content-Length: 0", target=_UPLOADS, method="POST"),
        leaks=True,
    ),
    Attempt("expect-on-get-then-the-request", _after("Expect: 100-continue", "Content-Length: 0"), leaks=True),
    Attempt("upgrade-then-the-request", _after("Connection: Upgrade", "Upgrade: websocket"), leaks=True),
    Attempt(
        "upgrade-h2c-then-the-request",
        _after("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
        leaks=True,
        hangs=True,
    ),
    Attempt("connect-then-the-request", said("CONNECT {host} HTTP/1.1", HOST, body=_HIDDEN), leaks=True),
)
