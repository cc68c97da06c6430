"""Handshakes in memory: a listener's side and a client's, and what each of them trusts."""

import ssl

from certs.authority import Authority, Certificate
from proxy.config.settings import TlsSettings
from tests.support.pem import listener_tls

TURNS = 10  # a handshake takes fewer


def files(pair: Certificate, client_ca: Authority | None = None) -> TlsSettings:
    """A listener's settings."""
    return listener_tls(pair.certificate_file, pair.key_file, client_ca.certificate_file if client_ca else None)


def a_client(authority: Authority, pair: Certificate | None = None) -> ssl.SSLContext:
    """A client that trusts an authority, and may have a certificate to show."""
    context = ssl.create_default_context(cafile=authority.certificate_file)
    if pair:
        context.load_cert_chain(pair.certificate_file, pair.key_file)
    return context


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """Let both sides talk in memory until both are content; return the server's side.

    Raises:
        SSLError: one of them is not.
    """
    return both_sides(server, client)[0]


def both_sides(
    server: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """The same, where the client may want to resume a session; return both sides."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname="localhost", session=session)
    waiting = [theirs, ours]
    for _ in range(TURNS):
        for side in tuple(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
        if not waiting:
            return ours, theirs
    raise AssertionError("the handshake never ended")
