"""Freeze: the attacker keeps serving what is validly signed, so that nobody learns of anything newer."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from proxy.errors import Expired, NotaryUnreachable, NoTrustData
from proxy.policy.evaluation import resolve_tag
from proxy.policy.expiry import in_outage
from tests.attacks.shop import BY_ALICE, GOOD, SIGNERS, TAG, answer, defect, digest_of, memory, resolve, shop, usable
from tests.support.collections import entry
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read, remembered

_LAST: Final = datetime(2026, 12, 5, tzinfo=UTC)
_TOP: Final = ("root", "timestamp", "snapshot", "targets")


def _ending(role: str) -> NotarySimulator:
    """The repository with one role that ends before all others."""
    sim = shop()
    sim[role].expires = "2026-12-05T00:00:00Z"
    sim.bump()
    sim.publish()
    return sim


@pytest.mark.parametrize("role", _TOP)
def test_frozen_files_serve_until_the_first_of_them_expires(role: str) -> None:
    """To the very instant of its expiry an unchanged repository is good, and a microsecond later it is not."""
    sim = _ending(role)
    stored = remembered(sim)
    assert resolve(read(sim, stored, now=_LAST)) == digest_of(GOOD)
    with pytest.raises(Expired) as refused:
        read(sim, stored, now=_LAST + timedelta(microseconds=1))
    assert (refused.value.role, refused.value.expires) == (role, _LAST)


@pytest.mark.parametrize("role", _TOP)
def test_expiry_is_checked_on_first_contact_too(role: str) -> None:
    """A reader without memory is not frozen either."""
    with pytest.raises(Expired):
        read(_ending(role), now=_LAST + timedelta(seconds=1))


@pytest.mark.parametrize("role", SIGNERS)
def test_a_frozen_signer_ends_alone(role: str) -> None:
    """A delegation past its expiry is unusable; the others go on."""
    collection = read(_ending(role), now=_LAST + timedelta(seconds=1))
    assert defect(collection, role) is Expired
    assert all(usable(collection, other) for other in SIGNERS if other != role)


def test_an_expired_release_does_not_fall_back() -> None:
    """An expired `targets/releases` refuses; what `targets` may say of the tag is not asked (S4)."""
    sim = _ending("targets/releases")
    sim.sign("1.4", b"an older image", role="targets")
    sim["targets/releases"].expires = "2026-11-01T00:00:00Z"
    sim.bump()
    sim.publish()
    assert answer(sim, None) is Expired


def test_a_timestamp_renewed_around_old_files_freezes_until_the_snapshot_ends() -> None:
    """Who holds the timestamp key alone can freeze as long as the snapshot lives, and no longer."""
    sim = _ending("snapshot")
    sim.bump("timestamp")
    sim.publish("timestamp")
    assert resolve(read(sim, memory(), now=_LAST)) == digest_of(GOOD)
    with pytest.raises(Expired):
        read(sim, memory(), now=_LAST + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("status", "refusal"),
    [pytest.param(404, NoTrustData, id="missing (S14)"), pytest.param(503, NotaryUnreachable, id="unavailable")],
)
def test_an_answer_kept_back_is_not_replaced_by_memory(status: int, refusal: type[Exception]) -> None:
    """Whoever keeps the timestamp back does not make the verifier live on what it remembers."""
    sim = shop()
    sim.fault("timestamp", status)
    assert answer(sim, memory()) is refusal


@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
def test_grace_lengthens_a_freeze_by_itself_and_no_more(role: str) -> None:
    """Who asks for grace gives a week to whoever holds back news, and not a microsecond on top."""
    sim, week = _ending(role), timedelta(days=7)
    stored = remembered(sim)
    frozen = read(sim, stored, now=_LAST + week, grace=week)
    rule = entry(expiry_grace=week)
    assert resolve_tag(rule, TAG, frozen, _LAST + week).digest == digest_of(GOOD)
    for refuse in (
        lambda at: read(sim, stored, now=at, grace=week),
        lambda at: resolve_tag(rule, TAG, frozen, at),
        lambda at: resolve_tag(entry(), TAG, frozen, at - week),
    ):
        with pytest.raises(Expired) as refused:
            refuse(_LAST + week + timedelta(microseconds=1))
        assert (refused.value.role, refused.value.expires) == (role, _LAST)


def test_cutting_notary_off_stops_the_timestamps_clock_alone() -> None:
    """In an outage a timestamp that was good at the last check ends nothing; what people signed ends when it ends."""
    sim = _ending("timestamp")
    sim.delegations["targets/alice"].expires = "2026-12-10T00:00:00Z"
    sim.bump()
    sim.publish()
    known = read(sim, now=_LAST)
    cut_off, day = in_outage(known, _LAST), timedelta(days=1)
    assert resolve_tag(entry(BY_ALICE), TAG, cut_off, _LAST + day).digest == digest_of(GOOD)
    for late, role in ((known, "timestamp"), (in_outage(known, _LAST + day), "timestamp")):
        with pytest.raises(Expired) as refused:
            resolve_tag(entry(BY_ALICE), TAG, late, _LAST + day)
        assert refused.value.role == role
    with pytest.raises(Expired) as refused:
        resolve_tag(entry(BY_ALICE), TAG, cut_off, _LAST + 6 * day)
    assert refused.value.role == "targets/alice"


def test_the_clock_is_the_readers_own() -> None:
    """Nothing in the files can say what time it is: the same bytes are good today and expired in a year."""
    sim = shop()
    sim.timestamp.expires = "2027-01-01T00:00:00Z"
    sim.bump("timestamp")
    sim.publish("timestamp")
    assert resolve(read(sim)) == digest_of(GOOD)
    with pytest.raises(Expired):
        read(sim, now=datetime(2027, 11, 21, tzinfo=UTC))
