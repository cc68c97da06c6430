"""Following the changefeed of the real notary-server: what people sign and delete, restarts, rights, and hangs."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict
from yarl import URL

from certs.authority import Authority
from deploy.stack import notary_client
from deploy.stack.notary import Notary, notary
from deploy.stack.people import Person
from deploy.stack.ports import free_port
from deploy.stack.web import Login, ask
from proxy.clock import Clock
from proxy.config.pem import PemFile
from proxy.config.settings import Credentials, NotarySettings
from proxy.names import Gun
from proxy.notary.changefeed import Changefeed, Told
from proxy.notary.client import NotarySource
from proxy.tasks import spawn
from tests.support.changefeed import ChangefeedSimulator
from tests.support.token_server import User, token_server

OWNER, WARDEN, READER = Login("owner", "owner's"), Login("warden", "warden's"), Login("reader", "reader's")
APP, OTHER = Gun("registry.example.com/shop/app"), Gun("registry.example.com/shop/other")
DIGEST = f"sha256:{sha256(b'manifest').hexdigest()}"


_Found = TypeVar("_Found")


async def eventually(find: Callable[[], _Found | None]) -> _Found:
    """Look until something is there."""
    for _ in range(600):
        if found := find():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come")


@dataclass
class Listener:
    """Somebody who is told of changes."""

    told: list[Told] = field(default_factory=list)
    said: list[EventDict] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, told: Told) -> None:
        """Be told."""
        self.told.append(told)
        self._news.set()

    async def heard_of(self, gun: Gun) -> None:
        """Wait until that was told to have changed, and forget all that was told."""
        await self._until(lambda told: told is not None and gun in told)

    async def heard_of_any(self) -> None:
        """Wait until anything may have changed, and forget all that was told."""
        await self._until(lambda told: told is None)

    async def _until(self, fits: Callable[[Told], bool]) -> None:
        while not any(map(fits, self.told)):
            await self._news.wait()
            self._news.clear()
        self.told.clear()

    async def event(self, name: str) -> EventDict:
        """Wait until an event was logged."""
        return await eventually(lambda: next((each for each in self.said if each["event"] == name), None))


@asynccontextmanager
async def following(server: Notary, login: Login | None = None, *, every: float = 0.2) -> AsyncIterator[Listener]:
    """Follow a server's changefeed, from after its first page on."""
    credentials = Credentials(login.username, login.password) if login else None
    ca_file = PemFile.read(server.ca_file)
    settings = NotarySettings("corp", URL(server.url), ca_file, None, None, credentials, 2.0, every)
    with capture_logs() as said:
        listener = Listener(said=said)
        async with NotarySource(settings) as source:
            running = spawn(Changefeed(source, every, Clock()).run(listener.tell), name="changefeed")
            try:
                await eventually(lambda: said)
                yield listener
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


async def done(work: Callable[..., object], *arguments: object) -> None:
    """What people do, in a thread of its own."""
    await asyncio.to_thread(work, *arguments)


@pytest.fixture
def server(tmp_path: Path, authority: Authority) -> Iterator[Notary]:
    """A server that lets everybody in."""
    with notary(tmp_path / "notary", authority) as running:
        yield running


@pytest.fixture
def owner(tmp_path: Path, server: Notary) -> Person:
    """The owner of `APP`, which is on the server."""
    person = Person.settle("owner", tmp_path / "owner", server)
    notary_client.initialise(person, APP)
    return person


async def test_what_people_do_is_told(server: Notary, owner: Person) -> None:
    """A tag is signed, one is taken back, a collection is made, and one is deleted: each is told, and no other."""
    async with following(server) as listener:
        await done(notary_client.add_target, owner, APP, "1.0", DIGEST, 527)
        await listener.heard_of(APP)
        await done(notary_client.remove_target, owner, APP, "1.0")
        await listener.heard_of(APP)
        await done(notary_client.initialise, owner, OTHER)
        await listener.heard_of(OTHER)
        await done(notary_client.delete_collection, owner, APP)
        await listener.heard_of(APP)
    assert {each["event"] for each in listener.said} == {"changefeed followed", "changed in Notary"}


async def test_two_replicas_are_told_the_same(server: Notary, owner: Person) -> None:
    """Each has its own place."""
    async with following(server) as one, following(server, every=0.5) as other:
        await done(notary_client.add_target, owner, APP, "1.0", DIGEST, 527)
        await asyncio.gather(one.heard_of(APP), other.heard_of(APP))


