"""The words for failures that no server on this machine can be made to show."""

import errno
import ssl

import aiohttp
import pytest

from proxy.notary.failures import why


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(OSError(errno.EHOSTUNREACH, "No route"), "no route to host", id="by its number"),
        pytest.param(OSError("Multiple exceptions: ..."), "connection failed, OSError", id="without a number"),
        pytest.param(aiohttp.ClientError(), "connection failed, ClientError", id="without a word"),
        pytest.param(ssl.SSLError(1, "whatever"), "TLS failed, no reason given", id="TLS without a reason"),
    ],
)
def test_each_failure_has_a_reason(error: Exception, words: str) -> None:
    """There is always something to say."""
    assert why(error) == words


def test_the_other_sides_words_are_bounded() -> None:
    """A certificate's text cannot flood a log line or break out of it."""
    error = ssl.SSLCertVerificationError(1, "failed")
    error.verify_message = "Hostname mismatch, \n\x1b[31m'Fässer'" + "x" * 1000
    assert why(error) == "certificate verify failed, Hostname mismatch, ??[31m'F?sser'" + "x" * 20
    assert len(why(error)) == 80
