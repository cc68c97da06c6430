"""How a server is reached, as far as that shows without one."""

import ssl
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from proxy.config.pem import PemFile
from proxy.config.settings import TrustStoreSettings
from proxy.errors import UserError
from proxy.store import opening, postgresql
from proxy.store.opening import open_reader, open_store

AUTHORITY = PemFile(Path("/etc/authority.crt"), b"an authority")


def parameters(url: str, password: str | None = None, ca_file: PemFile | None = None) -> dict[str, Any]:
    """What the driver is told."""
    settings = TrustStoreSettings(url, must_exist=False, password=password, ca_file=ca_file)
    conninfo = make_conninfo(**postgresql._parameters(make_url(url), settings, upgrading=False))
    return dict(conninfo_to_dict(conninfo))


@pytest.mark.parametrize(
    ("host", "ca_file", "mode", "authorities"),
    [
        pytest.param("127.0.0.1", None, "disable", None, id="this machine"),
        pytest.param("[::1]", None, "disable", None, id="this machine, IPv6"),
        pytest.param("localhost", None, "disable", None, id="this machine, by name"),
        pytest.param("127.0.0.1", AUTHORITY, "verify-full", None, id="this machine, by authority"),
        pytest.param("10.0.0.7", None, "verify-full", "/system.pem", id="elsewhere"),
        pytest.param("db.example", None, "verify-full", "/system.pem", id="elsewhere, by name"),
        pytest.param("db.example", AUTHORITY, "verify-full", None, id="elsewhere, by authority"),
        pytest.param("localhost.example", None, "verify-full", "/system.pem", id="a name like ours"),
    ],
)
def test_tls_is_whole_or_not_there(
    monkeypatch: pytest.MonkeyPatch, host: str, ca_file: PemFile | None, mode: str, authorities: str | None
) -> None:
    """Nothing between: no mode in which an attacker on the way could have it switched off."""
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: SimpleNamespace(cafile="/system.pem"))
    told = parameters(f"postgresql://u@{host}:5432/t", ca_file=ca_file)
    assert (told["sslmode"], told.get("sslrootcert")) == (mode, authorities)
    assert told["gssencmode"] == "disable"


def test_authorities_are_those_that_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection is held against the very same ones, whatever became of the file meanwhile."""
    believed: list[bytes] = []

    def refuse(conninfo: str, *, sslrootcert: str, **_: object) -> None:
        assert conninfo_to_dict(conninfo)["sslmode"] == "verify-full"
        believed.append(Path(sslrootcert).read_bytes())
        raise psycopg.OperationalError

    monkeypatch.setattr(postgresql, "STORE_RETRY_SECONDS", 0)
    monkeypatch.setattr(postgresql._Connection, "connect", refuse)
    engine = postgresql.make_engine(
        TrustStoreSettings("postgresql://u@db.example:5432/t", must_exist=False, ca_file=AUTHORITY)
    )
    for _ in range(2):
        with pytest.raises(OperationalError):
            engine.connect()
    assert believed == [b"an authority"] * 2


def test_a_machine_without_authorities_needs_one_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than a connection to whoever answers."""
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: SimpleNamespace(cafile=None))
    with pytest.raises(UserError, match=r"trust_store\.ca_file: this machine has no authorities"):
        parameters("postgresql://u@db.example:5432/t")


def test_a_password_goes_over_as_it_is() -> None:
    """Whatever characters it has; and where there is none, none is made up."""
    assert parameters("postgresql://u@127.0.0.1:5432/t", password=" '\\ =")["password"] == " '\\ ="
    assert "password" not in parameters("postgresql://u@127.0.0.1:5432/t")


def test_no_wait_is_without_an_end() -> None:
    """Neither ours nor the server's."""
    told = parameters("postgresql://u@127.0.0.1:5432/t")
    assert int(told["connect_timeout"]) > 0
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        assert f"-c {name}=" in told["options"]


async def test_without_the_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL is an extra; nobody has to guess where it is, or finds a stranger's package instead."""

    def missing(name: str) -> ModuleType:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(opening, "import_module", missing)
    settings = TrustStoreSettings("postgresql://u@127.0.0.1:5432/t", must_exist=False)
    for each in (open_store, open_reader):
        with pytest.raises(UserError, match=r"is not installed: run `pip install .* -r requirements\.lock`"):
            await each(settings)


def test_sqlite_needs_no_driver_of_another_database() -> None:
    """What opens a file never imports it."""
    imports = "import sys, proxy.store.opening; sys.exit('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", imports], check=False).returncode == 0
