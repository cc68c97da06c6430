"""What many tags come to is found out beside the event loop, in threads of its own, once for everybody."""

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import proxy.decision_cache
import proxy.surveys
from proxy.decision_cache import Evidence
from proxy.errors import DigestNotSigned, Expired, MetadataCorrupt, Refusal, TrustError
from proxy.limits import DIGEST_TAGS, SURVEY_THREADS
from proxy.names import TIMESTAMP, Digest
from proxy.policy.entries import NOTHING_BLOCKED, Entry
from proxy.policy.evaluation import admit_digest, survey, why_not_admitted
from proxy.policy.past import NO_PAST, Past
from proxy.policy.signers import AllOf, AnyOf
from proxy.surveys import Answer, Surveys
from proxy.tasks import spawn
from proxy.tuf.collection import Collection
from tests.support.collections import LATER, NOW, digest, entry, of, says, signers, unusable
from tests.unit.policy.test_superseded_properties import ENTRIES, GAPS, HISTORIES, WORDS, Said, _collections, _past

RULE: Final = entry(AnyOf(signers("alice")))
BOTH: Final = entry(AllOf(signers("alice", "bob")))
EVIL: Final = digest("evil")
TICK: Final = timedelta(microseconds=1)
SOON: Final = NOW + timedelta(minutes=5)
CROWD: Final = dict.fromkeys((f"v{number}" for number in range(DIGEST_TAGS + 1)), "evil")
FEW: Final = dict.fromkeys(("v1", "v2"), "evil")


def holding(collection: Collection, past: Past = NO_PAST) -> Evidence:
    """Evidence of a collection."""
    return Evidence(collection, past, 1, NOW, 0.0)


