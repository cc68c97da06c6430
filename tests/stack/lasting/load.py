"""Clients that pull the same images again and again, and write down what they get."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from threading import Event, Thread

from deploy.stack.proxy import Proxy
from deploy.stack.registry import MANIFEST_TYPES
from deploy.stack.web import Answer

ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}
PAUSE_SECONDS = 0.05

_figures = logging.getLogger("figures")


@dataclass(frozen=True)
class Pull:
    """One request: which image, when it began (monotonic), how long it took, and what came of it."""

    image: str
    began: float
    seconds: float
    status: int
    digest: str | None
    refusal: str | None
    stale: int | None


@dataclass
class Load:
    """Clients at work."""

    pulls: list[Pull] = field(default_factory=list)

    def of(self, image: str) -> list[Pull]:
        """The pulls of one image, in order."""
        return sorted((each for each in self.pulls if each.image == image), key=lambda each: each.began)

    def since(self, began: float) -> list[Pull]:
        """The pulls that began at that moment (monotonic) or later."""
        return [each for each in self.pulls if each.began >= began]

    @property
    def failed(self) -> list[Pull]:
        """Those that brought no image."""
        return [each for each in self.pulls if each.status != 200]

    @property
    def slowest(self) -> float:
        """Seconds of the one that took longest."""
        return max(each.seconds for each in self.pulls)


@contextmanager
def load(proxy: Proxy, images: Sequence[str]) -> Iterator[Load]:
    """Let one client for each image pull it for as long as the block lasts; all are done when it ends."""
    done, written = Event(), Load()

    def go_on(image: str) -> None:
        while not done.wait(PAUSE_SECONDS):
            written.pulls.append(pull(proxy, image))

    clients = [Thread(target=go_on, args=(image,), daemon=True) for image in images]
    for client in clients:
        client.start()
    try:
        yield written
    finally:
        done.set()
        for client in clients:
            client.join()


def pull(proxy: Proxy, image: str) -> Pull:
    """Ask for the manifest of `REPOSITORY:TAG`; status 0 is no answer."""
    began = time.monotonic()
    try:
        answer = manifest(proxy, image)
    except (OSError, HTTPException):
        return Pull(image, began, time.monotonic() - began, 0, None, None, None)
    stale = answer.headers["X-Tagwarden-Stale"]
    return Pull(
        image,
        began,
        time.monotonic() - began,
        answer.status,
        answer.headers["Docker-Content-Digest"],
        answer.headers["X-Tagwarden-Refusal"],
        None if stale is None else int(stale),
    )


def report(figures: str) -> None:
    """Say what was measured, to whoever runs this with `--log-cli-level=INFO`."""
    _figures.info("%s", figures)


def manifest(proxy: Proxy, image: str) -> Answer:
    """The same, as it was answered."""
    repository, _, tag = image.rpartition(":")
    return proxy.request("GET", f"/v2/{repository}/manifests/{tag}", ACCEPT)
