"""A registry that hides: whatever somebody may not read does not exist, as Harbor and others have it.

It stands before a real registry with passwords, and looks before it says that something is as the client has it:
no 304 without a manifest, unlike docker-registry 2.8 (clients 4.2). Writes are nobody's here.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final

from deploy.stack.registry import Registry
from deploy.stack.web import ask

NOTHING: Final = json.dumps(
    {"errors": [{"code": "NAME_UNKNOWN", "message": "repository name not known", "detail": None}]}
).encode()

_SENT: Final = ("Accept", "Authorization", "Range")
_KEPT: Final = ("Content-Type", "Docker-Content-Digest", "WWW-Authenticate", "Docker-Distribution-Api-Version")


@contextmanager
def hiding(registry: Registry) -> Iterator[str]:
    """Stand before a registry on a free loopback port; yields the address."""

    class Handler(_Handler):
        behind = registry.url

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        thread = Thread(target=listener.serve_forever, args=(0.05,), name="hiding registry", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.server_port}"
        finally:
            listener.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    behind: str

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        sent = {name: self.headers[name] for name in _SENT if name in self.headers}
        answer = ask(f"{self.behind}{self.path}", method=self.command, headers=sent)
        if answer.status in (401, 403, 404) and self.path != "/v2/":
            self._send(404, HTTPMessage(), NOTHING, "application/json")
        else:
            self._send(answer.status, answer.headers, answer.body)

    def _send(self, status: int, headers: HTTPMessage, body: bytes, content_type: str | None = None) -> None:
        self.send_response(status)
        for name in _KEPT:
            for value in headers.get_all(name, []):
                self.send_header(name, value)
        if content_type:
            self.send_header("Content-Type", content_type)
        length = headers["Content-Length"] if self.command == "HEAD" and not content_type else str(len(body))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
