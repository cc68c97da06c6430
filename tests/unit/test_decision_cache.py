"""Evidence is kept packed and asked as if it were not; what nobody asks for goes first."""

import gc
import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import pytest

from proxy.decision_cache import DecisionCache, Evidence, EvidenceKey
from proxy.errors import Expired
from proxy.names import ROOT, TIMESTAMP, Gun, Tag
from proxy.policy.entries import NOTHING_BLOCKED
from proxy.policy.past import NO_PAST, Past, record
from proxy.tuf.collection import Collection
from proxy.tuf.pins import Pins
from tests.support.collections import LATER, NOW, digest, entry, of, says, unusable

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
RULE: Final = entry()


def collection(word: str = "new", **expires: datetime) -> Collection:
    """A collection with files, whose one tag has the digest that a word stands for."""
    made = of(says("targets", {"1.4": word}), **expires)
    return replace(made, files={ROOT: b"root", TIMESTAMP: word.encode()}, hashes={})


def past() -> Past:
    """What the tag had before."""
    return record(NO_PAST, collection("old"), collection(), NOW, DAY)


def evidence(word: str = "new", seconds: float = 0.0, earlier: Past = NO_PAST) -> Evidence:
    """Evidence that was checked so many seconds after `NOW`."""
    return Evidence(collection(word), earlier, 3, NOW + timedelta(seconds=seconds), seconds)


def key(name: str = "api", grace: timedelta = timedelta()) -> EvidenceKey:
    """Where evidence is found."""
    return "corp", Gun(f"registry.example.com/shop/{name}"), Pins.tofu(), grace


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing stays unpacked but the last piece that was asked for."""
    monkeypatch.setattr("proxy.decision_cache.HOT_EVIDENCE_BYTES", 1)


def test_nothing_is_known_at_first() -> None:
    """Nor can it be confirmed, or dropped, or be asked how it stands."""
    cache = DecisionCache()
    cache.confirm(key(), NOW, 1.0)
    cache.drop(key())
    assert (cache.get(key()), cache.standing(key()), cache.keys()) == (None, None, ())


def test_what_was_put_is_found_as_it_was() -> None:
    """The very same object, while it lies unpacked."""
    cache, kept = DecisionCache(), evidence()
    cache.put(key(), kept)
    assert cache.get(key()) is kept
    assert cache.keys() == (key(),)
    assert cache.get(key(grace=HOUR)) is None


@pytest.mark.usefixtures("cold")
def test_packed_evidence_answers_the_same() -> None:
    """Collection, past, generation and both times of the check come back from the bytes."""
    cache = DecisionCache()
    cache.put(key(), evidence(seconds=5.0, earlier=past()))
    cache.put(key("web"), evidence("other"))
    found = cache.get(key())
    assert found is not None
    assert found.collection.is_compact
    assert found.collection.hashes == collection().hashes
    assert found.collection.naming(digest("new")) == {"1.4"}
    assert found.past.records == past().records
    assert (found.generation, found.checked_at, found.checked) == (3, NOW + timedelta(seconds=5), 5.0)
    assert not found.is_outage
    assert cache.get(key()) is found


def test_standing_is_told_without_unpacking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generation, check, timestamp and first expiry are asked for all the time."""
    monkeypatch.setattr("proxy.decision_cache.unpack", None)
    cache = DecisionCache()
    cache.put(key(), evidence(seconds=5.0))
    standing = cache.standing(key())
    assert standing is not None
    assert (standing.generation, standing.checked, standing.noted, standing.asked) == (3, 5.0, 5.0, 5.0)
    assert standing.checked_at == NOW + timedelta(seconds=5)
    assert standing.timestamp == hashlib.sha256(b"new").digest()
    assert [standing.has_expired(now) for now in (LATER - timedelta(seconds=1), LATER)] == [False, True]
    assert [standing.is_fresh(timedelta(seconds=30), seconds) for seconds in (34.9, 35.0)] == [True, False]


