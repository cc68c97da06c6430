"""What the commands of `tagwarden trust` write down of whoever runs them."""

import socket

import pytest

from proxy.cli.stores import whoever


@pytest.mark.parametrize(
    ("behind", "told"),
    [
        pytest.param("ada", "ada as ", id="a-name"),
        pytest.param("a\tda\x1b[2J", "a?da?[2J as ", id="steers-a-terminal"),
        pytest.param("ad\udcff", "ad? as ", id="no-text"),
        pytest.param("Åda", "Åda as ", id="another-language"),
    ],
)
def test_whoever_is_behind_sudo_is_printable(monkeypatch: pytest.MonkeyPatch, behind: str, told: str) -> None:
    """It is kept for ever, shown on terminals and part of backups, and anybody can set a variable to anything."""
    monkeypatch.setenv("SUDO_USER", behind)
    monkeypatch.setattr(socket, "gethostname", lambda: "proxy\x071")
    assert whoever().startswith(told)
    assert whoever().endswith("@proxy?1")
    assert whoever().isprintable()
