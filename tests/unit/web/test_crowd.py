"""How many clients may be connected, and who makes room."""

import asyncio
import resource
from dataclasses import dataclass, field
from typing import Any

import pytest

from proxy.limits import CLIENT_CONNECTIONS, FILES_RESERVED, TLS_HANDSHAKES
from proxy.web.crowd import Crowd, Room, room_in_files

ENOUGH = (CLIENT_CONNECTIONS + TLS_HANDSHAKES) * 2 + FILES_RESERVED
ALL = Room(CLIENT_CONNECTIONS, TLS_HANDSHAKES)


class Transport(asyncio.Transport):
    """An open end that notices when it ends without another word."""

    aborted = False

    def abort(self) -> None:
        """End."""
        self.aborted = True


@dataclass(eq=False)
class Client:
    """A connection that says whether it is idle, and notices when it is closed."""

    idle: bool = True
    closed: bool = False
    transport: asyncio.Transport | None = field(default_factory=Transport)

    def force_close(self) -> None:
        """Be closed, which is said politely first."""
        self.closed, self.transport = True, None


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


@pytest.mark.parametrize("room", [pytest.param(1, id="the idle one"), pytest.param(0, id="the newcomer")])
def test_who_is_sent_away_keeps_no_file(room: int) -> None:
    """Nobody waits for an answer to a goodbye: whoever gives none would keep a file that is counted no more."""
    transport = Transport()
    gathered(Crowd(room), Client(transport=transport), Client(idle=False))
    assert transport.aborted


def test_who_is_closed_already_is_only_forgotten(events: list[Any]) -> None:
    """There is nothing left to end."""
    assert gathered(Crowd(1), Client(transport=None), Client()) == [True, False]
    assert [event["connections"] for event in events] == [1]


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


def limited(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int) -> list[tuple[int, int]]:
    """Have the system allow so many open files; what it is asked for is in the list."""
    changes: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limits: changes.append(limits))
    return changes


@pytest.mark.parametrize(
    ("soft", "hard", "raised", "room"),
    [
        pytest.param(1024, ENOUGH * 2, (ENOUGH, ENOUGH * 2), ALL, id="raised as far as needed"),
        pytest.param(1024, 1024, (1024, 1024), Room(288, 96), id="few"),
        pytest.param(1024, 4096, (4096, 4096), Room(1440, 480), id="raised as far as allowed"),
        pytest.param(1024, 65536, (ENOUGH, 65536), ALL, id="as a service has"),
        pytest.param(1024, resource.RLIM_INFINITY, (ENOUGH, resource.RLIM_INFINITY), ALL, id="endless"),
        pytest.param(ENOUGH * 2, ENOUGH * 2, None, ALL, id="high enough"),
        pytest.param(resource.RLIM_INFINITY, resource.RLIM_INFINITY, None, ALL, id="no limit"),
        pytest.param(64, 64, (64, 64), Room(1, 1), id="hardly any"),
    ],
)
def test_the_limit_of_open_files_decides(
    monkeypatch: pytest.MonkeyPatch, *, soft: int, hard: int, raised: tuple[int, int] | None, room: Room
) -> None:
    """The soft limit is raised, and what is left bounds the crowd."""
    changes = limited(monkeypatch, soft, hard)
    assert room_in_files(tls=True) == room
    assert changes == ([raised] if raised else [])


@pytest.mark.parametrize(
    ("hard", "clients"), [pytest.param(1024, 384, id="few"), pytest.param(ENOUGH, CLIENT_CONNECTIONS, id="enough")]
)
def test_without_tls_all_room_is_for_clients(monkeypatch: pytest.MonkeyPatch, hard: int, clients: int) -> None:
    """Nobody shakes hands."""
    limited(monkeypatch, 1024, hard)
    assert room_in_files(tls=False) == Room(clients, 0)


@pytest.mark.parametrize("files", [512, 1024, 4096, 65536])
@pytest.mark.parametrize("tls", [pytest.param(True, id="with TLS"), pytest.param(False, id="without TLS")])
def test_clients_and_handshakes_leave_the_reserve(monkeypatch: pytest.MonkeyPatch, *, files: int, tls: bool) -> None:
    """Where everybody who may come is there, what the proxy needs for itself is free."""
    limited(monkeypatch, files, files)
    assert sum(room_in_files(tls=tls)) * 2 <= files - FILES_RESERVED


@pytest.mark.parametrize(
    ("hard", "warned"), [pytest.param(4096, True, id="few"), pytest.param(ENOUGH, False, id="enough")]
)
def test_too_few_open_files_are_said(
    monkeypatch: pytest.MonkeyPatch, events: list[Any], *, hard: int, warned: bool
) -> None:
    """Whoever runs the proxy hears at the start, and not when clients are turned away."""
    limited(monkeypatch, 1024, hard)
    clients, handshakes = room_in_files(tls=True)
    told = [(event["log_level"], event["clients"], event["handshakes"], event["files"]) for event in events]
    assert told == ([("warning", clients, handshakes, hard)] if warned else [])


def test_the_real_limit_is_raised() -> None:
    """The system agrees to what is asked of it."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
        room_in_files(tls=True)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert hard == before[1]
        assert soft > 512
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
