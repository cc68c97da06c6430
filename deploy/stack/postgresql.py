"""PostgreSQL on a free loopback port, as Debian packages it: a cluster of its own that lasts as long as its directory.

It cannot run as root, so it does as Debian's user `postgres`, from a directory that this user can reach.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from certs.authority import SERVER, Authority
from deploy.stack.commands import run
from deploy.stack.daemons import Daemon, running
from deploy.stack.ports import free_port
from deploy.stack.programs import ProgramMissing, program
from deploy.stack.sockets import short_directory

USER: Final = "tagwarden"
PASSWORD: Final = "pass word'\\ with everything"  # noqa: S105  (of servers that are thrown away)

_PROGRAMS: Final = Path("/usr/lib/postgresql/15/bin")
_ACCOUNT: Final = "postgres"
_GONE_SECONDS: Final = 10.0
# Nothing of it survives the test, so nothing has to survive a power cut; a killed server loses nothing by that.
_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1,127.0.0.2",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "log_lock_waits": "on",
    "max_wal_senders": "0",
    "wal_level": "minimal",
}


@dataclass(frozen=True)
class Postgresql:
    """A running server; `password_file` has what `USER` shows, `ca_file` who issued its certificate if it has one."""

    port: int
    password_file: Path
    ca_file: Path | None
    daemon: Daemon

    def database(self, name: str) -> str:
        """Make an empty database that belongs to `USER`, and return its URL without a password."""
        self.sql(f'CREATE DATABASE "{name}" OWNER {USER}')
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def sql(self, statements: str, database: str = "postgres") -> str:
        """Run statements as the administrator, and return what they answer, a row a line.

        Raises:
            CommandFailed: One of them failed.
        """
        environment = {"PGPASSWORD": PASSWORD, "PGCONNECT_TIMEOUT": "5"}
        command = [_program("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port)]
        command += ["-U", _ACCOUNT, "-d", database, "-c", statements]
        return run(command, home=self.password_file.parent, environment=environment).must().strip()

    def kill(self) -> None:
        """End all of its processes at once, as a power cut would; the block around it goes on."""
        everyone = [self.daemon.pid, *self._children()]
        for process in everyone:
            _send(process, signal.SIGKILL)
        deadline = time.monotonic() + _GONE_SECONDS
        while any(_lives(process) for process in everyone) and time.monotonic() < deadline:
            time.sleep(0.01)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.daemon.pid, 0)  # one that is still waited for looks alive to the next server

    def hang(self) -> None:
        """Make all of its processes stand still, while the kernel keeps their connections open."""
        for process in (self.daemon.pid, *self._children()):
            _send(process, signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on after `hang`."""
        for process in (*self._children(), self.daemon.pid):
            _send(process, signal.SIGCONT)

    def _children(self) -> list[int]:
        children = Path(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children")
        return [int(each) for each in children.read_text().split()]


@dataclass(frozen=True)
class Cluster:
    """The data of a server, which can be started again and again, on the same port."""

    data: Path
    port: int
    password_file: Path
    ca_file: Path | None

    @contextmanager
    def started(self) -> Iterator[Postgresql]:
        """Run a server on it for as long as the block lasts.

        Raises:
            DaemonFailed: It did not start.
        """
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [*_as_account(), _program("postgres"), "-D", str(self.data), "-p", str(self.port), *settings]
        if self.ca_file is not None:
            command += ["-c", "ssl=on", "-c", "ssl_cert_file=server.crt", "-c", "ssl_key_file=server.key"]
        where = self.password_file.parent
        with running(command, name="postgresql", directory=where, answers=self._answers) as daemon:
            try:
                yield Postgresql(self.port, self.password_file, self.ca_file, daemon)
            finally:
                self._end(daemon.pid)

    def _end(self, process: int) -> None:
        """Stop a server that was not killed before; it would wait for its clients on SIGTERM."""
        deadline = time.monotonic() + _GONE_SECONDS
        if _lives(process) and str(self.data).encode() in Path(f"/proc/{process}/cmdline").read_bytes():
            for number in (signal.SIGCONT, signal.SIGINT):
                _send(process, number)
            while _lives(process) and time.monotonic() < deadline:
                time.sleep(0.01)

    def _answers(self) -> bool:
        asked = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0


@contextmanager
def cluster(directory: Path, authority: Authority | None = None) -> Iterator[Cluster]:
    """Make an empty cluster, gone with the block.

    Args:
        directory: The log of its servers, and the file with the password.
        authority: Issues its certificate; then it speaks TLS, also to whoever does not want to.

    Raises:
        ProgramMissing: It is not installed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    password_file = directory.absolute() / "postgresql.password"
    password_file.touch(mode=0o600)
    password_file.write_text(f"{PASSWORD}\n")
    with short_directory() as place:
        data = place / "data"
        secret = place / "password"
        shutil.copy(password_file, secret)
        _give(place, secret)
        made = [*_as_account(), _program("initdb"), "-D", str(data), "-U", _ACCOUNT, "--auth=scram-sha-256"]
        made += [f"--pwfile={secret}", "--no-sync", "--no-locale", "--encoding=UTF8"]
        run(made, home=place).must()
        if authority is not None:
            pair = authority.pair("postgresql", usages=(SERVER,))
            for source, name in ((pair.certificate_file, "server.crt"), (pair.key_file, "server.key")):
                shutil.copy(source, data / name)
                (data / name).chmod(0o600)
                _give(data / name)
        ca_file = authority.certificate_file.absolute() if authority else None
        made_here = Cluster(data, free_port(), password_file, ca_file)
        with made_here.started() as server:
            quoted = PASSWORD.replace("'", "''")
            server.sql(f"CREATE ROLE {USER} LOGIN PASSWORD '{quoted}'")
        yield made_here


@contextmanager
def postgresql(directory: Path, authority: Authority | None = None) -> Iterator[Postgresql]:
    """Run a server on a cluster of its own; see `cluster`.

    Raises:
        DaemonFailed: It did not start.
        ProgramMissing: It is not installed.
    """
    with cluster(directory, authority) as made, made.started() as server:
        yield server


def _program(name: str) -> str:
    path = _PROGRAMS / name
    if not path.exists():
        msg = f"{path} is not installed: run `make setup`, or `apt-get install --no-install-recommends postgresql-15`"
        raise ProgramMissing(msg)
    return str(path)


def _as_account() -> list[str]:
    """What comes before a command so that it does not run as root."""
    if os.geteuid():
        return []
    setpriv = [program("setpriv"), f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--init-groups"]
    return [*setpriv, "--pdeathsig", "INT", "--"]


def _give(*paths: Path) -> None:
    if not os.geteuid():
        for path in paths:
            shutil.chown(path, _ACCOUNT, _ACCOUNT)


def _send(process: int, number: signal.Signals) -> None:
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return


def _lives(process: int) -> bool:
    """Whether a process is there and not merely waiting to be looked at."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
