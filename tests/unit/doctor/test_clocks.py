"""Our clock is held against others', with the patience that a Date of whole seconds and a network need."""

from datetime import UTC, datetime, timedelta

import pytest

from proxy.doctor.clocks import compare, in_words, read_date
from proxy.doctor.findings import Hop, Level, Name
from tests.unit.doctor.reading import read

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        pytest.param("Sun, 22 Nov 2026 12:00:00 GMT", NOON, id="http"),
        pytest.param("Sun, 22 Nov 2026 12:00:00 UTC", NOON, id="notary-server"),
        pytest.param("Sun, 22 Nov 2026 14:00:00 +0200", NOON, id="offset"),
        pytest.param("Sun, 22 Nov 2026 12:00:00 -0000", NOON, id="no-zone"),
        pytest.param("", None, id="absent"),
        pytest.param("yesterday", None, id="words"),
    ],
)
def test_dates_of_servers(text: str, read: datetime | None) -> None:
    """A Date is read as HTTP has it and as notary-server writes it; anything else says nothing."""
    assert read_date(text) == read


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [
        pytest.param(0, Level.OK, "agree", id="same"),
        pytest.param(30, Level.OK, "agree", id="just-within"),
        pytest.param(-31, Level.WARNING, "31 seconds behind", id="half-a-minute"),
        pytest.param(300, Level.WARNING, "5 minutes ahead of", id="five-minutes"),
        pytest.param(-301, Level.FAILED, "5 minutes behind", id="more-than-five-minutes"),
        pytest.param(3 * 86_400, Level.FAILED, "3 days ahead of", id="days"),
    ],
)
def test_how_far_apart(seconds: int, level: Level, words: str) -> None:
    """Half a minute is worth a warning, five minutes are a failure, in either direction."""
    hop = Hop("notary corp")
    compare(hop, Name.NOTARY_CLOCK, NOON + timedelta(seconds=seconds), NOON, "Notary's")
    read(hop.findings)
    [found] = hop.findings
    assert found.level is level
    assert words in found.sentence


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        pytest.param(1, "1 second", id="one"),
        pytest.param(5, "5 seconds", id="seconds"),
        pytest.param(119, "119 seconds", id="not-yet-minutes"),
        pytest.param(120, "2 minutes", id="minutes"),
        pytest.param(7200, "2 hours", id="hours"),
        pytest.param(14 * 86_400, "14 days", id="days"),
    ],
)
def test_lengths_of_time(seconds: float, words: str) -> None:
    """Lengths of time have the largest unit that fits twice."""
    assert in_words(seconds) == words
