"""Failures on the way to Notary, in a few ASCII words for a refusal."""

import os
import re
import ssl
from typing import Final, TypeVar

import aiohttp

from proxy.tls import tls_failure

_LENGTH: Final = 80

_WORDS: Final = (
    (aiohttp.ClientConnectorDNSError, "host name not found"),
    (UnicodeError, "host name not possible"),
    (aiohttp.ServerDisconnectedError, "connection closed without an answer"),
    (aiohttp.ClientPayloadError, "answer broke off"),
    (aiohttp.ClientResponseError, "answer is not HTTP"),
)

_Error = TypeVar("_Error", bound=BaseException)


def why(error: BaseException) -> str:
    """Say what went wrong, without addresses and without anything that the other side could word at length."""
    return re.sub(r"[^ -~]", "?", _words(error))[:_LENGTH]


def _words(error: BaseException) -> str:
    tls = _within(error, ssl.SSLError)
    if tls:
        return tls_failure(tls)
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    system = _within(error, OSError)
    if system and system.errno is not None and system.errno > 0:
        return os.strerror(system.errno).lower()
    return f"connection failed, {type(error).__name__}"


def _within(error: BaseException | None, kind: type[_Error]) -> _Error | None:
    """The first error of a kind among an error and its causes; aiohttp's own only look like it."""
    while error is not None and (isinstance(error, aiohttp.ClientError) or not isinstance(error, kind)):
        error = error.__cause__ or error.__context__
    return error