async def test_what_happened_while_notary_hung_is_told(server: Notary, owner: Person) -> None:
    """Nothing is lost between the last answer and the next."""
    async with following(server) as listener:
        await done(server.daemon.hang)
        await listener.event("changefeed not followed")
        server.daemon.resume()
        await done(notary_client.add_target, owner, APP, "1.0", DIGEST, 527)
        await listener.heard_of(APP)
    assert "anything may have changed" not in {each["event"] for each in listener.said}


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({"records": "100"}, id="from-the-beginning"),
        pytest.param({"records": "0", "change_id": ""}, id="default-size"),
        pytest.param({"records": "17", "change_id": "-1"}, id="newest"),
        pytest.param({"records": "1", "change_id": "-1"}, id="newest-one"),
        pytest.param({"records": "100", "change_id": "1"}, id="after-the-first"),
        pytest.param({"records": "1", "change_id": "1"}, id="second"),
        pytest.param({"records": "100", "change_id": "99"}, id="beyond-the-end"),
        pytest.param({"records": "100", "change_id": "9f-ab"}, id="foreign-id"),
        pytest.param({"change_id": "1"}, id="no-size"),
    ],
)
def test_the_simulated_changefeed_answers_alike(server: Notary, owner: Person, query: dict[str, str]) -> None:
    """What unit tests follow says what the real one says: a collection was made in two steps, and deleted."""
    notary_client.delete_collection(owner, APP)
    simulated = ChangefeedSimulator()
    simulated.publish(APP, APP)
    simulated.delete(APP)
    status, said = simulated.answer(query)
    answer = ask(f"{server.url}/v2/_trust/changefeed?{urlencode(query)}", ca_file=server.ca_file)
    assert answer.status == status
    if status == 200:
        real, ours = json.loads(answer.body), json.loads(said)
        assert _comparable(real) == _comparable(ours)


def _comparable(page: dict[str, Any]) -> dict[str, Any]:
    """A page without what differs from run to run."""
    records = page["records"] and [
        record | {"CreatedAt": "", "SHA256": len(record["SHA256"])} for record in page["records"]
    ]
    return page | {"records": records}


@contextmanager
def on(port: int, directory: Path, authority: Authority) -> Iterator[tuple[Notary, Person]]:
    """A server that begins with nothing, and its owner."""
    with notary(directory, authority, port=port) as running:
        yield running, Person.settle("owner", directory / "owner", running)


async def test_a_server_that_lost_its_memory_is_noticed(tmp_path: Path, authority: Authority) -> None:
    """Ids start over, and pass those of before: any collection may have changed, then each change is told again."""
    port = free_port()
    with on(port, tmp_path / "one", authority) as (server, owner):
        notary_client.initialise(owner, APP)
        following_it = following(server)
        listener = await following_it.__aenter__()
    try:
        await listener.event("changefeed not followed")
        with on(port, tmp_path / "two", authority) as (_, owner):
            for gun in (APP, OTHER):
                await done(notary_client.initialise, owner, gun)
            await listener.heard_of_any()
            await done(notary_client.add_target, owner, OTHER, "1.0", DIGEST, 527)
            await listener.heard_of(OTHER)
    finally:
        await following_it.__aexit__(None, None, None)


async def test_the_right_that_it_takes(tmp_path: Path, authority: Authority) -> None:
    """With `registry:catalog:*` it is followed by one token for many polls; without, a warning says what is missing."""
    users = (
        User(OWNER, {"*": "pull,push,delete,*"}, catalog=True),
        User(WARDEN, {"*": "pull"}, catalog=True),
        User(READER, {"*": "pull"}),
    )
    with (
        token_server(tmp_path / "tokens", users, authority=authority) as tokens,
        notary(tmp_path / "notary", authority, tokens=tokens.auth("notary.example.com", OWNER)) as server,
    ):
        owner = Person.settle("owner", tmp_path / "owner", server).log_in(server.host, OWNER)
        async with following(server, WARDEN) as listener:
            asked = len(tokens.asked)
            await done(notary_client.initialise, owner, APP)
            await listener.heard_of(APP)
            ours = [each for each in tokens.asked if each.account == WARDEN.username]
            assert [each.scopes for each in ours] == [("registry:catalog:*",)]
            assert ours == tokens.asked[asked - 1 : asked]
        for login in (READER, None, Login("warden", "last year's")):
            async with following(server, login) as listener:
                warned = await listener.event("changefeed not followed")
                assert warned["remedy"].startswith(
                    "give the account of notaries.corp.credentials_file the right registry:catalog:*"
                )
                assert warned["why"].startswith("it may not be read")
                assert listener.told == []
