"""Which headers cross the proxy."""

import pytest
from multidict import CIMultiDict

from proxy.manifests import MediaType
from proxy.registry.headers import (
    FROM_CLIENT,
    FROM_CLIENT_FOR_BLOBS,
    FROM_REGISTRY,
    ClientCredentials,
    error_content_type,
    select,
)

ODD = [
    pytest.param("Bearer a\udcff", id="bytes that are no text"),
    pytest.param("Bearer a\tb", id="tab"),
    pytest.param("Bearer a\x00", id="control character"),
    pytest.param("Bearer a\u2028", id="line separator"),
]


@pytest.mark.parametrize("shown", ["Basic YTpi", "Bearer abc", "", "Bearer ü"])
def test_a_credential_is_what_the_client_showed(shown: str) -> None:
    """It goes on as it is, and is never printed."""
    credentials = ClientCredentials.of(CIMultiDict(authorization=shown))
    assert credentials.as_headers() == {"Authorization": shown}
    assert "abc" not in repr(credentials)


@pytest.mark.parametrize("shown", ODD)
def test_a_credential_that_cannot_be_sent_is_none(shown: str) -> None:
    """Whoever shows it is nobody, to the registry and to what is remembered of it."""
    assert ClientCredentials.of({"Authorization": shown}) == ClientCredentials()
    assert not select(CIMultiDict(authorization=shown), FROM_CLIENT)


def test_without_a_credential_none_is_sent() -> None:
    """A client without one stays one."""
    assert ClientCredentials.of({}).as_headers() == {}


@pytest.mark.parametrize(
    "name",
    [
        *("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Cookie", "Expect"),
        *("Upgrade", "Connection", "Keep-Alive", "Transfer-Encoding", "TE", "Trailer", "Proxy-Authorization"),
        *("If-None-Match", "If-Match", "If-Modified-Since", "X-HTTP-Method-Override", "Host", "Content-Length"),
    ],
)
def test_what_is_not_listed_stays_behind(name: str) -> None:
    """Hop by hop, about addresses, conditions, or anything nobody thought of."""
    assert not select(CIMultiDict({name: "x"}), FROM_CLIENT_FOR_BLOBS)


def test_every_line_of_a_listed_header_crosses() -> None:
    """Docker sends one line for each type, and a registry one for each challenge."""
    lines = [("Accept", "a"), ("accept", "b"), ("ACCEPT", "c")]
    assert select(CIMultiDict(lines), FROM_CLIENT).getall("Accept") == ["a", "b", "c"]
    challenges = [("WWW-Authenticate", 'Bearer realm="a"'), ("Www-Authenticate", "Basic")]
    assert select(CIMultiDict(challenges), FROM_REGISTRY).getall("WWW-Authenticate") == ['Bearer realm="a"', "Basic"]


@pytest.mark.parametrize("media_type", [*MediaType, f" {MediaType.OCI_INDEX.upper()} ; charset=utf-8"])
def test_an_error_never_has_the_type_of_a_manifest(media_type: str) -> None:
    """However it is spelt."""
    assert error_content_type(media_type) == "application/octet-stream"
    assert error_content_type("application/json; charset=utf-8") == "application/json; charset=utf-8"
