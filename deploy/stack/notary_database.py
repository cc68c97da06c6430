"""Databases for notary-server: on PostgreSQL and on MariaDB, with the tables that it expects there.

Debian's package brings no SQL. The tables are those that version 0.7 reads and writes; servers that share a database
are replicas.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from deploy.stack import mariadb, postgresql
from deploy.stack.mariadb import Mariadb
from deploy.stack.postgresql import Postgresql

_LONG_AGO: Final = "2021-01-01T00:00:00Z"
_TABLES: Final = """
CREATE TABLE tuf_files (
    id {number} PRIMARY KEY, created_at {instant}, updated_at {instant}, deleted_at {instant},
    gun VARCHAR(255) NOT NULL, role VARCHAR(255) NOT NULL, version INTEGER NOT NULL,
    data {bytes} NOT NULL, sha256 CHAR(64), UNIQUE (gun, role, version)
);
CREATE INDEX tuf_files_sha256 ON tuf_files (sha256);
CREATE TABLE change_category (category VARCHAR(20) PRIMARY KEY);
INSERT INTO change_category VALUES ('update'), ('deletion');
CREATE TABLE changefeed (
    id {number} PRIMARY KEY, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    gun VARCHAR(255) NOT NULL, version INTEGER NOT NULL, sha256 CHAR(64),
    category VARCHAR(20) NOT NULL DEFAULT 'update',
    FOREIGN KEY (category) REFERENCES change_category (category)
);
CREATE INDEX changefeed_gun ON changefeed (gun);
"""
_OF: Final = "FROM tuf_files WHERE gun = '{gun}' AND role = 'timestamp'"
_VERSIONS: Final = f"SELECT version {_OF} ORDER BY version"
_NEWEST: Final = f"SELECT version, {{data}} {_OF} ORDER BY version DESC LIMIT 1"
_NUMBER: Final = f"SELECT id {_OF} AND version = {{version}}"
_REPLACE: Final = """
UPDATE tuf_files SET data = {data}, sha256 = '{sha256}'
WHERE gun = '{gun}' AND role = 'timestamp' AND version = {version}
"""
_FORGET: Final = "DELETE FROM tuf_files WHERE gun = '{gun}' AND id > {last}"


@dataclass(frozen=True)
class NotaryDatabase:
    """A database with Notary's tables. `storage` is the section of that name in the servers' configuration.

    `sql` runs statements there; `hexadecimal` and `binary` are expressions of its dialect, from bytes and to bytes.
    """

    storage: Mapping[str, str]
    sql: Callable[[str], str]
    hexadecimal: str
    binary: str

    def expire_timestamp(self, gun: str) -> int:
        """Let the collection's timestamp have run out long ago, as if nobody had asked for it since; its version.

        Its signature is that of before: a server looks at the date alone, and signs anew before it answers.
        """
        version, stored = self._timestamp(gun)
        document = json.loads(stored)
        document["signed"]["expires"] = _LONG_AGO
        self._store(gun, version, json.dumps(document, separators=(",", ":")).encode())
        return version

    def timestamps(self, gun: str) -> list[int]:
        """The versions of its timestamp that are stored, oldest first."""
        return [int(line) for line in self.sql(_VERSIONS.format(gun=gun)).splitlines()]

    def forget_since(self, gun: str, version: int) -> None:
        """Put the collection back to where its timestamp had this version, as an old backup would.

        A publication writes its timestamp last.
        """
        last = self.sql(_NUMBER.format(gun=gun, version=version))
        self.sql(_FORGET.format(gun=gun, last=int(last)))

    def _timestamp(self, gun: str) -> tuple[int, bytes]:
        newest = self.sql(_NEWEST.format(gun=gun, data=self.hexadecimal.format("data")))
        version, content = newest.replace("|", "\t").split("\t")
        return int(version), bytes.fromhex(content)

    def _store(self, gun: str, version: int, content: bytes) -> None:
        data, sha256 = self.binary.format(f"'{content.hex()}'"), hashlib.sha256(content).hexdigest()
        self.sql(_REPLACE.format(gun=gun, version=version, data=data, sha256=sha256))


def on_postgresql(server: Postgresql, name: str) -> NotaryDatabase:
    """Make one on PostgreSQL."""
    server.database(name)
    user, password = postgresql.USER, quote(postgresql.PASSWORD, safe="")
    url = f"postgres://{user}:{password}@127.0.0.1:{server.port}/{name}?sslmode=disable"
    tables = _TABLES.format(number="SERIAL", instant="TIMESTAMP", bytes="BYTEA")
    server.sql(f"SET ROLE {user}; {tables}", name)
    storage = {"backend": "postgres", "db_url": url}
    return NotaryDatabase(storage, lambda sql: server.sql(sql, name), "encode({}, 'hex')", "decode({}, 'hex')")


def on_mariadb(server: Mariadb, name: str) -> NotaryDatabase:
    """Make one on MariaDB, with times as its driver needs them."""
    server.database(name)
    url = f"{mariadb.USER}:{mariadb.PASSWORD}@tcp(127.0.0.1:{server.port})/{name}?parseTime=true"
    number, instant = "INTEGER NOT NULL AUTO_INCREMENT", "TIMESTAMP NULL DEFAULT NULL"
    server.sql(_TABLES.format(number=number, instant=instant, bytes="LONGBLOB"), name)
    storage: dict[str, Any] = {"backend": "mysql", "db_url": url}
    return NotaryDatabase(storage, lambda sql: server.sql(sql, name), "HEX({})", "UNHEX({})")