@pytest.mark.parametrize(
    ("expires", "grace", "first"),
    [
        pytest.param({"timestamp": NOW + HOUR}, timedelta(), NOW + HOUR, id="timestamp"),
        pytest.param({"timestamp": NOW + HOUR}, DAY, NOW + HOUR + DAY, id="timestamp with grace"),
        pytest.param({"snapshot": NOW + HOUR}, DAY, NOW + HOUR + DAY, id="snapshot with grace"),
        pytest.param({"root": NOW + HOUR}, DAY, NOW + HOUR, id="root has none"),
        pytest.param({}, DAY, LATER, id="targets have none"),
    ],
)
def test_first_expiry_ends_what_can_be_confirmed(
    expires: dict[str, datetime], grace: timedelta, first: datetime
) -> None:
    """From then on the same timestamp proves nothing any more."""
    cache = DecisionCache()
    cache.put(key(grace=grace), replace(evidence(), collection=collection("new", **expires)))
    standing = cache.standing(key(grace=grace))
    assert standing is not None
    assert [standing.has_expired(now) for now in (first - timedelta(seconds=1), first)] == [False, True]


@pytest.mark.parametrize("is_hot", [pytest.param(True, id="unpacked"), pytest.param(False, id="packed")])
def test_confirming_makes_it_fresh(is_hot: bool, request: pytest.FixtureRequest) -> None:  # noqa: FBT001  (a case)
    """Packed or not; and an older check, heard late, takes nothing back."""
    if not is_hot:
        request.getfixturevalue("cold")
    cache = DecisionCache()
    cache.put(key(), evidence())
    cache.put(key("web"), evidence())
    cache.confirm(key(), NOW + HOUR, 3600.0)
    cache.confirm(key(), NOW, 1.0)
    found, standing = cache.get(key()), cache.standing(key())
    assert found is not None
    assert standing is not None
    for each in (found, standing):
        assert (each.checked_at, each.checked) == (NOW + HOUR, 3600.0)
        assert each.is_fresh(timedelta(seconds=30), 3629.0)
    other = cache.get(key("web"))
    assert other is not None
    assert not other.is_fresh(timedelta(seconds=30), 3629.0)


def test_new_evidence_takes_the_place_of_the_old() -> None:
    """What was asked last is remembered; what it says is not."""
    cache = DecisionCache()
    cache.put(key(), evidence())
    first = cache.standing(key())
    assert first is not None
    first.asked = 77.0
    cache.put(key(), evidence("newer", 5.0))
    found, standing = cache.get(key()), cache.standing(key())
    assert found is not None
    assert standing is not None
    assert found.collection.naming(digest("newer")) == {"1.4"}
    assert (standing.asked, standing.noted, standing.timestamp) == (77.0, 5.0, hashlib.sha256(b"newer").digest())
    cache.drop(key())
    assert (cache.get(key()), cache.standing(key()), cache.keys()) == (None, None, ())


@pytest.mark.parametrize(
    ("word", "earlier", "is_same"),
    [
        pytest.param("new", NO_PAST, True, id="the same"),
        pytest.param("newer", NO_PAST, False, id="other files"),
        pytest.param("new", past(), False, id="another past"),
    ],
)
async def test_surveys_stay_where_nothing_changed(word: str, earlier: Past, is_same: bool) -> None:  # noqa: FBT001  (a case)
    """What all tags come to is found out once for as long as files and past are the same."""
    cache, first = DecisionCache(), evidence()
    cache.put(key(), first)
    survey = await first.survey(RULE, NOTHING_BLOCKED, NOW)
    second = evidence(word, 5.0, earlier)
    cache.put(key(), second)
    assert (await second.survey(RULE, NOTHING_BLOCKED, NOW) is survey) == is_same


async def test_survey_holds_until_its_first_permission_runs_out() -> None:
    """Not a microsecond longer; an empty one holds for ever, because time alone admits nothing."""
    soon = replace(evidence(), collection=collection(timestamp=NOW + HOUR))
    survey = await soon.survey(RULE, NOTHING_BLOCKED, NOW)
    assert survey.tags == {Tag("1.4")}
    assert [survey.holds(NOW + HOUR), survey.holds(NOW + HOUR + timedelta(microseconds=1))] == [True, False]
    bare = replace(evidence(), collection=of(says("targets")))
    assert (await bare.survey(RULE, NOTHING_BLOCKED, NOW)).holds(LATER + DAY)


