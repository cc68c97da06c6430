"""The client against the real notary-server: what people sign with the real tools is what is fetched."""

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from certs.authority import Authority
from deploy.stack import notary_client
from deploy.stack.notary import Notary, notary
from deploy.stack.people import Person
from proxy.drive import drive
from proxy.names import Gun, Tag
from proxy.notary.client import NotarySource
from proxy.tuf.messages import Fetch, Fetched, Missing, TooLarge
from proxy.tuf.pins import Pins
from proxy.tuf.update import update
from tests.unit.notary.conftest import settings_for
from tests.unit.registry.material import eventually

GUN = Gun("registry.example.com:5000/shop/api")
DIGEST = f"sha256:{sha256(b'manifest').hexdigest()}"
LIMIT = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notary]:
    """A server with one collection: forty tags, which make `targets` too long for a Content-Length."""
    directory = tmp_path_factory.mktemp("notary")
    with notary(directory, Authority.open(directory / "certs")) as running:
        owner = Person.settle("owner", directory / "owner", running)
        notary_client.initialise(owner, GUN)
        for number in range(40):
            notary_client.add_target(owner, GUN, f"v{number}", DIGEST, 527)
        yield running


@asynccontextmanager
async def of(server: Notary) -> AsyncIterator[NotarySource]:
    """A client for the server, gone with all of its connections: one that was broken off takes a moment."""
    async with NotarySource(settings_for(server.url, ca_file=server.ca_file)) as source:
        yield source
    loop = asyncio.get_running_loop()
    if isinstance(loop, asyncio.SelectorEventLoop):
        files = loop._selector.get_map()  # type: ignore[attr-defined]  # nothing public tells
        await eventually(lambda: len(files) == 1)  # by which threads wake it


async def test_files_are_fetched_as_they_were_signed(server: Notary) -> None:
    """Timestamp, then snapshot and targets by the hashes that lead to them, byte for byte."""
    async with of(server) as source:
        name, fetched = "timestamp", {}
        for following in ("snapshot", "targets", None):
            reply = await source.fetch(GUN, Fetch(name, LIMIT))
            assert isinstance(reply, Fetched)
            fetched[name.partition(".")[0]] = reply.data
            if following:
                named = b64decode(json.loads(reply.data)["signed"]["meta"][following]["hashes"]["sha256"])
                name = f"{following}.{named.hex()}"
    assert sha256(fetched["targets"]).hexdigest() == name.partition(".")[2]
    assert len(json.loads(fetched["targets"])["signed"]["targets"]) == 40
    assert len(fetched["targets"]) > 2048


@pytest.mark.parametrize(
    ("gun", "name"),
    [
        pytest.param(GUN, "targets/nobody", id="role"),
        pytest.param(GUN, "99.root", id="version"),
        pytest.param(GUN, f"targets.{'0' * 64}", id="hash"),
        pytest.param(Gun("registry.example.com:5000/shop/none"), "timestamp", id="collection"),
    ],
)
async def test_what_is_not_there_is_missing(server: Notary, gun: Gun, name: str) -> None:
    """The server's 404 is the answer that it has no such file."""
    async with of(server) as source:
        assert await source.fetch(gun, Fetch(name, LIMIT)) == Missing()


@pytest.mark.parametrize("name", ["timestamp", "targets"])
async def test_the_limit_holds_for_real_answers(server: Notary, name: str) -> None:
    """Too large is too large, with a Content-Length (timestamp) and in chunks (targets)."""
    async with of(server) as source:
        assert await source.fetch(GUN, Fetch(name, 100)) == TooLarge()


async def test_a_whole_update_verifies(server: Notary) -> None:
    """Driven by this client, the workflow ends in a collection with the tags that were signed."""
    async with of(server) as source:
        workflow = update(GUN, Pins.tofu(), None, datetime.now(UTC))
        collection = await drive(workflow, lambda wish: source.fetch(GUN, wish))
    target = collection.targets.target(Tag("v7"))
    assert target
    assert (target.digest, target.length) == (DIGEST, 527)
