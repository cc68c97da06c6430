"""What somebody reads whose trust store is on a server that cannot be used, or not as it is."""

import gzip
import ssl
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Final, NoReturn

import psycopg
import pytest
from sqlalchemy import create_engine

from proxy.cli import trust_carrying
from proxy.errors import TrustStoreUnavailable
from proxy.names import Gun
from proxy.store import opening, opening_server, postgresql
from proxy.store.schema import Schema
from proxy.store.sql import SqlTrustReader
from proxy.trust import backups
from proxy.trust.backups import Content
from tests.sentences.transcripts import Transcript
from tests.unit.config.site import compose

AWAY: Final = 3
PASSING: Final = ("55P03", "57014")
OPENING: Final = (
    *("verify shop/api:1.0", "explain shop/api:1.0", "inspect shop/api"),
    *("trust init", "trust list", "trust show shop/api", "trust forget shop/api --reason x", "trust backup new.backup"),
    *("trust export --directory out", "trust import bundle", "trust restore trust.backup"),
    *("trust copy --to sqlite:///b.db", "trust rename old corp"),
)
"""Every command that needs the trust store; `serve` is tried everywhere, and `doctor` says what it finds."""
START: Final = "tagwarden serve -c config.yaml"
LOOK: Final = "tagwarden trust list -c config.yaml"
SERVER: Final = "{url: 'postgresql://tagwarden@127.0.0.1/trust'}"


@pytest.fixture
def typed(transcript: Transcript) -> Transcript:
    """A configuration whose trust store is on a server of this machine."""
    transcript.write("config.yaml", compose(trust_store=SERVER))
    return transcript


def _fail(monkeypatch: pytest.MonkeyPatch, state: str | None, text: str) -> None:
    """Let the server, or the driver, answer a connection like this."""

    def connect(*_: object, **__: object) -> NoReturn:
        error = psycopg.OperationalError(text)
        error.sqlstate = state
        raise error

    monkeypatch.setattr(postgresql._Connection, "connect", connect)