@pytest.mark.parametrize("is_enabled", [pytest.param(True, id="at work"), pytest.param(False, id="at rest")])
async def test_survey_leaves_the_collector_as_it_was(is_enabled: bool) -> None:  # noqa: FBT001  (a case)
    """It is paused while a survey is made, and nobody else's setting is changed."""
    was_enabled = gc.isenabled()
    try:
        (gc.enable if is_enabled else gc.disable)()
        await evidence().survey(RULE, NOTHING_BLOCKED, NOW)
        assert gc.isenabled() == is_enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()


async def test_twin_for_an_outage_is_made_once() -> None:
    """Its timestamp does not count, its surveys are its own, and it knows of every later check."""
    known = evidence()
    first = await known.survey(RULE, NOTHING_BLOCKED, NOW)
    twin = known.in_outage()
    assert known.in_outage() is twin
    assert twin.in_outage() is twin
    assert (twin.is_outage, known.is_outage) == (True, False)
    assert (twin.collection.counts_timestamp, known.collection.counts_timestamp) == (False, True)
    assert await twin.survey(RULE, NOTHING_BLOCKED, NOW) is not first
    known.confirm(NOW + HOUR, 3600.0)
    assert (twin.checked_at, twin.checked) == (NOW + HOUR, 3600.0)
    assert (known.past, known.generation) == (twin.past, twin.generation)


def test_memory_is_bounded_by_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that came goes first, unless somebody asked for it meanwhile."""
    monkeypatch.setattr("proxy.decision_cache.EVIDENCE_ENTRIES", 3)
    cache = DecisionCache()
    for name in ("a", "b", "c"):
        cache.put(key(name), evidence())
    cache.get(key("a"))
    cache.put(key("d"), evidence())
    assert set(cache.keys()) == {key("a"), key("c"), key("d")}
    cache.put(key("e"), evidence())
    assert set(cache.keys()) == {key("a"), key("d"), key("e")}
    cache.put(key("f"), evidence())
    assert set(cache.keys()) == {key("a"), key("e"), key("f")}
    cache.put(key("g"), evidence())
    assert set(cache.keys()) == {key("e"), key("f"), key("g")}


def test_sparing_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where everything is in use, something goes all the same, at once."""
    monkeypatch.setattr("proxy.decision_cache.EVIDENCE_ENTRIES", 3)
    monkeypatch.setattr("proxy.decision_cache._SPARED", 1)
    cache = DecisionCache()
    for name in ("a", "b", "c"):
        cache.put(key(name), evidence())
        cache.get(key(name))
    cache.put(key("d"), evidence())
    assert set(cache.keys()) == {key("a"), key("c"), key("d")}


def test_memory_is_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large one takes the place of many; what was dropped makes room again."""
    cache = DecisionCache()
    cache.put(key("a"), evidence())
    standing = cache.standing(key("a"))
    assert standing is not None
    monkeypatch.setattr("proxy.decision_cache.EVIDENCE_BYTES", 2 * standing.size + 10)
    cache.put(key("b"), evidence())
    assert len(cache.keys()) == 2
    cache.put(key("b"), evidence())
    assert len(cache.keys()) == 2
    cache.put(key("c"), evidence())
    assert set(cache.keys()) == {key("b"), key("c")}
    cache.drop(key("b"))
    cache.put(key("d"), evidence())
    assert set(cache.keys()) == {key("c"), key("d")}


def test_even_the_largest_is_kept_unpacked_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collection of many thousand tags is not read anew for each request."""
    monkeypatch.setattr("proxy.decision_cache.PACKED_PLAIN_BYTES", 100)
    cache = DecisionCache()
    tags = {f"v{number}": f"image {number}" for number in range(3000)}
    large = replace(
        evidence(), collection=of(says("targets", tags), unusable("targets/bob", Expired("targets/bob", NOW)))
    )
    cache.put(key(), large)
    assert cache.get(key()) is large
    cache._hot.clear()
    found = cache.get(key())
    assert found is not None
    assert found.collection.tags() == large.collection.tags()
    assert cache.get(key()) is found
