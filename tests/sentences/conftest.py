"""A transcript for each test."""

from pathlib import Path

import pytest

from tests.sentences.transcripts import Transcript


@pytest.fixture
def transcript(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Transcript:
    """A clean directory, and somebody who writes down what is seen there."""
    monkeypatch.delenv("TAGWARDEN_CONFIG", raising=False)
    return Transcript(tmp_path, capsys, monkeypatch)
