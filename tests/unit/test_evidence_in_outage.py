"""Evidence while Notary is away: what of it does not count, and what a confirmation makes of that."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from proxy.decision_cache import DecisionCache, Evidence
from proxy.errors import Expired
from proxy.names import Tag
from proxy.policy.evaluation import resolve_tag
from proxy.policy.past import NO_PAST
from proxy.tuf.collection import Collection
from proxy.tuf.pins import Pins
from tests.support.collections import GUN, NOW, entry
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read

HOUR: Final = timedelta(hours=1)
TAG: Final = Tag("1.4")


def collection(expires: str = "2026-11-21T13:00:00Z") -> Collection:
    """A collection in which `1.4` is signed, and whose timestamp expires an hour from now."""
    sim = NotarySimulator(GUN)
    sim.sign(TAG)
    sim.timestamp.expires = expires
    sim.publish()
    return read(sim)


def serves(evidence: Evidence, at: datetime, grace: timedelta = timedelta()) -> bool:
    """Whether the tag is served on this evidence."""
    try:
        resolve_tag(entry(expiry_grace=grace), TAG, evidence.collection, at)
    except Expired:
        return False
    return True


def test_a_timestamp_that_was_good_at_the_last_check_ends_nothing() -> None:
    """While Notary is away nobody could have signed another one."""
    known = Evidence(collection(), NO_PAST, 1, NOW, 0.0)
    assert not serves(known, NOW + 2 * HOUR)
    assert serves(known.in_outage(), NOW + 2 * HOUR)
    assert known.in_outage() is known.in_outage()


def test_one_that_counted_by_grace_is_not_lengthened_by_an_outage() -> None:
    """It was old already when Notary served it."""
    known = Evidence(collection(), NO_PAST, 1, NOW + 2 * HOUR, 0.0)
    assert serves(known.in_outage(), NOW + 3 * HOUR, grace=2 * HOUR)
    assert not serves(known.in_outage(), NOW + 3 * HOUR + timedelta(microseconds=1), grace=2 * HOUR)


@pytest.mark.parametrize(
    ("checked_at", "served"),
    [pytest.param(NOW + HOUR, True, id="still-good"), pytest.param(NOW + 2 * HOUR, False, id="expired-since")],
)
def test_a_confirmation_tells_whether_the_timestamp_still_counts(checked_at: datetime, served: bool) -> None:  # noqa: FBT001 (a case)
    """An outage of before does not decide about the next one."""
    known = Evidence(collection(), NO_PAST, 1, NOW, 0.0)
    assert serves(known.in_outage(), NOW + 9 * HOUR)
    known.confirm(checked_at, 60.0)
    assert known.in_outage().checked_at == checked_at
    assert serves(known.in_outage(), NOW + 9 * HOUR) is served


def test_no_expiry_is_too_late_for_a_grace() -> None:
    """Whoever signs may write the last second that there is."""
    cache, key = DecisionCache(), ("corp", GUN, Pins.tofu(), 24 * HOUR)
    cache.put(key, Evidence(collection("9999-12-31T23:59:59Z"), NO_PAST, 1, NOW, 0.0))
    standing = cache.standing(key)
    assert standing
    ends = datetime(2100, 1, 1, tzinfo=UTC)
    assert [standing.has_expired(now) for now in (ends - timedelta(seconds=1), ends)] == [False, True]
