"""What is told of evidence that serves although Notary is away, or although something in it had expired."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from proxy.explanation import tell
from proxy.explanation.known import Known
from proxy.policy.entries import Policy
from proxy.policy.expiry import in_outage
from proxy.policy.signers import AnyOf
from proxy.tuf.collection import Collection
from tests.support.resolving import NAME
from tests.unit.explanation.bare import read
from tests.unit.explanation.situations import ALICE, SITUATIONS, entry

TRANSCRIPTS: Final = Path(__file__).parent / "transcripts"
CHECKED: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
NONE: Final = timedelta()
[ALLOWED] = [each for each in SITUATIONS if each.file == "key_counts_until"]


async def ending(grace: timedelta, expires: Mapping[str, datetime], *, away: bool) -> Known:
    """What is known two hours after the last check, of a collection whose top roles expire as told."""
    known = await ALLOWED.known()
    assert known.evidence
    tops = {name: replace(getattr(known.evidence.collection, name), expires=end) for name, end in expires.items()}
    found: Collection = replace(known.evidence.collection, **tops)
    if away:
        found = in_outage(found, CHECKED)
    rule = entry(AnyOf((ALICE,)), expiry_grace=grace, outage_for=24 * HOUR)
    return replace(
        known,
        policy=Policy(NAME, (rule,), ()),
        now=CHECKED + 2 * HOUR,
        evidence=replace(known.evidence, collection=found, checked_at=CHECKED, is_outage=away),
    )


@pytest.mark.parametrize(
    ("file", "grace", "expires", "away"),
    [
        pytest.param("outage", NONE, {"timestamp": CHECKED + HOUR}, True, id="outage"),
        pytest.param("by_grace", 24 * HOUR, {"timestamp": CHECKED, "snapshot": CHECKED}, False, id="grace"),
    ],
)
async def test_what_people_read_of_old_evidence(
    file: str,
    grace: timedelta,
    expires: Mapping[str, datetime],
    away: bool,  # noqa: FBT001 - a case
) -> None:
    """Word for word: what does not count, by which key, and until when it serves."""
    recorded, told = TRANSCRIPTS / f"{file}.txt", read(await ending(grace, expires, away=away)) + "\n"
    if os.environ.get("TAGWARDEN_RECORD"):
        recorded.write_text(told, encoding="utf-8")
    assert told == recorded.read_text(encoding="utf-8")


async def test_an_outage_is_told() -> None:
    """Not as an answer of Notary; with its age and its end."""
    freshness = tell(await ending(NONE, {}, away=True)).freshness
    assert (freshness.answered, freshness.checked_at, freshness.stale) == (False, CHECKED, 7200)
    assert freshness.serves_until == CHECKED + 24 * HOUR
    freshness = tell(await ending(NONE, {}, away=False)).freshness
    assert (freshness.answered, freshness.stale, freshness.serves_until) == (True, None, None)


async def test_a_clock_that_was_set_back_makes_nothing_younger_than_now() -> None:
    """The age is never negative."""
    known = await ending(NONE, {}, away=True)
    assert tell(replace(known, now=CHECKED - HOUR)).freshness.stale == 0


@pytest.mark.parametrize(
    ("role", "grace", "away", "state", "forgiven"),
    [
        pytest.param("timestamp", 0, True, "usable", "outage", id="timestamp-in-an-outage"),
        pytest.param("timestamp", 0, False, "unusable", "", id="timestamp"),
        pytest.param("timestamp", 1, False, "usable", "expiry-grace", id="timestamp-by-grace"),
        pytest.param("snapshot", 0, True, "unusable", "", id="snapshot-in-an-outage"),
        pytest.param("snapshot", 1, True, "usable", "expiry-grace", id="snapshot-by-grace"),
        pytest.param("root", 1, True, "unusable", "", id="root"),
    ],
)
async def test_what_is_forgiven(role: str, grace: int, away: bool, state: str, forgiven: str) -> None:  # noqa: FBT001 (a case)
    """What expired an hour ago counts by grace, or where the outage explains it; the votes agree with the chain."""
    story = tell(await ending(grace * HOUR, {role: CHECKED + HOUR}, away=away))
    assert story.chain
    assert story.votes
    [link] = [each for each in story.chain.links if each.name == role]
    assert (link.state, link.forgiven) == (state, forgiven)
    assert story.votes.enough is (state == "usable")
