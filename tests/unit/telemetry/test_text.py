"""Text from elsewhere: bounded, whole, and without secrets."""

import pytest

from proxy.telemetry.text import client_text, printable, without_secrets


@pytest.mark.parametrize(
    ("text", "logged"),
    [
        pytest.param(None, None, id="nothing"),
        pytest.param("docker/20.10", "docker/20.10", id="plain"),
        pytest.param("a\udcffb", "a\\udcffb", id="broken"),
        pytest.param("x" * 10_000, "x" * 512, id="long"),
        pytest.param("http://ci:geheim@registry/v2/", "http://***@registry/v2/", id="password"),
        pytest.param("x" * 500 + "//ci:geheim@registry", "x" * 500 + "//***@regist", id="password-last"),
    ],
)
def test_text_of_clients_is_bounded_and_whole(text: str | None, logged: str | None) -> None:
    """A client cannot fill the log, break it, or leave a password in it by mistake."""
    assert client_text(text) == logged


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("no secret: user@example.com", "no secret: user@example.com", id="an address"),
        pytest.param("/v2/shop/api@sha256:aa//x", "/v2/shop/api@sha256:aa//x", id="a path"),
        pytest.param("https://token@host/x", "https://***@host/x", id="a user alone"),
        pytest.param("Authorization: Basic Y2k6Z2VoZWlt", "Authorization: Basic ***", id="basic"),
        pytest.param("bearer\teyJhbGciOi.eyJzdWIi.c2ln", "bearer ***", id="bearer"),
        pytest.param("postgresql://ci:ge@heim@host/db", "postgresql://***@host/db", id="a password with an @"),
        pytest.param("two https://a:b@c and https://d:e@f", "two https://***@c and https://***@f", id="several"),
    ],
)
def test_secrets_are_left_out(text: str, kept: str) -> None:
    """Passwords in URLs, and credentials as a header has them; nothing else."""
    assert without_secrets(text) == kept


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("gewöhnlich", "gewöhnlich", id="plain"),
        pytest.param("a\x1b[2Jb", "a\\x1b[2Jb", id="escape"),
        pytest.param("a\nb", "a\\nb", id="line"),
        pytest.param("\u202eb", "\\u202eb", id="reversed"),
        pytest.param("\udcff", "\\udcff", id="broken"),
    ],
)
def test_nothing_is_obeyed(text: str, shown: str) -> None:
    """What a terminal would act on is shown as what it is."""
    assert printable(text) == shown


def test_a_text_may_have_lines() -> None:
    """A traceback has, and they are its own."""
    assert printable("a\nb\x07", lines=True) == "a\nb\\x07"
