"""TLS sessions that are resumed: what they spare, and what nobody gets by them."""

import ssl
import time
from contextlib import suppress
from pathlib import Path
from unittest.mock import Mock

import pytest

from certs.authority import CLIENT, Authority
from proxy.web import tls
from proxy.web.tls import HandshakeFailed, server_context, subject_shown_on
from tests.unit.web.hands import a_client, both_sides, files

BOTH = [pytest.param(ssl.TLSVersion.TLSv1_2, id="TLS 1.2"), pytest.param(ssl.TLSVersion.TLSv1_3, id="TLS 1.3")]
DAY = 86_400


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    """Whom clients trust."""
    return Authority.open(tmp_path / "ours")


@pytest.fixture
def theirs(tmp_path: Path) -> Authority:
    """Whose certificates clients show."""
    return Authority.open(tmp_path / "theirs")


def session_of(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLSession | None:
    """Connect, hear a byte, behind which TLS 1.3 sends its tickets, and keep what resumes it."""
    here, there = both_sides(server, client)
    here.write(b"!")
    assert there.read(1) == b"!"
    hang_up(here)
    return there.session


def hang_up(here: ssl.SSLObject) -> None:
    """End a connection as an event loop does: what ends without a word is not resumed by its number."""
    with suppress(ssl.SSLWantReadError):
        here.unwrap()


@pytest.mark.parametrize("version", BOTH)
def test_a_session_is_resumed(ours: Authority, version: ssl.TLSVersion) -> None:
    """A client without a certificate that comes again is spared the signature."""
    server, client = server_context(files(ours.issue("proxy")), "listen"), a_client(ours)
    client.maximum_version = version
    here, there = both_sides(server, client, session_of(server, client))
    assert (here.session_reused, there.session_reused) == (True, True)


@pytest.mark.parametrize("version", BOTH)
def test_a_session_counts_where_it_began(ours: Authority, version: ssl.TLSVersion) -> None:
    """Another worker, or the same one under another configuration, shakes hands in full, and nobody notices."""
    settings, client = files(ours.issue("proxy")), a_client(ours)
    client.maximum_version = version
    session = session_of(server_context(settings, "listen"), client)
    here, there = both_sides(server_context(settings, "listen"), client, session)
    assert (here.session_reused, there.session_reused) == (False, False)


def a_caller(ours: Authority, theirs: Authority, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client with a certificate."""
    client = a_client(ours, theirs.pair("node", usages=(CLIENT,)))
    client.maximum_version = version
    return client


def test_who_shows_a_certificate_shows_it_each_time(ours: Authority, theirs: Authority) -> None:
    """With TLS 1.3 nothing is handed out that could be shown in its place."""
    server = server_context(files(ours.issue("proxy"), theirs), "listen")
    client = a_caller(ours, theirs, ssl.TLSVersion.TLSv1_3)
    here, _ = both_sides(server, client, session_of(server, client))
    assert here.session_reused is False
    assert subject_shown_on(here) == "CN=node"


BY = pytest.mark.parametrize(
    "options", [pytest.param(0, id="by a ticket"), pytest.param(ssl.OP_NO_TICKET, id="by its number")]
)


@BY
def test_a_resumed_session_is_the_same_client(ours: Authority, theirs: Authority, options: int) -> None:
    """What TLS 1.2 resumes has the name of the certificate that it began with."""
    server = server_context(files(ours.issue("proxy"), theirs), "listen")
    client = a_caller(ours, theirs, ssl.TLSVersion.TLSv1_2)
    client.options |= options
    session = session_of(server, client)
    assert session is not None
    assert session.has_ticket is not bool(options)
    here, _ = both_sides(server, client, session)
    assert here.session_reused is True
    assert subject_shown_on(here) == "CN=node"


@BY
def test_a_session_does_not_outlive_its_certificate(
    ours: Authority, theirs: Authority, monkeypatch: pytest.MonkeyPatch, options: int
) -> None:
    """OpenSSL looks at a certificate once; whose has expired meanwhile is not let in by what he kept of then."""
    server = server_context(files(ours.issue("proxy"), theirs), "listen")
    client = a_caller(ours, theirs, ssl.TLSVersion.TLSv1_2)
    client.options |= options
    session = session_of(server, client)
    monkeypatch.setattr(tls, "time", Mock(time=lambda: time.time() + 396 * DAY))
    here, _ = both_sides(server, client, session)
    assert here.session_reused is True
    hang_up(here)
    monkeypatch.setattr(tls, "time", Mock(time=lambda: time.time() + 398 * DAY))
    with pytest.raises(HandshakeFailed) as raised:
        both_sides(server, client, session)
    assert raised.value.why == "certificate has expired"


@pytest.mark.parametrize("version", BOTH)
def test_a_session_does_not_outlive_its_authority(
    ours: Authority, theirs: Authority, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    """Whose authority is not believed any more, since the configuration changed, is not let in by an old session."""
    pair, others = ours.issue("proxy"), Authority.open(tmp_path / "others")
    client = a_caller(ours, theirs, version)
    session = session_of(server_context(files(pair, theirs), "listen"), client)
    with pytest.raises(HandshakeFailed) as raised:
        both_sides(server_context(files(pair, others), "listen"), client, session)
    assert raised.value.why.startswith("certificate verify failed")


def test_a_session_without_a_certificate_opens_no_other_listener(ours: Authority, theirs: Authority) -> None:
    """What began where nobody has to show anything is nothing where one has to."""
    pair, client = ours.issue("proxy"), a_client(ours)
    session = session_of(server_context(files(pair), "listen"), client)
    with pytest.raises(HandshakeFailed):
        both_sides(server_context(files(pair, theirs), "candidates"), client, session)
