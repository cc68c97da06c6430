"""Every sentence that the code can say to a person stands in a transcript, where somebody has read it."""

from pathlib import Path
from typing import Final

from tests.sentences.sources import Sentence, sentences
from tests.sentences.transcripts import RECORDED

ROOT: Final = Path(__file__).parents[2]
SPOKEN: Final = (
    *("doctor/*.py", "inspection/*.py", "remote/*.py", "census.py"),
    *(
        f"cli/{name}.py"
        for name in ("config", "deciding", "doctor", "inspect", "outcome", "pin", "serve", "verify", "via")
    ),
)


def test_every_sentence_is_recorded() -> None:
    """What no transcript shows, nobody has read."""
    files = [file for spoken in SPOKEN for file in sorted((ROOT / "proxy").glob(spoken))]
    elsewhere = ROOT / "tests" / "unit" / "explanation" / "transcripts"
    pages = (*RECORDED.glob("*.txt"), *elsewhere.glob("*.txt"), *(ROOT / "docs").glob("*.md"))
    lines = [line for page in pages for line in page.read_text(encoding="utf-8").splitlines()]
    unread = [each for each in sentences(files) if not _is_read(each, lines)]
    assert not unread, "in no transcript:\n" + "\n".join(map(str, unread))


def _is_read(sentence: Sentence, lines: list[str]) -> bool:
    return any(sentence.is_in(line) for line in lines)
