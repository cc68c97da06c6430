"""What PostgreSQL and its driver report, in words for a refusal."""

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from proxy.errors import TrustStoreUnavailable
from proxy.store.failures import explained, failure
from proxy.store.protocol import Conflict

AWAY = "its database server cannot be reached"
STRANGER = "its database server does not let this user in"
NAMELESS = "the certificate of its database server does not hold"


def error(state: str | None, text: str = "secret") -> psycopg.Error:
    """An error of the driver, with the state that a server gives or without."""
    made = psycopg.OperationalError(text)
    made.sqlstate = state
    return made


@pytest.mark.parametrize(
    ("state", "why"),
    [
        pytest.param("08006", AWAY, id="connection failure"),
        pytest.param("25006", "its database can only be read", id="a standby"),
        pytest.param("28P01", STRANGER, id="wrong password"),
        pytest.param("3D000", "its server has no such database", id="no database"),
        pytest.param("42501", "this user may not do that in its database", id="no right"),
        pytest.param("42P01", "its tables are not as this program made them", id="no table"),
        pytest.param("53100", "the disk of its database server is full", id="disk full"),
        pytest.param("53300", "its database server takes no more connections", id="too many connections"),
        pytest.param("55P03", "another process keeps it locked", id="lock timeout"),
        pytest.param("57014", "its database server takes too long", id="statement timeout"),
        pytest.param("57P01", "its database server is starting or stopping", id="stopping"),
        pytest.param("XX001", "its database is damaged", id="corrupted"),
        pytest.param("22003", "its database server reports 22003", id="any other"),
    ],
)
def test_each_state_has_its_words(state: str, why: str) -> None:
    """The reason is short, plain ASCII, and shows nothing of what the server wrote."""
    with pytest.raises(TrustStoreUnavailable) as raised, explained():
        raise OperationalError("SELECT secret", {"gun": "secret"}, error(state))
    assert raised.value.why == why
    assert raised.value.why.isascii()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("connection refused", AWAY, id="refused"),
        pytest.param("connection timeout expired", AWAY, id="silent"),
        pytest.param("failed to resolve host 'db': [Errno -2] Name or service not known", AWAY, id="no such host"),
        pytest.param(
            "server does not support SSL, but SSL was required", "its database server speaks no TLS", id="plain"
        ),
        pytest.param("SSL error: certificate verify failed", NAMELESS, id="another authority"),
        pytest.param('server certificate for "a" does not match host name "b"', NAMELESS, id="another name"),
        pytest.param("SSL error: unexpected eof while reading", NAMELESS, id="TLS broken off"),
        pytest.param("fe_sendauth: no password supplied", "its database server wants a password", id="no password"),
        pytest.param('FATAL:  password authentication failed for user "u"', STRANGER, id="wrong password"),
        pytest.param('FATAL:  no pg_hba.conf entry for host "::1", user "u"', STRANGER, id="not listed"),
        pytest.param('FATAL:  role "u" does not exist', STRANGER, id="no user"),
        pytest.param('FATAL:  database "t" does not exist', "its server has no such database", id="no database"),
        pytest.param(
            "FATAL:  sorry, too many clients already", "its database server takes no more connections", id="crowd"
        ),
        pytest.param(
            "FATAL:  the database system is starting up", "its database server is starting or stopping", id="starting"
        ),
    ],
)
def test_where_no_connection_is_made_the_text_tells(text: str, why: str) -> None:
    """There is no state then; what the text says besides is not repeated."""
    assert failure(error(None, text)).why == why


@pytest.mark.parametrize(
    "state",
    [
        pytest.param("40001", id="not serialisable"),
        pytest.param("40P01", id="a deadlock"),
        pytest.param("23505", id="added twice"),
    ],
)
def test_who_was_second_is_told(state: str) -> None:
    """Another writer was first, which is a conflict like any other and no trouble of the store."""
    with pytest.raises(Conflict), explained():
        raise IntegrityError("INSERT", {}, error(state))


def test_every_advice_is_a_sentence_for_people() -> None:
    """It is plain ASCII and ends without a stop, as the sentence goes on or ends there."""
    found = failure(error("28P01"))
    assert found.advice == "check the user in trust_store.url, password_file, and pg_hba.conf of the server"
