"""A tag that is refused though it was admitted not long ago: told once, and never in anybody's way."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from proxy import admissions
from proxy.admissions import Admissions, Refused
from proxy.errors import TrustStoreUnavailable
from proxy.limits import ADMISSIONS_AT_ONCE
from proxy.names import Digest, Repository, Tag
from proxy.store.memory import Memory
from proxy.store.protocol import Admission, Tagged
from proxy.telemetry import Audit, meters
from tests.support.resolving import HeldClock

ONE, OTHER = Digest(f"sha256:{'1' * 64}"), Digest(f"sha256:{'2' * 64}")
KEY = Tagged("registry.example.com", Repository("shop/api"), Tag("1.0"))
WHY = Refused("shop/**:1*", "enforce", "signer_missing", "registry.example.com/shop/api", "0123")
REGRESSION = "regression: what was admitted before is refused"


class Counting(Memory):
    """Remembers what it was asked to note; `trouble` is raised instead."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: Exception | None = None
        self.admitted: list[Mapping[Tagged, Admission]] = []
        self.refused: list[Mapping[Tagged, datetime]] = []

    async def note_admissions(self, admitted: Mapping[Tagged, Admission]) -> None:
        """As memory does."""
        self.admitted.append(admitted)
        if self.trouble:
            raise self.trouble
        await super().note_admissions(admitted)

    async def note_refusals(self, refusals: Mapping[Tagged, datetime], since: datetime) -> Mapping[Tagged, Admission]:
        """As memory does."""
        self.refused.append(refusals)
        if self.trouble:
            raise self.trouble
        return await super().note_refusals(refusals, since)


@dataclass
class Watched:
    """What one process admits and refuses, what comes of it, and a clock to turn."""

    events: list[Any]
    numbers: CollectorRegistry
    store: Counting = field(default_factory=Counting)
    clock: HeldClock = field(default_factory=HeldClock)

    def __post_init__(self) -> None:
        self.admissions = Admissions(self.store, self.clock)

    def admit(self, digest: Digest = ONE, key: Tagged = KEY) -> None:
        """A tag is admitted."""
        self.admissions.admit(key, digest)

    def refuse(self, key: Tagged = KEY) -> None:
        """A tag is refused."""
        self.admissions.refuse(key, WHY)

    async def settle(self) -> None:
        """Until everything is noted."""
        await until(lambda: self.admissions._work is None or self.admissions._work.done())

    async def regressions(self) -> list[dict[str, Any]]:
        """Those that were told by now, which are those that were counted."""
        await self.settle()
        told = [event for event in self.events if event["event"] == REGRESSION]
        counted = self.numbers.get_sample_value("tagwarden_regressions_total", {"rule": WHY.rule or ""})
        assert (counted or 0) == len(told)
        return told


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens in the background."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  (what is waited for knows nothing of this test)
            await asyncio.sleep(0)


@pytest.fixture
def numbers() -> Iterator[CollectorRegistry]:
    """Where everything is counted."""
    made = CollectorRegistry()
    meters.begin(made)
    yield made
    meters.end()


