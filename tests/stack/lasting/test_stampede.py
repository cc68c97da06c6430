"""A thousand clients ask for the same cold tag: Notary is asked once, whoever of them stays to hear the answer."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.stack.notary import Notary
from deploy.stack.notary_relay import NotaryRelay, notary_relay
from deploy.stack.people import Person
from deploy.stack.proxy import Proxy
from deploy.stack.proxy import proxy as run_proxy
from deploy.stack.registry import Registry
from loadtest.stampede import Answered, crowd, stampede
from tests.stack.configuration import configuration, wait_for
from tests.stack.lasting.conftest import sign

CLIENTS = 1000
LEAVING = 100
FILES = ("root", "timestamp", "snapshot", "targets")


@contextmanager
def counted(directory: Path, registry: Registry, notary: Notary, anchor: str) -> Iterator[tuple[Proxy, NotaryRelay]]:
    """A proxy, and a relay to its Notary that counts."""
    settings = configuration(registry, notary, [anchor], {})
    with notary_relay(notary) as relay:
        settings["notaries"]["corp"] = {"url": relay.url, "roots": ["owner"]}
        settings["repositories"] = {"**": {"signed_by": "released"}}
        with run_proxy(directory, settings) as proxy:
            yield proxy, relay


def fetched(relay: NotaryRelay) -> Counter[str]:
    """How often each role was asked for, by whatever address."""
    return Counter(path.partition("/_trust/tuf/")[2].split(".")[0] for path in relay.files())


def test_a_thousand_at_once_ask_notary_once(
    registry: Registry, notary: Notary, owner: Person, anchor: str, repository: str, tmp_path: Path
) -> None:
    """All of them get the signed image, and each of the files that it rests on was fetched exactly once."""
    image = sign(owner, registry, repository)
    with counted(tmp_path, registry, notary, anchor) as (proxy, relay):
        answers = asyncio.run(stampede(proxy, repository, "1.0", CLIENTS))
        assert Counter((each.status, each.digest) for each in answers) == {(200, image.content.digest): CLIENTS}
        assert fetched(relay) == Counter(FILES)


def test_the_first_to_ask_may_leave(
    registry: Registry, notary: Notary, owner: Person, anchor: str, repository: str, tmp_path: Path
) -> None:
    """The one for whom Notary is asked hangs up amid it, as do many after it: the others get the answer of that."""
    image = sign(owner, registry, repository)

    async def ask(proxy: Proxy, relay: NotaryRelay) -> list[Answered]:
        clients = await crowd(proxy, CLIENTS)
        clients[0].ask(repository, "1.0")
        await asyncio.to_thread(wait_for, lambda: relay.asked, bool)
        for each in clients[1:LEAVING]:
            each.ask(repository, "1.0")
        staying = asyncio.gather(*(each.pull(repository, "1.0") for each in clients[LEAVING:]))
        await asyncio.gather(*(each.leave() for each in clients[:LEAVING]))
        relay.gate.set()
        answers = await staying
        await asyncio.gather(*(each.leave() for each in clients[LEAVING:]))
        return answers

    with counted(tmp_path, registry, notary, anchor) as (proxy, relay):
        relay.gate.clear()
        answers = asyncio.run(ask(proxy, relay))
        assert Counter((each.status, each.digest) for each in answers) == {
            (200, image.content.digest): CLIENTS - LEAVING
        }
        assert fetched(relay) == Counter(FILES)
