"""What was found, in the order in which it was found, each with a name that the documentation knows."""

import re
from pathlib import Path

import pytest

from proxy.doctor.findings import Finding, Hop, Level, Name, listed

PAGE = Path(__file__).parents[3] / "docs" / "doctor.md"


def test_every_name_is_explained() -> None:
    """Every name has a heading of its own in the documentation, and no heading is for nothing."""
    headings = re.findall(r"^### (.+)$", PAGE.read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(Name)
    assert len(headings) == len(set(headings))


def test_findings_stay_in_order() -> None:
    """A hop keeps its findings as they were noted, and says the same thing once."""
    hop = Hop("registry")
    hop.ok(Name.REGISTRY_DNS, "known")
    hop.fail(Name.REGISTRY_CONNECT, "refused", "start it")
    hop.fail(Name.REGISTRY_CONNECT, "refused", "start it")
    hop.unknown(Name.REGISTRY_API, "what it answers")
    assert hop.findings == [
        Finding("registry", Name.REGISTRY_DNS, Level.OK, "known"),
        Finding("registry", Name.REGISTRY_CONNECT, Level.FAILED, "refused", "start it"),
        Finding("registry", Name.REGISTRY_API, Level.UNKNOWN, "what it answers"),
    ]


def test_what_strangers_wrote_cannot_command_a_terminal() -> None:
    """A certificate or a header in a finding keeps its line, its colour and its place."""
    hop = Hop("registry")
    hop.fail(Name.REGISTRY_API, "\x1b[2K\x1b[1Gok \x9b2J\r\n\u202e\udcff", "see \x07its log")
    assert hop.findings == [
        Finding("registry", Name.REGISTRY_API, Level.FAILED, "?[2K?[1Gok ?2J????", "see ?its log"),
    ]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        pytest.param(["b"], "b", id="one"),
        pytest.param(["b", "a"], "a and b", id="two"),
        pytest.param(["c", "b", "a", "a"], "a, b and c", id="three-without-doubles"),
        pytest.param(["e", "d", "c", "b", "a"], "a, b, c and 2 more", id="more"),
    ],
)
def test_names_in_a_sentence(names: list[str], said: str) -> None:
    """A sentence names a few repositories, and how many more there are."""
    assert listed(names) == said
