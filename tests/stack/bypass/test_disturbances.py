"""Nobody reads a manifest that nobody admitted, even while tags move and clients break off in the middle."""

import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Final

import pytest

from deploy.stack.images import Image
from deploy.stack.proxy import Proxy
from deploy.stack.registry import Registry
from tests.stack.bypass.attempts import SIGNED, UNSIGNED, Attempt, asked, first
from tests.stack.bypass.bait import SIGNED_TAG, Bait

_RESET: Final = struct.pack("ii", 1, 0)
_READS: Final = (
    Attempt("signed-tag", asked(SIGNED)),
    Attempt("signed-tag-head", asked(SIGNED, method="HEAD")),
    Attempt("unsigned-tag", asked(UNSIGNED)),
    Attempt("both", first(SIGNED, method="HEAD") + first(UNSIGNED) + asked(SIGNED)),
)
_LAYER: Final = "/v2/{app}/blobs/{signed_layer}"
_BROKEN_OFF: Final = (
    Attempt("blob-read", asked(_LAYER)),
    Attempt("blob-read-and-more", first(_LAYER) + asked(UNSIGNED)),
    Attempt("manifest-read", asked(SIGNED)),
    Attempt("refused-read", asked(UNSIGNED)),
    Attempt("upload", first("/v2/{app}/blobs/uploads/", "Content-Length: 9999", method="POST", body="{hidden}")),
    Attempt("push", first("/v2/{app}/manifests/x", "Content-Length: 9999", method="PUT", body="{hidden}")),
    Attempt(
        "chunk", first("/v2/{app}/manifests/x", "Transfer-Encoding: chunked", method="PUT", body="fff\r\n{hidden}")
    ),
    Attempt("head", "GET /v2/{app}/manifests/2.0 HTTP/1.1\r\nHost: x\r\nX-Half"),
)


@contextmanager
def _meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Do something again and again, at least once, for as long as the block lasts."""
    over, begun = Event(), Event()

    def again() -> None:
        while not over.is_set():
            act()
            begun.set()

    with ThreadPoolExecutor(1) as pool:
        acting = pool.submit(again)
        try:
            assert begun.wait(30)
            yield
        finally:
            over.set()
            acting.result()


def _move(registry: Registry, repository: str, *contents: Image) -> None:
    for content in contents:
        registry.put_manifest(repository, SIGNED_TAG, content.manifest.media_type, content.manifest.content)


def _break_off(host: str, sent: bytes) -> None:
    """Send something, wait for a first byte for a moment, and hang up the hard way."""
    address, _, port = host.rpartition(":")
    with socket.create_connection((address, int(port)), 10.0) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.sendall(sent)
        connection.settimeout(0.01)
        try:
            connection.recv(1)
        except (TimeoutError, ConnectionError):
            return


def _reads_are_right(proxy: Proxy, bait: Bait) -> None:
    for read in _READS:
        answers = read.at(proxy.host, bait)
        assert bait.leaks(answers) == [], read.id
        if read.id == "signed-tag":
            assert [answer.body for answer in answers] == [bait.signed.manifest.content]


def test_tag_that_moves_all_the_time(proxy: Proxy, registry: Registry, bait: Bait) -> None:
    """While somebody moves the signed tag to and fro in the registry, every read gets what is signed or nothing."""
    with _meanwhile(lambda: _move(registry, bait.app, bait.unadmitted["evil"], bait.signed)):
        for _ in range(12):
            _reads_are_right(proxy, bait)


@pytest.mark.parametrize("attempt", [pytest.param(each, id=each.id) for each in _BROKEN_OFF])
def test_connection_that_breaks_off(proxy: Proxy, bait: Bait, attempt: Attempt) -> None:
    """What a client leaves behind when it hangs up never becomes the answer to somebody else."""
    sent = attempt.bytes_for(bait, proxy.host)
    with _meanwhile(lambda: _break_off(proxy.host, sent)):
        for _ in range(3):
            _reads_are_right(proxy, bait)
    _reads_are_right(proxy, bait)
