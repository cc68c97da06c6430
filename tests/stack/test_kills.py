"""Whoever is killed amid a commit leaves what was committed, whole, on either database."""

import random
from pathlib import Path

from deploy.stack.postgresql import postgresql
from loadtest.kills import Toll, kill_servers, kill_writers, of
from proxy.config.settings import TrustStoreSettings

KILLS = 25
SERVERS = 3


def dice() -> random.Random:
    """The same throws each time; what they hit differs all the same."""
    return random.Random(20261122)  # noqa: S311  (not for secrets)


def check(toll: Toll, kills: int) -> None:
    """All were killed, after they had written, and some amid it."""
    assert toll.kills == kills
    assert toll.generations >= kills
    assert toll.amid > 0


def test_killed_writers_lose_nothing_on_sqlite(tmp_path: Path) -> None:
    """No floor falls, no collection is half, no root and no tag is lost."""
    settings = TrustStoreSettings(f"sqlite:///{tmp_path}/trust.db", must_exist=False)
    check(kill_writers(settings, KILLS, dice()), KILLS)


def test_killed_writers_lose_nothing_on_postgresql(tmp_path: Path) -> None:
    """The same, though their last words may reach the server after their end."""
    with postgresql(tmp_path) as server:
        check(kill_writers(of(server, "killed"), KILLS, dice()), KILLS)


def test_killed_servers_lose_nothing(tmp_path: Path) -> None:
    """A server whose processes are all gone at once comes back with every commit that it had confirmed."""
    check(kill_servers(tmp_path, SERVERS, dice()), SERVERS)
