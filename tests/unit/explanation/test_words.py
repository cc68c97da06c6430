"""Rules, times and foreign text, in words."""

from datetime import timedelta

import pytest

from proxy import errors
from proxy.errors import Refusal
from proxy.explanation.tones import line, text
from proxy.explanation.words import asks_for, defect, span, when
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy
from tests.support.collections import NOW
from tests.unit.explanation.situations import (
    ALICE,
    CI,
    QA,
    entry,
)


@pytest.mark.parametrize(
    ("signed_by", "words"),
    [
        pytest.param(AnyOf((ALICE, QA)), "any one of alice, qa", id="any"),
        pytest.param(AllOf((ALICE,)), "the signature of alice,", id="one"),
        pytest.param(AllOf((ALICE, QA)), "all of alice, qa", id="all"),
        pytest.param(FirstOf((ALICE, QA)), "the first of alice, qa", id="first"),
        pytest.param(AtLeast(2, (ALICE, QA, CI)), "at least 2 of alice, qa, ci", id="at-least"),
        pytest.param(Released(), "whatever targets/releases names", id="released"),
    ],
)
def test_rules_in_words(signed_by: SignedBy, words: str) -> None:
    """What a rule asks for, for somebody who never saw the configuration."""
    assert words in asks_for(signed_by, entry(signed_by))
    ignoring = asks_for(signed_by, entry(signed_by, released_required=False))
    assert ("is ignored" in ignoring) is not isinstance(signed_by, Released)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        pytest.param(timedelta(0), "0 seconds", id="nothing"),
        pytest.param(timedelta(seconds=1), "1 second", id="second"),
        pytest.param(timedelta(minutes=3), "3 minutes", id="minutes"),
        pytest.param(timedelta(hours=47), "47 hours", id="hours"),
        pytest.param(timedelta(days=400), "400 days", id="days"),
        pytest.param(timedelta(days=3650), "10 years", id="years"),
    ],
)
def test_spans_of_time(length: timedelta, words: str) -> None:
    """One unit is enough, in either direction."""
    assert span(length) == span(-length) == words
    assert when(NOW - length, NOW).endswith(f"({words} ago)" if length else " UTC (now)")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(errors.Rollback("targets/a", "from 2 to 1"), "went back: from 2 to 1", id="rollback"),
        pytest.param(errors.MetadataCorrupt("targets/a", "no JSON"), "is corrupt: no JSON", id="corrupt"),
        pytest.param(errors.ThresholdNotMet("targets/a", 0, 2), "has 0 of 2 valid signatures", id="threshold"),
        pytest.param(errors.NoTrustData("root"), "does not hold: root", id="other"),
    ],
)
def test_defects_in_words(error: Refusal, words: str) -> None:
    """What is wrong with a role, after its name."""
    assert defect(error) == words


def test_text_is_never_a_command_of_a_terminal() -> None:
    """Escapes, line ends and marks that turn the direction of writing are shown as what they are: not letters."""
    assert text(line("a\x1b[2J\nb\u202ec\u00e4")) == "a?[2J?b?c\u00e4"
