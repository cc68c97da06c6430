"""What people read in dozens of situations, word for word.

`TAGWARDEN_RECORD=1` writes the transcripts anew; then read what has changed as somebody who sees it for the first
time.
"""

import json
import os
from pathlib import Path
from typing import Final

import pytest

from proxy.explanation import as_json, lines, tell
from proxy.explanation.story import Story
from proxy.explanation.tones import text
from tests.unit.explanation.rare_situations import RARE
from tests.unit.explanation.situations import SITUATIONS, Situation

TRANSCRIPTS: Final = Path(__file__).parent / "transcripts"


def read(story: Story) -> str:
    """A story as it is printed where there are no colours."""
    return "".join(f"{text(line)}\n" for line in lines(story))


@pytest.mark.parametrize("situation", [pytest.param(each, id=each.file) for each in (*SITUATIONS, *RARE)])
async def test_what_people_read(situation: Situation) -> None:
    """Each situation is told in the words that are written down for it, and as JSON without losing anything."""
    story = tell(await situation.known())
    recorded = TRANSCRIPTS / f"{situation.file}.txt"
    if os.environ.get("TAGWARDEN_RECORD"):
        recorded.write_text(read(story), encoding="utf-8")
    assert read(story) == recorded.read_text(encoding="utf-8")
    assert json.loads(json.dumps(as_json(story)))["conclusion"]["sentence"] == story.conclusion.sentence
