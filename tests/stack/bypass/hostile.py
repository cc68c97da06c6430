"""A registry that lies: it stands before the real one, and plays one trick on the proxy."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final, TypeAlias

from deploy.stack.images import Blob
from deploy.stack.registry import Registry
from deploy.stack.web import ask

STOLEN: Final = "/stolen"
UNKNOWN_DIGEST: Final = f"sha256:{'0' * 64}"
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_FAILURES: Final = (400, 401, 403, 404, 410, 429, 500, 503, 599)
_END_TO_END: Final = frozenset({"accept", "authorization", "content-type", "content-range", "range", "if-none-match"})
_BACK: Final = frozenset({"content-type", "docker-content-digest", "etag", "location", "docker-upload-uuid", "range"})


@dataclass(frozen=True)
class Lie:
    """An answer instead of the real one."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


Trick: TypeAlias = Callable[[str, str, "Hostile"], Lie | None]


class Hostile:
    """The lying registry; `trick` answers (method, path), or leaves the request to the real one.

    With `lets_in` it does not lie about a digest that nobody has, by which the proxy learns whether a client may read.
    """

    def __init__(self, real: Registry, url: str) -> None:
        """Stand before `real` at `url`, honest until told otherwise."""
        self.real = real
        self.url = url
        self.elsewhere = url.replace("127.0.0.1", "localhost")
        self.loot = Blob("", b"")
        self.trick: Trick = honest
        self.lets_in = False

    @property
    def host(self) -> str:
        """Address and port."""
        return self.url.removeprefix("http://")

    def stolen(self, status: int = 200, **headers: str) -> Lie:
        """The unsigned manifest as it is, under this status; underscores in header names stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Lie(status, {"Content-Type": self.loot.media_type} | named, self.loot.content)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Lie:
        """Lie, or ask the real registry."""
        if path == STOLEN:
            return self.stolen()
        lie = None if self.lets_in and path.endswith(UNKNOWN_DIGEST) else self.trick(method, path, self)
        if lie is not None:
            return lie
        sent = {name: value for name, value in headers.items() if name.lower() in _END_TO_END}
        real = ask(f"{self.real.url}{path}", method=method, headers=sent, body=body or None)
        return Lie(
            real.status, {name: value for name, value in real.headers.items() if name.lower() in _BACK}, real.body
        )


def honest(_method: str, _path: str, _hostile: Hostile) -> None:
    """No trick."""


def _words(hostile: Hostile) -> str:
    return hostile.loot.content.decode()


def _error(status: int, **error: Any) -> Lie:
    body = json.dumps({"errors": [{"code": "DENIED", "message": "no", "detail": None} | error]}).encode()
    return Lie(status, {"Content-Type": "application/json"}, body)


def _where(part: str, *methods: str) -> Callable[[str, str], bool]:
    """Whether a request is for such a path, by one of these methods."""
    return lambda method, path: part in path and (not methods or method in methods)


def _lying(applies: Callable[[str, str], bool], lie: Callable[[Hostile, str], Lie]) -> Trick:
    return lambda method, path, hostile: lie(hostile, path) if applies(method, path) else None


def _redirect(status: int, *, elsewhere: bool = False) -> Callable[[Hostile, str], Lie]:
    return lambda evil, _: Lie(status, {"Location": evil.elsewhere + STOLEN if elsewhere else STOLEN})


def _failure(status: int) -> Callable[[Hostile, str], Lie]:
    return lambda evil, _: evil.stolen(status)


def _is_list(method: str, path: str) -> bool:
    """A blob is none: where that is stored a client may be told."""
    return method == "GET" and "/blobs/sha256:" not in path


_MANIFESTS: Final = _where("/manifests/", "GET", "HEAD")
_WRITES: Final = _where("", "PUT", "POST", "PATCH", "DELETE")

TRICKS: Final[Mapping[str, Trick]] = {
    "another-manifest": _lying(_MANIFESTS, lambda evil, _: evil.stolen()),
    "another-manifest-under-the-asked-digest": _lying(
        _MANIFESTS, lambda evil, path: evil.stolen(Docker_Content_Digest=path.rpartition("/")[2])
    ),
    "another-manifest-under-its-etag": _lying(
        _MANIFESTS, lambda evil, path: evil.stolen(ETag=f'"{path.rpartition("/")[2]}"')
    ),
    "a-part-of-another-manifest": _lying(
        _MANIFESTS, lambda evil, _: evil.stolen(206, Content_Range=f"bytes 0-{evil.loot.length - 1}/*")
    ),
    **{f"redirect-{status}-to-itself": _lying(_MANIFESTS, _redirect(status)) for status in _REDIRECTS},
    **{f"redirect-{status}-elsewhere": _lying(_MANIFESTS, _redirect(status, elsewhere=True)) for status in _REDIRECTS},
    "redirect-with-a-manifest": _lying(
        _MANIFESTS, lambda evil, _: evil.stolen(307, Location="https://elsewhere.example.com/")
    ),
    "redirect-without-an-address": _lying(_MANIFESTS, lambda evil, _: evil.stolen(302)),
    "redirect-in-a-circle": _lying(_MANIFESTS, lambda evil, path: evil.stolen(307, Location=path)),
    "choices": _lying(_MANIFESTS, lambda evil, _: evil.stolen(300, Location=STOLEN)),
    "not-modified-with-a-manifest": _lying(_MANIFESTS, lambda evil, _: evil.stolen(304)),
    **{f"error-{status}-is-a-manifest": _lying(_MANIFESTS, _failure(status)) for status in _FAILURES},
    "error-says-a-manifest": _lying(_MANIFESTS, lambda evil, _: _error(403, message="x" * 200 + _words(evil))),
    "error-details-a-manifest": _lying(_MANIFESTS, lambda evil, _: _error(403, detail=json.loads(_words(evil)))),
    "error-details-a-manifest-as-text": _lying(_MANIFESTS, lambda evil, _: _error(404, detail=" " * 99 + _words(evil))),
    "error-code-is-a-manifest": _lying(_MANIFESTS, lambda evil, _: _error(401, code=_words(evil))),
    "error-is-packed": _lying(_MANIFESTS, lambda evil, _: evil.stolen(404, Content_Encoding="gzip")),
    "status-no-number-for-it": _lying(_MANIFESTS, lambda evil, _: evil.stolen(999)),
    "root-is-a-manifest": _lying(_where("/v2/"), lambda evil, path: evil.stolen() if path == "/v2/" else Lie(404)),
    "tags-are-a-manifest": _lying(_where("/tags/list"), lambda evil, _: evil.stolen()),
    "catalog-is-a-manifest": _lying(_where("/_catalog"), lambda evil, _: evil.stolen()),
    "referrers-are-a-manifest": _lying(_where("/referrers/"), lambda evil, _: evil.stolen()),
    "lists-are-errors-with-a-manifest": _lying(_where("", "GET"), lambda evil, _: evil.stolen(404)),
    "lists-redirect": _lying(_is_list, lambda evil, _: evil.stolen(307, Location=evil.elsewhere + STOLEN)),
    "writes-are-answered-with-a-manifest": _lying(_WRITES, lambda evil, _: evil.stolen(201, Location="/v2/")),
    "writes-are-errors-with-a-manifest": _lying(_WRITES, lambda evil, _: evil.stolen(400)),
    "writes-redirect": _lying(_WRITES, lambda evil, _: evil.stolen(307, Location=evil.elsewhere + STOLEN)),
    "uploads-are-a-manifest": _lying(_where("/uploads/", "GET", "HEAD"), lambda evil, _: evil.stolen()),
    "blobs-are-errors-with-a-manifest": _lying(_where("/blobs/"), lambda evil, _: evil.stolen(404)),
    "blobs-redirect-with-a-manifest": _lying(
        _where("/blobs/", "GET"), lambda evil, _: evil.stolen(307, Location="/v2/app/manifests/2.0")
    ),
}


@contextmanager
def hostile(real: Registry) -> Iterator[Hostile]:
    """Run it for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        """Answers one connection; closes it after each answer, so that no lie can be taken for the next one."""

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            lie = evil.answer(self.command, self.path, dict(self.headers.items()), body)
            self.send_response(lie.status, "Lie")
            for name, value in lie.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(lie.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(lie.body)

        do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815  (http.server's names)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    evil = Hostile(real, f"http://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield evil
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
