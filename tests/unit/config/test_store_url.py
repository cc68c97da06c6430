"""Where the trust store may be."""

import re

import pytest

from proxy.config import values

NO_STORE = (
    "the trust store is a file of SQLite or a database of PostgreSQL; write sqlite:////absolute/path, "
    "sqlite:///relative/path or postgresql://user@host/database"
)
NO_DATABASE = (
    "this is no address of a database; write postgresql://user@host/database or "
    "postgresql://user@host:port/database, without options"
)
PASSWORD = "this URL has a password in it; move it to a file and name that as password_file"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param("sqlite:////var/lib/t.db", "sqlite:////var/lib/t.db", id="absolute"),
        pytest.param("sqlite:///t.db", "sqlite:///t.db", id="relative"),
        pytest.param("postgresql://u@db.example/t", "postgresql://u@db.example:5432/t", id="server"),
        pytest.param("postgresql://u_1@10.0.0.7:600/t-2", "postgresql://u_1@10.0.0.7:600/t-2", id="port"),
        pytest.param("postgresql://u@[::1]/t.3", "postgresql://u@[::1]:5432/t.3", id="ipv6"),
    ],
)
def test_a_place_is_read(written: str, read: str) -> None:
    """A file stays as it is written; the address of a server gets its port."""
    assert values.store_url(written) == read


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        pytest.param("mysql://user@db/tagwarden", NO_STORE, id="another database"),
        pytest.param("postgresql+psycopg://user@db/tagwarden", NO_STORE, id="a driver"),
        pytest.param(
            "postgres://user:secret@db/tagwarden",
            "postgres:// is called postgresql:// here; write postgresql://user@host/database",
            id="another name of it",
        ),
        pytest.param("sqlite:///:memory:", NO_STORE, id="memory"),
        pytest.param("sqlite:///", NO_STORE, id="no path"),
        pytest.param("sqlite://trust.db", NO_STORE, id="two slashes"),
        pytest.param("sqlite:////t.db?mode=ro", NO_STORE, id="options of a file"),
        pytest.param("/var/lib/t.db", NO_STORE, id="a path alone"),
        pytest.param("postgresql://user:secret@db/tagwarden", PASSWORD, id="a password"),
        pytest.param("postgresql://user:p@ss/w:rd?@db/tagwarden", PASSWORD, id="an odd password"),
        pytest.param("postgresql://user:@db/tagwarden", PASSWORD, id="an empty password"),
        pytest.param("postgresql://db/tagwarden", NO_DATABASE, id="no user"),
        pytest.param("postgresql://@db/tagwarden", NO_DATABASE, id="an empty user"),
        pytest.param("postgresql://user@/tagwarden", NO_DATABASE, id="no host"),
        pytest.param("postgresql://user@[::g]/tagwarden", NO_DATABASE, id="no IPv6 address"),
        pytest.param("postgresql://user@[::1::]/tagwarden", NO_DATABASE, id="a twisted IPv6 address"),
        pytest.param("postgresql://user@db/", NO_DATABASE, id="no database"),
        pytest.param("postgresql://user@db:70000/tagwarden", NO_DATABASE, id="a port beyond all"),
        pytest.param("postgresql://user@db:0/tagwarden", NO_DATABASE, id="port 0"),
        pytest.param("postgresql://user@db/tagwarden?sslmode=disable", NO_DATABASE, id="options"),
        pytest.param("postgresql://user@db,other/tagwarden", NO_DATABASE, id="two hosts"),
        pytest.param("postgresql://user@db/%2e", NO_DATABASE, id="an escape"),
        pytest.param("postgresql://user@db/tagwarden/schema", NO_DATABASE, id="a schema"),
    ],
)
def test_any_other_place_says_what_to_write(written: str, sentence: str) -> None:
    """And repeats nothing of it, because it may hold a password."""
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        values.store_url(written)
