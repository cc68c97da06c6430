"""Whether requests are welcome, part by part."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from proxy.errors import RegistryTimedOut, RegistryUnreachable, TrustStoreUnavailable, Undecided
from proxy.registry.client import RegistryClient
from proxy.server.readiness import Readiness
from proxy.store.memory import Memory
from tests.support.resolving import HeldClock

WELL = {"serving": None, "trust store": None, "registry": None}


@dataclass
class Registry:
    """A registry that answers, or fails in some way."""

    failure: Exception | None = None
    has_answered: bool = False
    greeted: int = 0

    async def greet(self) -> None:
        """Answer once."""
        self.greeted += 1
        if self.failure:
            raise self.failure


@dataclass
class Store(Memory):
    """A trust store that can be read and written, or cannot."""

    unreadable: Exception | None = None
    unwritable: Exception | None = None
    hangs: bool = field(default=False)
    checked: datetime | None = None

    def __post_init__(self) -> None:
        super().__init__()

    async def last_check(self) -> datetime | None:
        """Read."""
        if self.hangs:
            await asyncio.sleep(60)
        if self.unreadable:
            raise self.unreadable
        return self.checked

    async def check_writable(self, *, timed: bool = False) -> None:
        """Write."""
        assert timed
        if self.unwritable:
            raise self.unwritable


def readiness(registry: Registry | None = None, store: Store | None = None, serving: Any = lambda: None) -> Readiness:
    """What an orchestrator asks."""
    return Readiness(serving, store or Store(), cast("RegistryClient", registry or Registry()))


async def test_all_is_well() -> None:
    """It serves, its store can be written, and the registry answered."""
    assert await readiness().parts() == WELL


def starting() -> None:
    """It does not serve yet."""
    raise Undecided("it is starting or draining")


@pytest.mark.parametrize(
    ("parts", "wrong"),
    [
        pytest.param({"serving": starting}, {"serving": "it is starting or draining"}, id="starting"),
        pytest.param(
            {"store": Store(unreadable=TrustStoreUnavailable("its file is damaged"))},
            {"trust store": "its file is damaged"},
            id="unreadable",
        ),
        pytest.param(
            {"store": Store(unwritable=TrustStoreUnavailable("the disk is full"))},
            {"trust store": "the disk is full"},
            id="unwritable",
        ),
        pytest.param(
            {"registry": Registry(RegistryUnreachable("connection refused"))},
            {"registry": "connection refused"},
            id="unreachable",
        ),
        pytest.param(
            {"registry": Registry(RegistryTimedOut("no answer in time"))},
            {"registry": "no answer in time"},
            id="silent",
        ),
        pytest.param(
            {"registry": Registry(ZeroDivisionError())},
            {"registry": "unexpected error, the log says more"},
            id="a defect",
        ),
    ],
)
async def test_each_part_says_what_is_wrong_with_it(parts: dict[str, Any], wrong: dict[str, str]) -> None:
    """And nothing of the others."""
    assert await readiness(**parts).parts() == WELL | wrong


async def test_a_clock_that_is_behind_the_last_check_is_told() -> None:
    """Every pull is refused for it; with replicas this is the one to do without."""
    clock = HeldClock()
    asked = Readiness(lambda: None, Store(checked=clock.now()), cast("RegistryClient", Registry()), clock)
    assert await asked.parts() == WELL
    clock.wall -= timedelta(hours=1)
    assert await asked.parts() == WELL | {
        "trust store": "this proxy's clock is behind the last check of its trust store"
    }


async def test_nobody_waits_for_a_part_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a store on a network file system may."""
    monkeypatch.setattr("proxy.server.readiness.READY_SECONDS", 0.01)
    assert await readiness(store=Store(hangs=True)).parts() == WELL | {"trust store": "no answer within 0.01 s"}


async def test_the_registry_need_not_answer_twice() -> None:
    """Its being away later is no reason to send clients elsewhere, where it is away too."""
    registry = Registry(RegistryUnreachable("connection refused"))
    asked = readiness(registry)
    assert (await asked.parts())["registry"] == "connection refused"
    registry.failure = None
    assert (await asked.parts())["registry"] is None
    registry.failure = RegistryUnreachable("connection refused")
    assert (await asked.parts())["registry"] is None
    assert registry.greeted == 2


async def test_what_clients_were_answered_is_enough() -> None:
    """Where somebody had an answer, it is not asked again; a changed configuration does not begin anew either."""
    registry = Registry(RegistryUnreachable("connection refused"), has_answered=True)
    asked = readiness(registry)
    assert await asked.parts() == WELL
    asked.registry = cast("RegistryClient", Registry(RegistryUnreachable("connection refused")))
    assert await asked.parts() == WELL
    assert registry.greeted == 0