def mallory(**fields: Any) -> Evidence:
    """Evidence in which a role that no rule counts names one digest under very many tags."""
    return holding(of(says("targets/alice", {"1.0": "good"}), says("targets/mallory", CROWD), **fields))


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads in which digests are judged, one for each judgement."""
    names: list[str] = []

    def told(judge: Callable[..., object]) -> Callable[..., object]:
        def judging(*args: Any, **kwargs: Any) -> object:
            names.append(threading.current_thread().name)
            return judge(*args, **kwargs)

        return judging

    monkeypatch.setattr(proxy.decision_cache, "admit_digest", told(admit_digest))
    monkeypatch.setattr(proxy.decision_cache, "why_not_admitted", told(why_not_admitted))
    return names


class Gate:
    """Something that takes as long as a test wants; `begun` says who began."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.begun: list[str] = []
        self._begun = threading.Semaphore(0)

    def judge(self, *_args: object, **_kwargs: object) -> None:
        """Judge nothing, once it may."""
        self.begun.append(threading.current_thread().name)
        self._begun.release()
        assert self.open.wait(60)

    async def began(self, count: int = 1) -> None:
        """Wait until so many began."""
        for _ in range(count):
            assert await asyncio.to_thread(self._begun.acquire, timeout=60)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Judgements of digests wait here."""
    made = Gate()
    monkeypatch.setattr(proxy.decision_cache, "admit_digest", made.judge)
    yield made
    made.open.set()


async def _ask(known: Evidence, digest_: Digest = EVIL, rule: Entry = RULE) -> object:
    return await known.admit(rule, digest_, NOTHING_BLOCKED, NOW)


async def test_few_tags_are_judged_where_the_question_is(judged: list[str]) -> None:
    """An ordinary digest costs no change of threads."""
    known = holding(of(says("targets/mallory", FEW)))
    assert await _ask(known) is None
    assert isinstance(await known.why_not(RULE, EVIL, NOTHING_BLOCKED, NOW), DigestNotSigned)
    assert judged == [threading.current_thread().name] * 2


async def test_a_crowd_is_judged_once_and_beside_the_loop(judged: list[str]) -> None:
    """However often somebody asks for it, and for the reason."""
    known = mallory()
    answers = await asyncio.gather(*(_ask(known) for _ in range(9)))
    assert answers == [None] * 9
    assert isinstance(await known.why_not(RULE, EVIL, NOTHING_BLOCKED, NOW), DigestNotSigned)
    assert len(judged) == 2  # whether it is admitted, and why not
    assert all(name.startswith("survey") for name in judged)


async def test_an_admitted_crowd_is_believed_until_its_permission_runs_out(judged: list[str]) -> None:
    """Then it is judged again, and refused by what ran out."""
    known = holding(of(says("targets/alice", CROWD), timestamp=SOON))
    for now in (NOW, SOON - TICK):
        found = await known.admit(RULE, EVIL, NOTHING_BLOCKED, now)
        assert found
        assert (found.digest, found.valid_until) == (EVIL, SOON)
        assert isinstance(await known.why_not(RULE, EVIL, NOTHING_BLOCKED, now), DigestNotSigned)
    assert len(judged) == 1
    with pytest.raises(Expired):
        await known.admit(RULE, EVIL, NOTHING_BLOCKED, SOON + TICK)


async def test_a_refused_crowd_is_judged_again_when_something_expires(judged: list[str]) -> None:
    """What time may turn into a defect is no longer called unsigned."""
    known = holding(of(says("targets/alice", CROWD), says("targets/bob", {"x": "y"}, expires=SOON)))
    assert await known.admit(BOTH, EVIL, NOTHING_BLOCKED, NOW) is None
    assert len(judged) == 2
    with pytest.raises(Expired):
        await known.admit(BOTH, EVIL, NOTHING_BLOCKED, SOON + TICK)


async def test_the_defect_of_a_crowd_is_said_to_everybody(judged: list[str]) -> None:
    """As of a digest of few tags, and without judging it again."""
    known = holding(of(says("targets/alice", CROWD), unusable("targets/bob", MetadataCorrupt("targets/bob", "x"))))
    for _ in range(3):
        with pytest.raises(MetadataCorrupt):
            await _ask(known, rule=BOTH)
    assert len(judged) == 1


@given(HISTORIES, GAPS, ENTRIES)
def test_a_crowd_is_judged_as_few_tags_are(history: list[dict[str, Said]], gaps: list[int], lines: Entry) -> None:
    """The bound moves work, and changes no decision."""
    collections = _collections(history)
    past, now = _past(collections, gaps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("proxy.decision_cache.is_crowded", lambda *_: True)
        for word in WORDS:
            crowded = asyncio.run(_whole_answer(holding(collections[-1], past), digest(word), lines, now))
            try:
                plain: object = admit_digest(lines, digest(word), collections[-1], now, past=past)
                plain = plain or str(why_not_admitted(lines, digest(word), collections[-1], now, past=past))
            except TrustError as defect:
                plain = str(defect)
            assert crowded == plain


async def _whole_answer(known: Evidence, wanted: Digest, lines: Entry, now: Any) -> object:
    try:
        found = await known.admit(lines, wanted, NOTHING_BLOCKED, now)
        return found or str(await known.why_not(lines, wanted, NOTHING_BLOCKED, now))
    except Refusal as refusal:
        return str(refusal)


async def test_surveys_have_threads_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has them made keeps nobody waiting who looks up a name or reads a file."""
    names: list[str] = []

    def telling(*args: Any, **kwargs: Any) -> Any:
        names.append(threading.current_thread().name)
        return survey(*args, **kwargs)

    monkeypatch.setattr(proxy.decision_cache, "survey", telling)
    await mallory().survey(RULE, NOTHING_BLOCKED, NOW)
    assert [name.startswith("survey") for name in names] == [True]


async def test_no_more_are_made_at_once_than_there_are_threads(gate: Gate) -> None:
    """Of however many collections; the others wait, and come next."""
    waiting = [spawn(_ask(mallory()), name="question") for _ in range(SURVEY_THREADS + 3)]
    await gate.began(SURVEY_THREADS)
    await asyncio.sleep(0.01)
    assert len(gate.begun) == SURVEY_THREADS
    gate.open.set()
    assert await asyncio.gather(*waiting) == [None] * (SURVEY_THREADS + 3)
    assert len(gate.begun) == SURVEY_THREADS + 3


async def test_one_collection_has_one_thread(gate: Gate) -> None:
    """Also where its owner signs again and again: newer evidence waits for what was begun for older."""
    first = mallory()
    waiting = [spawn(_ask(first), name="question")]
    await gate.began()
    newer = first
    for number in range(3):
        older, newer = newer, mallory()
        newer.collection = replace(newer.collection, hashes={TIMESTAMP: bytes([number])})
        newer.inherit(older)
        waiting.append(spawn(_ask(newer), name="question"))
    waiting.append(spawn(_ask(newer.in_outage()), name="question"))
    await asyncio.sleep(0.01)
    assert len(gate.begun) == 1
    gate.open.set()
    await asyncio.gather(*waiting)
    assert len(gate.begun) == 5


