"""Until when trust data counts: with grace, in an outage, and at the end of time."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Expired
from proxy.names import SNAPSHOT, TARGETS, TIMESTAMP, RoleName
from proxy.policy.evaluation import admit_digest, admitted, resolve_tag
from proxy.policy.expiry import by_grace, in_outage, valid_until
from proxy.tuf.collection import Collection
from tests.support.collections import LATER, NOW, digest, entry, of, says
from tests.unit.policy.clauses import TAG

HOUR: Final = timedelta(hours=1)
TICK: Final = timedelta(microseconds=1)
NO_GRACE: Final = timedelta()
END: Final = datetime.max.replace(tzinfo=UTC)


def signed(**expires: datetime) -> Collection:
    """A collection that has the tag, and whose top roles expire as told."""
    return of(says("targets", {"1.4": "x"}, expires=expires.pop("targets", LATER)), **expires)


# --- grace --------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [TIMESTAMP, SNAPSHOT])
def test_grace_is_added_to_what_the_server_signs(role: RoleName) -> None:
    """A permission that rests on it ends with the grace, and the refusal names the role's own expiry."""
    late, ending = entry(expiry_grace=HOUR), signed(**{role: NOW})
    assert resolve_tag(late, TAG, ending, NOW + HOUR).valid_until == NOW + HOUR
    with pytest.raises(Expired) as refused:
        resolve_tag(late, TAG, ending, NOW + HOUR + TICK)
    assert (refused.value.role, refused.value.expires) == (role, NOW)
    with pytest.raises(Expired):
        resolve_tag(entry(), TAG, ending, NOW + TICK)


@pytest.mark.parametrize("role", ["root", "targets"])
def test_what_people_sign_has_no_grace(role: str) -> None:
    """However long the grace is, in an outage or not."""
    ending = signed(**{role: NOW})
    for each in (ending, in_outage(ending, NOW)):
        with pytest.raises(Expired) as refused:
            resolve_tag(entry(expiry_grace=1000 * HOUR), TAG, each, NOW + TICK)
        assert refused.value.role == role


def test_all_that_is_admitted_has_the_same_grace() -> None:
    """A tag, its digest, and the list of everything that is admitted."""
    late, ending, now = entry(expiry_grace=HOUR), signed(timestamp=NOW), NOW + HOUR
    found = admit_digest(late, digest("x"), ending, now)
    assert found is not None
    assert found.valid_until == NOW + HOUR
    assert admitted(late, ending, now) == (found,)
    with pytest.raises(Expired):
        admitted(late, ending, now + TICK)


@pytest.mark.parametrize("grace", [NO_GRACE, HOUR, timedelta(days=3650)])
@pytest.mark.parametrize("left", [NO_GRACE, TICK, HOUR, 2 * HOUR])
def test_no_expiry_is_too_late_for_grace(left: timedelta, grace: timedelta) -> None:
    """Whoever signs may write the last instant that there is, and nothing breaks over it."""
    ending = of(says("targets", expires=END), root=END, snapshot=END, timestamp=END - left)
    assert valid_until([TARGETS], ending, NOW, grace) == (END - left + grace if grace < left else END)


# --- outage -------------------------------------------------------------------------------------


def test_in_an_outage_a_timestamp_that_was_good_ends_nothing() -> None:
    """Notary would have signed another one, once it was asked after the first had expired."""
    away = in_outage(signed(timestamp=NOW, snapshot=NOW + 2 * HOUR), NOW)
    assert resolve_tag(entry(), TAG, away, NOW + HOUR).valid_until == NOW + 2 * HOUR
    with pytest.raises(Expired) as refused:
        resolve_tag(entry(), TAG, away, NOW + 2 * HOUR + TICK)
    assert refused.value.role == SNAPSHOT


def test_in_an_outage_a_timestamp_that_had_expired_goes_on_by_grace_alone() -> None:
    """Nobody served a fresh one at the last check, so the outage is not what it lacks."""
    away = in_outage(signed(timestamp=NOW), NOW + TICK)
    late = entry(expiry_grace=HOUR)
    assert resolve_tag(late, TAG, away, NOW + HOUR).valid_until == NOW + HOUR
    with pytest.raises(Expired) as refused:
        resolve_tag(late, TAG, away, NOW + HOUR + TICK)
    assert refused.value.role == TIMESTAMP


def test_the_snapshot_has_grace_in_an_outage_too() -> None:
    """Grace is for both, whoever is away."""
    away = in_outage(signed(timestamp=NOW, snapshot=NOW), NOW)
    assert resolve_tag(entry(expiry_grace=HOUR), TAG, away, NOW + HOUR).valid_until == NOW + HOUR


# --- what counts by grace alone -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("collection", "names"),
    [
        pytest.param(signed(), (), id="nothing-expired"),
        pytest.param(signed(timestamp=NOW), (), id="this-instant"),
        pytest.param(signed(timestamp=NOW - TICK), (TIMESTAMP,), id="timestamp"),
        pytest.param(signed(timestamp=NOW - TICK, snapshot=NOW - TICK), (TIMESTAMP, SNAPSHOT), id="both"),
        pytest.param(signed(root=NOW - TICK, targets=NOW - TICK), (), id="no-grace-for-these"),
        pytest.param(in_outage(signed(timestamp=NOW - TICK), NOW - HOUR), (), id="outage"),
        pytest.param(in_outage(signed(timestamp=NOW - HOUR), NOW - TICK), (TIMESTAMP,), id="outage-of-an-old-one"),
        pytest.param(in_outage(signed(snapshot=NOW - TICK), NOW - HOUR), (SNAPSHOT,), id="snapshot-in-an-outage"),
    ],
)
def test_what_counts_by_grace_alone_is_named(collection: Collection, names: tuple[RoleName, ...]) -> None:
    """For the log: each use of the grace is to be seen."""
    assert by_grace(collection, NOW) == names


# --- whatever the numbers are -------------------------------------------------------------------

OFFSETS: Final = st.integers(-48, 48).map(lambda hours: NOW + hours * HOUR)
GRACES: Final = st.integers(0, 72).map(lambda hours: hours * HOUR)


def _end(collection: Collection, grace: timedelta) -> datetime | None:
    """Until when it counts; None where it does not any more."""
    try:
        return valid_until([TARGETS], collection, NOW, grace)
    except Expired:
        return None


@given(OFFSETS, OFFSETS, OFFSETS, OFFSETS, GRACES, OFFSETS)
def test_nothing_counts_beyond_what_is_written(
    root: datetime, timestamp: datetime, snapshot: datetime, targets: datetime, grace: timedelta, checked_at: datetime
) -> None:
    """Grace moves two ends by itself, an outage takes one away, and neither ever ends anything sooner."""
    found = signed(root=root, timestamp=timestamp, snapshot=snapshot, targets=targets)
    away = in_outage(found, checked_at)
    assert _end(found, NO_GRACE) == _unless_past(min(root, timestamp, snapshot, targets))
    assert _end(found, grace) == _unless_past(min(root, timestamp + grace, snapshot + grace, targets))
    counted = [timestamp + grace] if timestamp < checked_at else []
    assert _end(away, grace) == _unless_past(min([root, snapshot + grace, targets, *counted]))


def _unless_past(end: datetime) -> datetime | None:
    return end if end >= NOW else None
