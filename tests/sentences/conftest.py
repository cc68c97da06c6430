"""A transcript for each test."""

import pwd
import socket
from pathlib import Path
from typing import Final

import pytest

from proxy.cli import asking
from proxy.clock import Clock
from tests.sentences.transcripts import Transcript
from tests.sentences.trusting import NOW, remember_in, repository, written

BOUND_BEFORE_ANY_TEST: Final = (asking,)
"""Takes `assemble` by name at its first import, which must not happen while a test has replaced it."""


@pytest.fixture
def transcript(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Transcript:
    """A clean directory, and somebody who writes down what is seen there."""
    monkeypatch.delenv("TAGWARDEN_CONFIG", raising=False)
    return Transcript(tmp_path, capsys, monkeypatch)


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that stands still, and one user on one machine."""
    monkeypatch.setattr(Clock, "now", lambda _: NOW)
    monkeypatch.setattr(socket, "gethostname", lambda: "proxy-1")
    monkeypatch.setattr(pwd, "getpwuid", lambda _: pwd.struct_passwd(("root", "x", 0, 0, "", "/", "/")))
    monkeypatch.delenv("SUDO_USER", raising=False)


@pytest.fixture
def shop(transcript: Transcript) -> Transcript:
    """A configuration, and a trust store that remembers two repositories."""
    transcript.write("config.yaml", written())
    remember_in(transcript.directory / "trust.db", repository(), repository("shop/web"))
    return transcript
