"""PostgreSQL as the trust store uses it: how connections are made, how long they are waited for, and its clock.

A server may be away, hang or come back at any time. So nothing here waits long, a connection that was lost is noticed
before it is used, and one that cannot be made is not tried again for a moment: who waits for a decision hears at once.
"""

import ssl
import time
from datetime import timedelta
from ipaddress import ip_address
from typing import ClassVar, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from proxy.clock import Clock
from proxy.config.pem import PemFile
from proxy.config.settings import TrustStoreSettings
from proxy.errors import TrustStoreUnavailable, UserError
from proxy.limits import (
    CLOCK_BEHIND_SECONDS,
    STORE_ANSWER_SECONDS,
    STORE_BUSY_SECONDS,
    STORE_CONNECT_SECONDS,
    STORE_IDLE_SECONDS,
    STORE_LOCK_SECONDS,
    STORE_READERS,
    STORE_RETRY_SECONDS,
    STORE_STATEMENT_SECONDS,
    STORE_UPGRADE_SECONDS,
)
from proxy.store.database import Database

_Result = TypeVar("_Result")

# Nothing of this is left to the environment.
_FIXED: Final = {
    "gssencmode": "disable",
    "client_encoding": "utf8",
    "application_name": "tagwarden",
    "target_session_attrs": "any",
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": str(int(STORE_ANSWER_SECONDS * 1000)),
}
# A commit that returned survives a power cut of the server, whatever its own configuration prefers.
_DURABLE: Final = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)
_POLL_SECONDS: Final = 0.1
_NO_AUTHORITIES: Final = (
    "trust_store.ca_file: this machine has no authorities of its own to hold the server's certificate against: "
    "name a file of them"
)


class PostgresqlDatabase(Database):
    """A database on a server, which several proxies share."""

    # Who writes takes a lock first, and then sees what whoever had it before has left.
    reading: ClassVar = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    writing: ClassVar = {"isolation_level": "READ COMMITTED", "postgresql_readonly": False}

    def __init__(self, engine: Engine, clock: Clock | None = None) -> None:
        super().__init__(engine)
        self._clock = clock or Clock()

    def check_clock(self, connection: Connection) -> None:
        """Raise `TrustStoreUnavailable` where we and the server disagree about the time (design: Freshness).

        The time of a check counts for every proxy of this database: one clock that is wrong would stop them all.
        """
        theirs = connection.execute(select(func.clock_timestamp())).scalar_one()
        apart = theirs - self._clock.now()
        if abs(apart) > timedelta(seconds=CLOCK_BEHIND_SECONDS):
            minutes = round(abs(apart) / timedelta(minutes=1))
            order = "behind" if apart > timedelta() else "ahead of"
            raise TrustStoreUnavailable(f"this proxy's clock is {minutes} minutes {order} its database's")


def make_engine(settings: TrustStoreSettings, *, upgrading: bool = False) -> Engine:
    """A bounded pool of connections. Raises `UserError` where no certificate could be checked."""
    url = make_url(settings.url)
    made = create_engine(
        URL.create("postgresql+psycopg"),
        poolclass=QueuePool,
        pool_size=STORE_READERS + 1,  # and the writer
        max_overflow=0,
        pool_timeout=STORE_BUSY_SECONDS,
        pool_pre_ping=True,
    )
    patience = STORE_UPGRADE_SECONDS if upgrading else STORE_ANSWER_SECONDS
    door = _Door(make_conninfo(**_parameters(url, settings, upgrading=upgrading)), settings.ca_file, patience)
    event.listen(made, "do_connect", lambda *_: door.connect())
    event.listen(made, "connect", _connected)
    return made


class _Door:
    """The way to the server; once it is found closed it stays so for a moment."""

    def __init__(self, conninfo: str, ca_file: PemFile | None, patience: float) -> None:
        self._conninfo = conninfo
        self._ca_file = ca_file
        self._patience = patience
        self._closed_until = 0.0
        self._why: str | None = None

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """Make a connection. Raises `psycopg.OperationalError`."""
        if self._why is not None and time.monotonic() < self._closed_until:
            raise psycopg.OperationalError(self._why)
        try:
            made = self._connect()
        except psycopg.OperationalError as error:
            self._why = str(error)
            self._closed_until = time.monotonic() + STORE_RETRY_SECONDS
            raise
        self._why = None
        made.patience = self._patience
        return made

    def _connect(self) -> "_Connection":
        if self._ca_file is None:
            return _Connection.connect(self._conninfo, prepare_threshold=None)
        with self._ca_file.in_memory() as authorities:  # the driver reads it for each connection
            return _Connection.connect(self._conninfo, prepare_threshold=None, sslrootcert=authorities)


class _Connection(psycopg.Connection[tuple[object, ...]]):
    """A connection that is given up where the server stays silent, which no time-out on its side can promise."""

    patience: float = STORE_ANSWER_SECONDS

    def wait(self, gen: PQGen[_Result], interval: float = _POLL_SECONDS, timeout: float | None = None) -> _Result:
        """Wait for an answer. Raises `psycopg.OperationalError`, and gives up the connection, where none comes."""
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if error.sqlstate is None:  # not the server's word: lost, or silent for too long
                self.pgconn.finish()  # what it would still say belongs to a question that nobody asks any more
            raise


def _parameters(url: URL, settings: TrustStoreSettings, *, upgrading: bool) -> dict[str, str]:
    statement = STORE_UPGRADE_SECONDS if upgrading else STORE_STATEMENT_SECONDS
    limits = {
        "statement_timeout": statement,
        "lock_timeout": STORE_LOCK_SECONDS,
        "idle_in_transaction_session_timeout": STORE_IDLE_SECONDS,
    }
    options = " ".join(f"-c {name}={int(seconds * 1000)}" for name, seconds in limits.items())
    password = {"password": settings.password} if settings.password is not None else {}
    address = {"hostaddr": str(url.host)} if _is_address(str(url.host)) else {}
    return {
        "host": str(url.host),
        **address,
        "port": str(url.port),
        "user": str(url.username),
        "dbname": str(url.database),
        "connect_timeout": str(int(STORE_CONNECT_SECONDS)),
        "options": f"{options} -c TimeZone=UTC",
        **_FIXED,
        **_tls(str(url.host), settings.ca_file),
        **password,
    }


def _tls(host: str, ca_file: PemFile | None) -> dict[str, str]:
    """Encrypted and checked in full, or, on this machine, not at all: nothing that an attacker could talk us out of."""
    if ca_file is not None:
        return {"sslmode": "verify-full"}  # against what each connection is given
    if _is_loopback(host):
        return {"sslmode": "disable"}
    authorities = ssl.get_default_verify_paths().cafile
    if authorities is None:
        raise UserError(_NO_AUTHORITIES)
    return {"sslmode": "verify-full", "sslrootcert": authorities}


def _is_loopback(host: str) -> bool:
    return ip_address(host).is_loopback if _is_address(host) else host == "localhost"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _connected(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(_DURABLE)
    cursor.close()
    connection.commit()
