"""docs/explain.md names everything that a story has."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Final

import pytest

from proxy.explanation import story
from proxy.policy.holders import Hold
from proxy.policy.tally import Standing

PAGE: Final = (Path(__file__).parents[3] / "docs" / "explain.md").read_text(encoding="utf-8")
PARTS: Final = [part for part in vars(story).values() if isinstance(part, type) and is_dataclass(part)]


@pytest.mark.parametrize("part", [pytest.param(each, id=each.__name__) for each in PARTS])
def test_every_key_is_documented(part: type) -> None:
    """Whoever reads the JSON finds each of its keys on the page."""
    assert is_dataclass(part)
    assert [field.name for field in fields(part) if f"`{field.name}`" not in PAGE] == []


@pytest.mark.parametrize("word", [pytest.param(each, id=each) for each in (*Standing, *Hold)])
def test_every_standing_is_documented(word: str) -> None:
    """The words for signers and tags mean something to whoever looks them up."""
    assert f"`{word}`" in PAGE