@pytest.fixture
async def at(numbers: CollectorRegistry, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    """A process that does not pause."""
    monkeypatch.setattr(admissions, "ADMISSIONS_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(admissions, "REFUSALS_WAIT_SECONDS", 0.0)
    with capture_logs() as events:
        made = Watched(events, numbers)
        yield made
        await made.admissions.close()


async def test_a_tag_that_is_refused_though_it_was_admitted_is_told(at: Watched) -> None:
    """By rule, with what it had and when, why it is refused, and which request to look for in the log."""
    at.admit()
    at.clock.pass_by(60)
    at.refuse()
    [told] = await at.regressions()
    assert told == {
        "event": REGRESSION,
        "log_level": "warning",
        "audit": Audit.REGRESSION,
        "name": "registry.example.com",
        "reference": "shop/api:1.0",
        "digest": ONE,
        "admitted_at": "2026-11-21T12:00:00+00:00",
        "rule": "shop/**:1*",
        "mode": "enforce",
        "refusal": "signer_missing",
        "gun": "registry.example.com/shop/api",
        "request_id": "0123",
    }


async def test_it_is_told_once_until_the_tag_is_admitted_again(at: Watched) -> None:
    """However many clients ask, and for how long."""
    at.admit()
    for _ in range(5):
        at.refuse()
        at.clock.pass_by(61)
        await at.settle()
    assert len(await at.regressions()) == 1
    at.admit()
    await at.settle()
    at.clock.pass_by(61)
    at.refuse()
    assert len(await at.regressions()) == 2


async def test_what_was_never_admitted_is_no_regression(at: Watched) -> None:
    """Nor is what was admitted eight days ago."""
    at.refuse()
    assert await at.regressions() == []
    at.admit()
    await at.settle()
    at.clock.pass_by(timedelta(days=8).total_seconds())
    at.refuse()
    assert await at.regressions() == []


async def test_a_tag_in_use_is_noted_once_an_hour(at: Watched) -> None:
    """Every other pull of it is one look into memory; another digest is noted at once."""
    for _ in range(100):
        at.admit()
        at.clock.pass_by(36)
        await at.settle()
    assert len(at.store.admitted) == 1
    at.admit()
    await at.settle()
    at.admit(OTHER)
    await at.settle()
    assert [noted[KEY].digest for noted in at.store.admitted] == [ONE, ONE, OTHER]


async def test_a_tag_that_is_refused_again_and_again_is_looked_up_now_and_then(at: Watched) -> None:
    """Every ten seconds, while its clients ask for it all the time."""
    for _ in range(60):
        at.refuse()
        at.clock.pass_by(0.5)
        await at.settle()
    assert len(at.store.refused) == 3


async def test_what_another_process_is_about_to_note_is_waited_for(
    at: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It admitted a tag a moment ago, and this one refuses it already; at the end nobody waits."""
    monkeypatch.setattr(admissions, "REFUSALS_WAIT_SECONDS", 1000.0)
    at.refuse()
    await until(lambda: at.admissions._work is not None)
    await asyncio.sleep(0.01)
    await at.store.note_admissions({KEY: Admission(ONE, at.clock.now())})
    assert at.store.refused == []
    await at.admissions.close()
    assert len(await at.regressions()) == 1


async def test_many_are_noted_together(at: Watched) -> None:
    """In as few transactions as they fit into."""
    keys = [KEY._replace(tag=Tag(f"v{number}")) for number in range(ADMISSIONS_AT_ONCE + 1)]
    for key in keys:
        at.admit(key=key)
        at.refuse(key)
    assert len(await at.regressions()) == len(keys)
    assert [len(some) for some in at.store.admitted] == [ADMISSIONS_AT_ONCE, 1]


async def test_a_store_that_is_away_costs_no_note(at: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came meanwhile is noted when it is back, and its being away is said once."""
    monkeypatch.setattr(admissions, "ADMISSIONS_AWAY_SECONDS", 0.0)
    at.store.trouble = TrustStoreUnavailable("the disk is full")
    at.admit()
    at.clock.pass_by(1)
    at.refuse()
    await until(lambda: len(at.store.admitted) >= 3)
    said = [event for event in at.events if event["event"] == "what was admitted is not noted for now"]
    assert [event["why"] for event in said] == ["the disk is full"]
    at.store.trouble = None
    assert len(await at.regressions()) == 1


async def test_there_is_room_for_so_many_and_no_more(at: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """What finds none is told again by the next pull, since nobody thinks that it is noted."""
    monkeypatch.setattr(admissions, "ADMISSIONS_UNNOTED", 1)
    other = KEY._replace(tag=Tag("2.0"))
    for _ in range(2):
        at.admit()
        at.admit(key=other)
        await at.settle()
    assert [list(some) for some in at.store.admitted] == [[KEY], [other]]
    for _ in range(2):
        at.refuse()
        at.refuse(other)
        await at.settle()
    assert [list(some) for some in at.store.refused] == [[KEY], [other]]


async def test_what_is_known_is_bounded(at: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients can ask for any number of tags."""
    monkeypatch.setattr(admissions, "ADMISSIONS_KNOWN", 3)
    monkeypatch.setattr(admissions, "REFUSALS_LOOKED_UP", 3)
    for number in range(10):
        key = KEY._replace(tag=Tag(f"v{number}"))
        at.admit(key=key)
        at.refuse(key._replace(name="other"))
    assert [key.tag for key in at.admissions._noted] == ["v7", "v8", "v9"]
    assert [key.tag for key in at.admissions._looked_up] == ["v7", "v8", "v9"]


async def test_a_defect_costs_notes_alone(at: Watched) -> None:
    """It is told with its traceback, and the next notes are taken again."""
    at.store.trouble = ValueError("a defect")
    at.admit()
    await at.settle()
    [told] = [event for event in at.events if event["event"] == "what was admitted could not be noted"]
    assert told["exc_info"]
    at.store.trouble = None
    at.admit(OTHER)
    at.clock.pass_by(1)
    at.refuse()
    assert len(await at.regressions()) == 1


async def test_what_is_left_is_noted_at_the_end(at: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waiting for its turn."""
    monkeypatch.setattr(admissions, "ADMISSIONS_PAUSE_SECONDS", 1000.0)
    at.admit()
    await asyncio.sleep(0)
    await at.admissions.close()
    assert [list(some) for some in at.store.admitted] == [[KEY]]


async def test_an_end_is_not_kept_waiting(at: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a store that hangs."""
    monkeypatch.setattr(admissions, "ADMISSIONS_CLOSE_SECONDS", 0.01)
    hanging = asyncio.Event()

    async def hang(_admitted: Mapping[Tagged, Admission]) -> None:
        await hanging.wait()

    monkeypatch.setattr(at.store, "note_admissions", hang)
    at.admit()
    await at.admissions.close()
    await until(lambda: at.admissions._work is not None and at.admissions._work.cancelled())
