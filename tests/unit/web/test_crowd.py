"""How many clients may be connected, and who makes room."""

import resource
from dataclasses import dataclass
from typing import Any

import pytest

from proxy.limits import CLIENT_CONNECTIONS, FILES_RESERVED
from proxy.web.crowd import Crowd, room_for_clients

ENOUGH = CLIENT_CONNECTIONS * 2 + FILES_RESERVED


@dataclass(eq=False)
class Client:
    """A connection that says whether it is idle, and notices when it is closed."""

    idle: bool = True
    closed: bool = False

    def force_close(self) -> None:
        """Be closed."""
        self.closed = True


def gathered(crowd: Crowd, *clients: Client) -> list[bool]:
    """Let clients in one after the other; say which of them are closed then."""
    for client in clients:
        crowd.enter(client)
    return [client.closed for client in clients]


def test_there_is_room_up_to_the_limit(events: list[Any]) -> None:
    """Nobody has to leave for being one of many."""
    assert gathered(Crowd(20), *(Client() for _ in range(17))) == [False] * 17
    assert events == []


def test_the_oldest_idle_one_makes_room() -> None:
    """It loses nothing but a connection; whoever is being served stays."""
    busy, waiting = Client(idle=False), Client()
    assert gathered(Crowd(3), busy, Client(), waiting, Client(), Client()) == [False, True, True, False, False]


def test_where_nobody_is_idle_the_newcomer_leaves() -> None:
    """Requests under way are not cut off for others."""
    clients = [Client(idle=False) for _ in range(3)]
    assert gathered(Crowd(3), *clients, Client()) == [False, False, False, True]


def test_who_left_gives_room_back() -> None:
    """A crowd is who is there now."""
    crowd, first = Crowd(2), Client()
    gathered(crowd, first, Client())
    crowd.leave(first)
    crowd.leave(first)
    assert gathered(crowd, Client()) == [False]
    assert not first.closed


def test_nearness_to_the_limit_is_logged_once(events: list[Any]) -> None:
    """One line a crowd, not one a client, with both numbers; the next crowd has its own."""
    crowd, clients = Crowd(10), [Client() for _ in range(13)]
    gathered(crowd, *clients)
    assert events == [
        {
            "event": "connections near the limit: idle ones will be closed",
            "log_level": "warning",
            "connections": 9,
            "limit": 10,
        }
    ]
    for client in clients:
        crowd.leave(client)
    gathered(crowd, *clients)
    assert len(events) == 2


@pytest.mark.parametrize(
    ("soft", "hard", "raised", "room"),
    [
        pytest.param(1024, ENOUGH * 2, (ENOUGH, ENOUGH * 2), CLIENT_CONNECTIONS, id="raised as far as needed"),
        pytest.param(1024, 4096, (4096, 4096), (4096 - FILES_RESERVED) // 2, id="raised as far as allowed"),
        pytest.param(1024, resource.RLIM_INFINITY, (ENOUGH, resource.RLIM_INFINITY), CLIENT_CONNECTIONS, id="endless"),
        pytest.param(ENOUGH * 2, ENOUGH * 2, None, CLIENT_CONNECTIONS, id="high enough"),
        pytest.param(resource.RLIM_INFINITY, resource.RLIM_INFINITY, None, CLIENT_CONNECTIONS, id="no limit"),
        pytest.param(64, 64, (64, 64), 1, id="hardly any"),
    ],
)
def test_the_limit_of_open_files_decides(
    monkeypatch: pytest.MonkeyPatch, *, soft: int, hard: int, raised: tuple[int, int] | None, room: int
) -> None:
    """The soft limit is raised, and what is left bounds the crowd."""
    changes: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limits: changes.append(limits))
    assert room_for_clients() == room
    assert changes == ([raised] if raised else [])


@pytest.mark.parametrize(
    ("hard", "warned"), [pytest.param(4096, True, id="few"), pytest.param(ENOUGH, False, id="enough")]
)
def test_too_few_open_files_are_said(
    monkeypatch: pytest.MonkeyPatch, events: list[Any], *, hard: int, warned: bool
) -> None:
    """Whoever runs the proxy hears at the start, and not when clients are turned away."""
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (1024, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    room_for_clients()
    assert [event["log_level"] for event in events] == (["warning"] if warned else [])


def test_the_real_limit_is_raised() -> None:
    """The system agrees to what is asked of it."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
        room_for_clients()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert hard == before[1]
        assert soft > 512
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
