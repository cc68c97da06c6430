"""What goes wrong with the registry, in the words of the table."""

import ssl
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from proxy.errors import RegistryTimedOut, RegistryUnreachable
from proxy.registry.failures import translated
from proxy.tls import tls_failure

KEY: Any = ConnectionKey("r", 1, False, True, None, None, None, None)  # noqa: FBT003  (aiohttp's own tuple)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        pytest.param(aiohttp.ClientConnectorError(KEY, OSError(113, "x")), "no route to host", id="system error"),
        pytest.param(aiohttp.ClientConnectorError(KEY, OSError("several")), "cannot connect", id="several of them"),
        pytest.param(
            aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "x")), "its name cannot be resolved", id="unknown name"
        ),
        pytest.param(aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError()), "TLS failed, no reason given", id="TLS"),
        pytest.param(aiohttp.ServerDisconnectedError(), "it closed the connection", id="closed"),
        pytest.param(aiohttp.ClientPayloadError(), "the connection broke", id="body cut off"),
        pytest.param(ConnectionResetError(), "the connection broke", id="reset"),
    ],
)
def test_failures_are_one_refusal(error: Exception, why: str) -> None:
    """Whatever aiohttp raises about the registry says in a few words what it was, without addresses."""
    with pytest.raises(RegistryUnreachable) as refusal, translated():
        raise error
    assert type(refusal.value) is RegistryUnreachable
    assert refusal.value.why == why


@pytest.mark.parametrize("error", [TimeoutError(), aiohttp.ConnectionTimeoutError(), aiohttp.SocketTimeoutError()])
def test_time_outs_are_told_apart(error: Exception) -> None:
    """They are answered 504 instead of 502."""
    with pytest.raises(RegistryTimedOut), translated():
        raise error


def test_our_own_mistakes_are_not_the_registrys() -> None:
    """A defect of the proxy stays one."""
    with pytest.raises(ValueError, match="ours"), translated():
        raise ValueError("ours")


def test_a_system_error_in_a_handshake_has_its_own_words() -> None:
    """Some handshakes end in a plain system error."""
    assert tls_failure(ConnectionResetError(104, "Connection reset by peer")) == "TLS failed, connection reset by peer"
