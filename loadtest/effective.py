"""`python -m loadtest.effective`: how soon a signature and a revocation count, for one watched repository and for many.

On the real notary-server, through its changefeed alone: no repository is looked at for any other reason within the
hour. One poll a second serves all of them, which is counted at a relay in front of the server.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from certs.authority import Authority
from deploy.stack.images import index, push
from deploy.stack.notary import notary
from deploy.stack.notary_relay import NotaryRelay, notary_relay
from deploy.stack.proxy import Proxy, proxy
from deploy.stack.registry import MANIFEST_TYPES, Registry, registry
from tests.support.certificates import root_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.publishing import Publisher

BOUND_SECONDS: Final = 2.0

_LONGEST: Final = 30.0
_POLL_SECONDS: Final = 0.02
_PULLING: Final = 8
_ACCEPT: Final = {"Accept": ", ".join(MANIFEST_TYPES)}
_CONTENT: Final = index([])
_OTHER: Final = index([], kind="oci")


@dataclass
class Effects:
    """Seconds until signatures and revocations counted, and what was asked of Notary meanwhile, in `seconds`."""

    signatures: list[float] = field(default_factory=list)
    revocations: list[float] = field(default_factory=list)
    seconds: float = 0.0
    polls: int = 0
    others: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Two lines for people."""
        both = {"signatures": self.signatures, "revocations": self.revocations}
        times = (f"{name}: median {median(took):.2f} s, slowest {max(took):.2f} s" for name, took in both.items())
        return f"{'; '.join(times)}\n{self.polls} polls in {self.seconds:.0f} s, {len(self.others)} files asked for"


@dataclass(frozen=True)
class Watched:
    """A proxy that has pulled from every repository: `sims` are their collections, whose tag `1.0` is signed."""

    registry: Registry
    proxy: Proxy
    relay: NotaryRelay
    publisher: Publisher
    sims: dict[str, NotarySimulator]

    def status(self, repository: str, tag: str) -> int:
        """What the proxy answers to a pull."""
        return self.proxy.request("GET", f"/v2/{repository}/manifests/{tag}", _ACCEPT).status

    def measure(self, times: int) -> Effects:
        """Sign a tag and take it back, so often, each time elsewhere.

        Raises:
            TimeoutError: It did not count within half a minute.
        """
        effects, chosen = Effects(), list(self.sims)
        self.relay.asked.clear()
        began = time.monotonic()
        for number in range(times):
            repository = chosen[(number * 37) % len(chosen)]
            sim = self.sims[repository]
            push(self.registry, repository, _OTHER, "2.0")
            sim.sign("2.0", _OTHER.manifest.content)
            self.publisher.change(sim)
            effects.signatures.append(self._until(repository, 200))
            del sim.targets.tags["2.0"]
            self.publisher.change(sim)
            effects.revocations.append(self._until(repository, 403))
        effects.seconds = time.monotonic() - began
        effects.polls, effects.others = self.relay.polls(), self.relay.files()
        return effects

    def _until(self, repository: str, status: int) -> float:
        began = time.monotonic()
        while self.status(repository, "2.0") != status:
            if time.monotonic() - began > _LONGEST:
                raise TimeoutError(f"{repository}:2.0 is not answered {status} after {_LONGEST:g} s")
            time.sleep(_POLL_SECONDS)
        return time.monotonic() - began


@contextmanager
def watched(directory: Path, count: int) -> Iterator[Watched]:
    """Run a stack with so many repositories, all of them pulled from once."""
    with ExitStack() as stack:
        there = stack.enter_context(registry(directory / "registry"))
        server = stack.enter_context(notary(directory / "notary", Authority.open(directory / "certs")))
        relay = stack.enter_context(notary_relay(server))
        publisher = Publisher(server)
        stack.callback(publisher.close)
        sims = {}
        for number in range(count):
            repository = f"team-{number % 20}/service-{number}"
            push(there, repository, _CONTENT, "1.0")
            sims[repository] = publisher.publish(f"{there.host}/{repository}", "1.0", _CONTENT.manifest.content)
        settings = {
            "name": there.host,
            "registry": {"url": there.url},
            "notaries": {"corp": {"url": relay.url, "roots": ["owner"], "changefeed": "1s"}},
            "roots": {"owner": {"public_key_ids": [root_key("any").public_key_id]}},
            "repositories": {"**": {"signed_by": "released", "fresh_for": "1h"}},
        }
        made = Watched(there, stack.enter_context(proxy(directory / "proxy", settings)), relay, publisher, sims)
        with ThreadPoolExecutor(_PULLING) as crowd:
            answers = set(crowd.map(lambda repository: made.status(repository, "1.0"), sims))
        if answers != {200}:
            raise RuntimeError(f"the images could not be pulled: {answers}")
        yield made


def main() -> None:
    """Measure, print, and fail where the median is over what is promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, nargs="+", default=[1, 1000])
    parser.add_argument("--times", type=int, default=20)
    wanted = parser.parse_args()
    for count in wanted.repositories:
        scratch = tempfile.TemporaryDirectory(prefix="tagwarden-effective-")
        with scratch as directory, watched(Path(directory), count) as made:
            effects = made.measure(wanted.times)
        print(f"{count} watched: {effects}")
        if median(effects.signatures + effects.revocations) > BOUND_SECONDS:
            raise SystemExit(f"more than {BOUND_SECONDS:g} s")


if __name__ == "__main__":
    main()
