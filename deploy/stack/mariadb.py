"""MariaDB on a free loopback port, as Debian packages it: a data directory of its own, gone with the block.

Many Notary servers keep their trust data in it. It runs as nobody where we are root; no service is installed for it.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.stack.commands import run
from deploy.stack.daemons import Daemon, running
from deploy.stack.ports import free_port
from deploy.stack.programs import program
from deploy.stack.sockets import short_directory

USER: Final = "notary"
PASSWORD: Final = "of-no-value"  # noqa: S105  (of servers that are thrown away)

_ACCOUNT: Final = ("nobody", "nogroup")
# Nothing of it survives the test, so nothing has to survive a power cut.
_SETTINGS: Final = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--performance-schema=off",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=8M",
    "--innodb-flush-log-at-trx-commit=0",
)


@dataclass(frozen=True)
class Mariadb:
    """A running server."""

    port: int
    socket: Path
    daemon: Daemon

    def database(self, name: str) -> None:
        """Make an empty database, in which `USER` may do everything."""
        self.sql(f"CREATE DATABASE {name}; GRANT ALL ON {name}.* TO '{USER}'@'127.0.0.1'")

    def sql(self, statements: str, database: str = "mysql") -> str:
        """Run statements as the administrator, and return what they answer, a row a line.

        Raises:
            CommandFailed: One of them failed.
        """
        command = [program("mariadb"), "--no-defaults", f"--socket={self.socket}", "--user=root", "-NB", database]
        return run(command, home=self.socket.parent, typed=statements.encode()).must().strip()


@contextmanager
def mariadb(directory: Path) -> Iterator[Mariadb]:
    """Run an empty server for as long as the block lasts; its log is in `directory`.

    Raises:
        DaemonFailed: It did not start.
        ProgramMissing: It is not installed.
    """
    with short_directory() as place:
        data, socket, port = place / "data", place / "socket", free_port()
        (place / "tmp").mkdir()
        if not os.geteuid():
            for each in (place, place / "tmp"):
                shutil.chown(each, *_ACCOUNT)
        common = ["--no-defaults", f"--datadir={data}", f"--tmpdir={place / 'tmp'}"]
        install = [program("mariadb-install-db"), *common, "--auth-root-authentication-method=normal"]
        run([*_as_account(), *install, "--skip-test-db"], home=place).must()
        serve = [program("mariadbd"), *common, f"--socket={socket}", f"--port={port}", *_SETTINGS]
        ask = [program("mariadb"), "--no-defaults", f"--socket={socket}", "--user=root", "-e", "SELECT 1"]
        with running(
            [*_as_account(), *serve],
            name="mariadb",
            directory=directory,
            answers=lambda: socket.exists() and run(ask, home=place).ok,
        ) as daemon:
            server = Mariadb(port, socket, daemon)
            server.sql(f"CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
            yield server


def _as_account() -> list[str]:
    """What comes before a command so that it does not run as root."""
    if os.geteuid():
        return []
    user, group = _ACCOUNT
    setpriv = [program("setpriv"), f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    return [*setpriv, "--pdeathsig", "TERM", "--"]
