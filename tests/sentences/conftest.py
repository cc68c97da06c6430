"""A transcript for each test."""

from pathlib import Path
from typing import Final

import pytest

from proxy.cli import asking
from tests.sentences.transcripts import Transcript

BOUND_BEFORE_ANY_TEST: Final = (asking,)
"""Takes `assemble` by name at its first import, which must not happen while a test has replaced it."""


@pytest.fixture
def transcript(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Transcript:
    """A clean directory, and somebody who writes down what is seen there."""
    monkeypatch.delenv("TAGWARDEN_CONFIG", raising=False)
    return Transcript(tmp_path, capsys, monkeypatch)
