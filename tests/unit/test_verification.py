"""One verification, whole: what is to be committed, what is remembered of tags, and what memory alone is worth."""

import pickle
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from proxy.drive import drive_in_turn
from proxy.errors import Blocked, Expired, NoTrustData, Refusal, Rollback, RootNotTrusted, TrustStoreUnavailable
from proxy.names import ROOT, TARGETS, TIMESTAMP, Gun, RoleName, Tag
from proxy.policy.past import NO_PAST, Past
from proxy.store.protocol import Remembered
from proxy.tuf.collection import Stored, Unusable
from proxy.tuf.messages import Fetched, Missing
from proxy.tuf.pins import Pins, RootPin
from proxy.verification import Job, Verified, recall, verification
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import NOW

GUN: Final = Gun("registry.example.com/shop/api")
DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)


@pytest.fixture
def sim() -> NotarySimulator:
    """A repository with one signer, one tag, and one more in `targets`."""
    sim = NotarySimulator(GUN)
    sim.delegate("targets/alice")
    sim.sign("1.0", role="targets/alice")
    sim.sign("2.0")
    sim.publish()
    return sim


def job(remembered: Remembered | None = None, **changes: Any) -> Job:
    """A job for the repository above, trusted on first use."""
    start = Job(GUN, Pins.tofu(), remembered, NOW, timedelta(), {}, DAY)
    return replace(start, **changes)


def verify(sim: NotarySimulator, wanted: Job) -> Verified:
    """Drive a verification against the simulator."""

    def reply(wish: Any) -> Fetched | Missing:
        answer = sim.answer(wish.name)
        return Fetched(answer.body) if answer.status == 200 else Missing()

    return drive_in_turn(verification(wanted), reply)


def remembered(verified: Verified, **changes: Any) -> Remembered:
    """What a store remembers of it."""
    return replace(Remembered(Stored(verified.files), 1, NOW, verified.past.encode()), **changes)


def signed_again(sim: NotarySimulator) -> None:
    """Another image under the same tag."""
    sim.sign("1.0", b"another image", role="targets/alice")
    sim.bump()
    sim.publish()


def test_first_contact_is_new(sim: NotarySimulator) -> None:
    """Everything is to be committed: files, every tag, and no past."""
    first = verify(sim, job())
    assert first.is_new
    assert first.files == {role: sim.current[role] for role in sim.current}
    assert set(first.new_tags) == {"1.0", "2.0"}
    assert first.past is NO_PAST
    assert first.collection.is_compact
    assert first.collection.hashes.keys() == first.files.keys()
    assert (first.lost, first.skipped) == ("", ())


def test_nothing_new_is_nothing_to_commit(sim: NotarySimulator) -> None:
    """The same files and the same past need a note of the check alone."""
    first = verify(sim, job())
    again = verify(sim, job(remembered(first), now=NOW + HOUR))
    assert not again.is_new
    assert again.files == first.files