async def test_what_nobody_waits_for_is_never_begun(gate: Gate) -> None:
    """A request that ran out of time leaves no work behind that had not begun."""
    known = mallory()
    begun = spawn(_ask(known), name="question")
    await gate.began()
    other = spawn(_ask(known, rule=BOTH), name="question")
    await asyncio.sleep(0)
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)
    gate.open.set()
    assert await begun is None
    await asyncio.sleep(0.01)
    assert len(gate.begun) == 1
    assert await _ask(known, rule=BOTH) is None
    assert len(gate.begun) == 2


async def test_what_was_begun_is_remembered_though_nobody_waits(gate: Gate) -> None:
    """So whoever asks again finds it, and it is not begun again."""
    known = mallory()
    asking = spawn(_ask(known), name="question")
    await gate.began()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    again = spawn(_ask(known), name="question")
    gate.open.set()
    assert await again is None
    assert len(gate.begun) == 1


async def test_a_defect_of_ours_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails without saying anything of the collection is tried again."""
    known = mallory()
    with monkeypatch.context() as patch:
        patch.setattr(proxy.decision_cache, "admit_digest", lambda *_, **__: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            await _ask(known)
    assert await _ask(known) is None


async def test_those_who_waited_for_what_runs_out_share_the_next(judged: list[str]) -> None:
    """However many find an answer too old, it is made once."""
    known = holding(of(says("targets/alice", CROWD), says("targets/bob", {"x": "y"}, expires=SOON)))
    assert await known.admit(RULE, EVIL, NOTHING_BLOCKED, NOW)
    before = len(judged)
    short = replace(known.collection, timestamp=replace(known.collection.timestamp, expires=SOON))
    known.collection = short
    known.surveys = Surveys()
    assert await known.admit(RULE, EVIL, NOTHING_BLOCKED, NOW)
    known.collection = replace(short, timestamp=replace(short.timestamp, expires=LATER))
    asking = [spawn(known.admit(RULE, EVIL, NOTHING_BLOCKED, SOON + TICK), name="question") for _ in range(5)]
    assert all(await asyncio.gather(*asking))
    assert len(judged) == before + 2


@pytest.fixture
def collector() -> Iterator[None]:
    """The garbage collector, which is on again afterwards whatever a test finds out."""
    gc.enable()
    yield
    gc.enable()


@pytest.mark.usefixtures("collector")
def test_the_collector_rests_until_the_last_survey_ends() -> None:
    """Whichever began first: two threads may cross in any way."""
    first, second = ExitStack(), ExitStack()
    first.enter_context(proxy.surveys._COLLECTOR.resting())
    second.enter_context(proxy.surveys._COLLECTOR.resting())
    first.close()
    assert not gc.isenabled()
    second.close()
    assert gc.isenabled()


@pytest.mark.usefixtures("collector")
def test_a_survey_that_ends_while_another_begins_leaves_the_collector_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one looks whether it is on, the other one switches it on again, and then the first one has it rest."""
    looked = threading.Event()

    class Slow:
        """The collector, where threads change over as soon as somebody has looked."""

        enable, disable = staticmethod(gc.enable), staticmethod(gc.disable)

        @staticmethod
        def isenabled() -> bool:
            found = gc.isenabled()
            looked.set()
            before.close()
            return found

    before = ExitStack()
    before.enter_context(proxy.surveys._COLLECTOR.resting())
    monkeypatch.setattr(proxy.surveys, "gc", Slow)
    with proxy.surveys._COLLECTOR.resting():
        before.close()
        assert not gc.isenabled()
    assert gc.isenabled()
    assert not looked.is_set()  # who is not the first has nothing to look for


@pytest.mark.usefixtures("collector")
def test_a_collector_that_was_off_stays_so() -> None:
    """Whoever switched it off before has a reason."""
    gc.disable()
    with pytest.raises(ZeroDivisionError), proxy.surveys._COLLECTOR.resting():
        1 / 0  # noqa: B018  (a survey that fails)
    assert not gc.isenabled()


@given(st.integers(0, 3))
def test_an_answer_without_end_holds(hours: int) -> None:
    """Where nothing can run out, nothing does."""
    assert Answer(DigestNotSigned(EVIL), None).holds(NOW + timedelta(hours=hours))
