"""Every sentence that the code can say to a person stands in a transcript, where somebody has read it."""

from pathlib import Path
from typing import Final

from tests.sentences.sources import Sentence, lines_of, sentences
from tests.sentences.transcripts import RECORDED

ROOT: Final = Path(__file__).parents[2]
SPOKEN: Final = (
    *("cli/*.py", "config/*.py", "doctor/*.py", "explanation/*.py", "inspection/*.py", "proposal/*.py", "remote/*.py"),
    *("census.py", "refusals.py", "server.py", "signing.py", "tls.py", "web/tls.py"),
    *("policy/patterns.py", "tuf/keys.py", "trust/*.py", "verifier/*.py", "notary/changefeed.py"),
    *(f"store/{name}.py" for name in ("failures", "opening", "opening_server", "postgresql", "sqlstates")),
    *("checks.py", "outages.py", "upkeep.py"),
)


def test_every_sentence_is_recorded() -> None:
    """What no transcript shows, nobody has read."""
    files = [file for spoken in SPOKEN for file in sorted((ROOT / "proxy").glob(spoken))]
    elsewhere = ROOT / "tests" / "unit" / "explanation" / "transcripts"
    pages = (*RECORDED.glob("*.txt"), *elsewhere.glob("*.txt"), *(ROOT / "docs").glob("*.md"))
    lines = [line for page in pages for line in lines_of(page.read_text(encoding="utf-8"))]
    unread = [each for each in sentences(files) if not _is_read(each, lines)]
    assert not unread, "in no transcript:\n" + "\n".join(map(str, unread))


def _is_read(sentence: Sentence, lines: list[str]) -> bool:
    return any(sentence.is_in(line) for line in lines)