def test_a_new_timestamp_alone_costs_one_verification(sim: NotarySimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notary signs it again all the time: what is known of tags need not be verified a second time for that."""
    before = verify(sim, job())
    sim.bump("timestamp")
    sim.publish("timestamp")
    monkeypatch.setattr("proxy.verification._as_of_then", _never)
    again = verify(sim, job(remembered(before)))
    assert again.is_new
    assert again.files[TIMESTAMP] != before.files[TIMESTAMP]
    assert (again.past, again.lost, set(again.new_tags)) == (NO_PAST, "", {Tag("1.0"), Tag("2.0")})


def test_where_a_role_ran_out_what_it_said_is_looked_up(sim: NotarySimulator) -> None:
    """The files are the same, but what they say is not: the tag had that digest until now."""
    sim["targets/alice"].expires = (NOW + HOUR).isoformat()
    sim.bump()
    sim.publish()
    before = verify(sim, job())
    sim.bump("timestamp")
    sim.publish("timestamp")
    after = verify(sim, job(remembered(before), now=NOW + 2 * HOUR))
    assert isinstance(after.collection.roles[RoleName("targets/alice")], Unusable)
    assert [each.tag for each in after.past.records] == [Tag("1.0")]


def _never(*_: object) -> Any:
    raise AssertionError("nobody needs that")


def test_what_a_tag_had_is_recorded(sim: NotarySimulator) -> None:
    """From the remembered files alone, so that it does not matter who verified them."""
    first = verify(sim, job())
    signed_again(sim)
    second = verify(sim, job(remembered(first), now=NOW + HOUR))
    assert second.is_new
    assert [(record.tag, record.ended) for record in second.past.records] == [("1.0", NOW + HOUR)]
    third = verify(sim, job(remembered(second), now=NOW + 2 * HOUR))
    assert not third.is_new
    assert third.past.records == second.past.records


def test_past_that_ran_out_is_news(sim: NotarySimulator) -> None:
    """Where only the past changes, that is committed too."""
    first = verify(sim, job())
    signed_again(sim)
    second = verify(sim, job(remembered(first)))
    later = verify(sim, job(remembered(second), now=NOW + 3 * DAY))
    assert later.files == second.files
    assert later.is_new
    assert later.past.records == ()


def test_tags_that_went_are_named_once_more(sim: NotarySimulator) -> None:
    """A store from before tags were noted learns of those, too."""
    first = verify(sim, job())
    del sim.targets.tags["2.0"]
    sim.bump()
    sim.publish()
    second = verify(sim, job(remembered(first)))
    assert second.collection.tags() == {"1.0"}
    assert set(second.new_tags) == {"1.0", "2.0"}


def test_rollback_is_refused(sim: NotarySimulator) -> None:
    """What is remembered is the floor."""
    old = dict(sim.current)
    signed_again(sim)
    newer = verify(sim, job())
    sim.serve_again(old)
    with pytest.raises(Rollback):
        verify(sim, job(remembered(newer)))


def test_where_earlier_files_do_not_hold_the_past_is_lost(sim: NotarySimulator) -> None:
    """A key that is blocked by now signed them: nothing is known of what tags had, and that is said."""
    first = verify(sim, job())
    stolen = dict.fromkeys(first.collection.targets.signed_by, "stolen")
    fresh = sim.key("fresh")
    sim.root.roles["targets"].keys = [fresh]
    sim.targets.signers = [fresh]
    signed_again(sim)
    second = verify(sim, job(remembered(first), blocked=stolen))
    assert "Blocked" in second.lost or "stolen" in second.lost
    assert second.past is NO_PAST
    assert second.is_new


def test_forgotten_collection_is_met_for_the_first_time(sim: NotarySimulator) -> None:
    """Its generation counts on, and nothing else is left: no floor, no past, no complaint."""
    old = dict(sim.current)
    signed_again(sim)
    verify(sim, job())
    sim.serve_again(old)
    forgotten = Remembered(Stored({}), 7, NOW)
    found = verify(sim, job(forgotten))
    assert found.is_new
    assert found.lost == ""
    assert found.past is NO_PAST
    with pytest.raises(NoTrustData):
        recall(job(forgotten))


def test_unreadable_past_is_no_past(sim: NotarySimulator) -> None:
    """Where the store's memory of earlier tags is damaged, nothing is decided on it."""
    damaged = remembered(verify(sim, job()), past=b"no past")
    with pytest.raises(TrustStoreUnavailable):
        verify(sim, job(damaged))
    with pytest.raises(TrustStoreUnavailable):
        recall(job(damaged))


def test_memory_alone_says_the_same(sim: NotarySimulator) -> None:
    """While Notary is away, the remembered files are verified as of their last check, whatever the time is now."""
    sim.timestamp.expires = "2026-11-21T13:00:00Z"
    signed_again(sim)
    first = verify(sim, job())
    again = recall(job(remembered(first), now=NOW + 30 * DAY))
    assert again.collection.hashes == first.collection.hashes
    assert again.collection.tags() == first.collection.tags()
    assert again.files == first.files
    assert not again.is_new
    assert set(again.new_tags) == set(first.new_tags)


def test_memory_keeps_the_floors_of_unusable_roles(sim: NotarySimulator) -> None:
    """The last good file of a role that broke belongs to what is remembered, and so to what is told apart by it."""
    first = verify(sim, job())
    sim.delegations["targets/alice"].expires = "2021-01-01T00:00:00Z"
    signed_again(sim)
    second = verify(sim, job(remembered(first)))
    assert isinstance(second.collection.roles[RoleName("targets/alice")], Unusable)
    again = recall(job(remembered(second)))
    assert again.collection.hashes == second.collection.hashes


def test_grace_is_for_verification_and_memory_alike(sim: NotarySimulator) -> None:
    """What expired within it holds, now and when it is remembered; without it, or beyond, it does not."""
    sim.timestamp.expires = "2026-11-21T11:00:00Z"
    sim.publish()
    found = verify(sim, job(grace=HOUR))
    assert recall(job(remembered(found), grace=HOUR)).files == found.files
    for too_short in (timedelta(), HOUR - timedelta(seconds=1)):
        with pytest.raises(Expired):
            verify(sim, job(grace=too_short))
        with pytest.raises(Expired):
            recall(job(remembered(found), grace=too_short))


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        pytest.param({"pins": Pins((RootPin("x", public_key_ids=frozenset({"0" * 64})),))}, RootNotTrusted, id="pins"),
        pytest.param({"pins": Pins(())}, RootNotTrusted, id="no pins"),
        pytest.param({"remembered": None}, NoTrustData, id="nothing"),
    ],
)
def test_memory_is_held_against_todays_rules(
    sim: NotarySimulator, changes: dict[str, Any], kind: type[Refusal]
) -> None:
    """What was trusted once is trusted again only under the pins of today."""
    known = remembered(verify(sim, job()))
    with pytest.raises(kind):
        recall(replace(job(known), **changes))


def test_memory_is_held_against_todays_blocked_keys(sim: NotarySimulator) -> None:
    """A key that is blocked by now verifies nothing."""
    first = verify(sim, job())
    with pytest.raises(Blocked):
        recall(job(remembered(first), blocked=dict.fromkeys(first.collection.targets.signed_by, "stolen")))


def test_damaged_memory_is_refused(sim: NotarySimulator) -> None:
    """One changed byte of a remembered file, and it does not hold."""
    first = verify(sim, job())
    for role in (ROOT, TARGETS):
        files = {**first.files, role: first.files[role].replace(b"2100", b"2101")}
        with pytest.raises(Refusal):
            recall(job(remembered(first, stored=Stored(files))))


def test_job_goes_to_another_process(sim: NotarySimulator) -> None:
    """Nothing in it belongs to this process alone, certificates of pins included."""
    wanted = job(remembered(verify(sim, job())))
    arrived = pickle.loads(pickle.dumps(wanted))  # noqa: S301  (made in this line)
    assert arrived == wanted
    assert recall(arrived).collection.tags() == {Tag("1.0"), Tag("2.0")}
    assert Past.decode(arrived.remembered.past) is NO_PAST
