"""`python -m loadtest.kills`: kills writers of the trust store amid their commits, and looks what is left.

On SQLite and on PostgreSQL a process commits one generation after the other and says what it has done; at some moment
it is killed. Whatever it said must be there, and what it did not get to say whole or not at all: no floor falls, no
collection is half, no root and no tag is lost. Then the server of PostgreSQL is killed instead.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.stack.postgresql import PASSWORD, Postgresql, cluster
from loadtest.kills_writer import Writer, look, writer
from proxy.config.settings import TrustStoreSettings

LONGEST: Final = 0.1
"""Seconds after which a writer is killed at the latest: within its first commits, at any moment of them."""

_SERVERS: Final = 25
"""Of so many kills, one is of a server: starting it again takes its time."""


@dataclass
class Toll:
    """How many were killed, how many of these amid a commit, and how many of those commits were complete after all."""

    kills: int = 0
    amid: int = 0
    complete: int = 0
    generations: int = 0

    def __str__(self) -> str:
        """A line for people."""
        return (
            f"{self.kills} kills, {self.amid} amid a commit, of which {self.complete} were complete after all; "
            f"{self.generations} generations, nothing lost"
        )


def kill_writers(settings: TrustStoreSettings, times: int, dice: random.Random) -> Toll:
    """Kill so many writers, each of which went on with what the one before left.

    Raises:
        AssertionError: What was committed is not there, or not whole.
    """
    toll = Toll(generations=look(settings))
    for _ in range(times):
        with writer(settings) as victim:
            _kill(victim, dice, victim.kill)
        _judge(settings, victim, toll)
    return toll


def kill_servers(directory: Path, times: int, dice: random.Random) -> Toll:
    """The same, but all processes of the server of PostgreSQL are killed, and the writer after them.

    Raises:
        AssertionError: as for `kill_writers`.
    """
    with cluster(directory) as made:
        with made.started() as server:
            settings = of(server, "servers")
            toll = Toll(generations=look(settings))
        for _ in range(times):
            with made.started() as server, writer(settings) as victim:
                _kill(victim, dice, server.kill)
                victim.kill()
            with made.started():
                _judge(settings, victim, toll)
        return toll


def of(server: Postgresql, name: str) -> TrustStoreSettings:
    """A new database of a server."""
    return TrustStoreSettings(server.database(name), must_exist=False, password=PASSWORD)


def _kill(victim: Writer, dice: random.Random, end: Callable[[], None]) -> None:
    victim.wait()
    time.sleep(dice.uniform(0, LONGEST))
    end()


def _judge(settings: TrustStoreSettings, victim: Writer, toll: Toll) -> None:
    found = look(settings)
    if victim.failure and not victim.done:
        raise AssertionError(f"it never committed: {victim.failure}")
    if found not in (victim.done, victim.begun) or found < toll.generations:
        raise AssertionError(f"generation {found} is there, after {victim.done} of {victim.begun} and {toll}")
    amid = victim.begun > victim.done
    toll.kills += 1
    toll.amid += amid
    toll.complete += amid and found == victim.begun
    toll.generations = found


def main() -> None:
    """Kill, look and print what happened."""
    parser = argparse.ArgumentParser(description="Kill writers and servers amid commits, and look what is left.")
    parser.add_argument("--times", type=int, default=500, help="kills of writers, for each database")
    parser.add_argument("--seed", type=int, default=time.time_ns(), help="of the dice, to roll the same again")
    wanted = parser.parse_args()
    dice = random.Random(wanted.seed)  # noqa: S311  (not for secrets)
    print(f"seed {wanted.seed}")
    with tempfile.TemporaryDirectory(prefix="tagwarden-") as name:
        directory = Path(name)
        file = TrustStoreSettings(f"sqlite:///{directory / 'trust.db'}", must_exist=False)
        print(f"SQLite, writers:      {kill_writers(file, wanted.times, dice)}", flush=True)
        with cluster(directory / "writers") as made, made.started() as server:
            print(f"PostgreSQL, writers:  {kill_writers(of(server, 'writers'), wanted.times, dice)}", flush=True)
        times = max(1, wanted.times // _SERVERS)
        print(f"PostgreSQL, servers:  {kill_servers(directory / 'servers', times, dice)}", flush=True)


if __name__ == "__main__":
    main()