def test_no_connection_comes_about(typed: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver gives no code then, and its text is told in our words; what may pass is no mistake."""
    for title, status, text in (
        ("Nobody listens there.", AWAY, "connection refused"),
        ("The password is wrong.", 2, 'FATAL:  password authentication failed for user "tagwarden"'),
        ("There is no password.", 2, "fe_sendauth: no password supplied"),
        ("There is no such database.", 2, 'FATAL:  database "trust" does not exist'),
        ("It is just starting.", AWAY, "FATAL:  the database system is starting up"),
        ("It has too many clients.", AWAY, "FATAL:  sorry, too many clients already"),
        ("Its certificate is of somebody else.", 2, "SSL error: certificate verify failed"),
        ("It has no certificate.", 2, "server does not support SSL, but SSL was required"),
    ):
        _fail(monkeypatch, None, text)
        typed.situation(title)
        assert typed.run(START) == status
    typed.check("store-server-away")


def test_every_command_tells_an_outage_from_a_mistake(typed: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline asks again after 3, and not after 2."""
    for name in ("bundle", "trust.backup"):
        typed.write(name, gzip.compress(b""))
    monkeypatch.setattr(backups, "count", lambda _: Content(1, 0, 0))
    monkeypatch.setattr(trust_carrying, "_there", lambda _: [Gun("registry.example.com/shop/api")])
    for title, status, state, text in (
        ("It is away.", AWAY, None, "connection refused"),
        ("The password is wrong.", 2, "28P01", "password authentication failed"),
    ):
        _fail(monkeypatch, state, text)
        typed.situation(title)
        for command in OPENING:
            assert typed.run(f"tagwarden {command} -c config.yaml") == status
    typed.check("store-server-commands")


def test_a_server_that_goes_away_meanwhile(transcript: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may pass is an outage in the middle of the work, too; what does not is a part that cannot be used."""
    transcript.write("config.yaml", compose(trust_store="{url: 'sqlite:///trust.db'}"))
    transcript.run("tagwarden trust init -c config.yaml")

    def failing(why: str) -> Callable[..., Awaitable[NoReturn]]:
        async def unavailable(*_: object) -> NoReturn:
            raise TrustStoreUnavailable(why)

        return unavailable

    for why, status in (
        ("its database server cannot be reached", AWAY),
        ("its database server takes too long", AWAY),
        ("this proxy's clock is 7 minutes behind its database's", AWAY),
        ("the disk of its database server is full", 2),
    ):
        monkeypatch.setattr(SqlTrustReader, "everything", failing(why))
        transcript.situation(f"In the middle of it: {why}.")
        assert transcript.run(LOOK) == status
    transcript.check("store-server-meanwhile")


def test_what_a_server_reports(typed: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its codes, each in words and with a cure."""
    for title, state in (
        ("It is a standby.", "25006"),
        ("A right is missing.", "42501"),
        ("Somebody dropped a table.", "42P01"),
        ("Its disk is full.", "53100"),
        ("A lock is held for too long.", "55P03"),
        ("A statement takes too long.", "57014"),
        ("A page of it cannot be read.", "XX001"),
        ("Something that nobody has thought of.", "22003"),
    ):
        _fail(monkeypatch, state, "in PostgreSQL's words")
        typed.situation(title)
        assert typed.run(START) == (AWAY if state in PASSING else 2)
    typed.check("store-server-reports")


def test_what_is_in_the_database(typed: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its own tables, of a version that it knows, will do."""
    monkeypatch.setattr(opening_server, "make_engine", lambda *_, **__: create_engine("sqlite://"))
    for title, found, command in (
        ("Nothing.", Schema.EMPTY, START),
        ("Tables of another program.", Schema.FOREIGN, START),
        ("Tables of a newer version.", Schema.NEWER, START),
        ("Tables of an older version, for a command that changes nothing.", Schema.OLDER, LOOK),
    ):
        monkeypatch.setattr(opening_server, "schema", lambda _, found=found: found)
        typed.situation(title)
        assert typed.run(command) == 2
    typed.check("store-server-database")


def test_what_this_machine_lacks(typed: Transcript, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver, or somebody by whom the server's certificate could be checked."""

    def missing(name: str) -> NoReturn:
        raise ImportError(name)

    with monkeypatch.context() as patched:
        patched.setattr(opening, "import_module", missing)
        typed.situation("The extra was not installed.")
        assert typed.run(START) == 2
    typed.write("config.yaml", compose(trust_store="{url: 'postgresql://tagwarden@database.internal/trust'}"))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: SimpleNamespace(cafile=None))
    typed.situation("The machine trusts no authority, and the configuration names none.")
    assert typed.run(START) == 2
    typed.check("store-server-machine")


def test_how_it_is_named(transcript: Transcript) -> None:
    """An address, and a password in a file of its own."""
    transcript.write("empty.password", "\n")
    for title, store in (
        ("A password in the URL.", "{url: 'postgresql://tagwarden:secret@127.0.0.1/trust'}"),
        ("No database in it.", "{url: 'postgresql://tagwarden@127.0.0.1'}"),
        ("A file without a password.", SERVER.replace("}", ", password_file: empty.password}")),
    ):
        transcript.write("config.yaml", compose(trust_store=store))
        transcript.situation(title)
        assert transcript.run("tagwarden config check -c config.yaml") == 2
    for written in ("false", "never"):
        notaries = f"{{corp: {{url: 'https://notary:4443', roots: [corp], changefeed: {written}}}}}"
        transcript.write("config.yaml", compose(notaries=notaries))
        transcript.situation(f"The changefeed, and how often it is read: {written}.")
        assert transcript.run("tagwarden config check -c config.yaml") == 2
    transcript.check("configuration-servers")
