"""The process itself: one step after the other, by number, over a line that carries large files apart."""

import socket
from threading import Thread

import pytest

from proxy.errors import NoTrustData
from proxy.tuf.messages import Fetched, Missing
from proxy.verifier import frames
from proxy.verifier.process import Bench, serve
from proxy.verifier.words import Broke, Forget, Outcome, Recall, Refused, Tell, Verify, Wanted
from tests.unit.verifier.material import job, published, told

VALUES = [
    pytest.param(None, id="nothing"),
    pytest.param({"small": b"x" * 100, "large": b"y" * 5000, "more": [b"", b"z" * 4096]}, id="bytes"),
    pytest.param((Fetched(b"a" * 10_000), Missing(), Fetched(b"a" * 10_000)), id="replies"),
]


@pytest.mark.parametrize("value", VALUES)
def test_values_arrive_as_they_were(value: object) -> None:
    """What is large stands apart, each in its place, and is not copied on the way out."""
    head, apart, data, *large = frames.frame(value)
    assert frames.lengths(head) == (len(apart), len(data))
    assert list(frames.sizes(apart)) == [len(each) for each in large]
    assert all(len(each) >= 4096 for each in large)
    assert frames.value_of(data, large) == value


def test_verifications_take_turns() -> None:
    """Two at once, step by step; each goes on from its own replies."""
    bench, sim = Bench(), published()
    answers = [bench.answer(Verify(number, job())) for number in (1, 2)]
    open_ends = {answer.number: answer for answer in answers if isinstance(answer, Wanted)}
    assert sorted(open_ends) == [1, 2]
    while open_ends:
        number, wanted = open_ends.popitem()
        replies = tuple(Fetched(sim.answer(wish.name).body) for wish in wanted.wishes)
        answer = bench.answer(Tell(number, replies))
        assert answer is not None
        assert answer.number == number
        if isinstance(answer, Wanted):
            open_ends[number] = answer
        else:
            assert isinstance(answer, Outcome)


def test_ends_are_told_and_forgotten() -> None:
    """A refusal, a defect and a farewell each end one verification; whoever asks again asks for nothing."""
    bench = Bench()
    assert isinstance(bench.answer(Verify(1, job())), Wanted)
    refused = bench.answer(Tell(1, (Missing(),)))
    assert isinstance(refused, Refused)
    assert isinstance(refused.refusal, NoTrustData)
    assert isinstance(bench.answer(Verify(2, job())), Wanted)
    assert bench.answer(Forget(2)) is None
    assert bench.answer(Forget(2)) is None
    for number in (1, 2, 3):
        broke = bench.answer(Tell(number, ()))
        assert isinstance(broke, Broke)
        assert "KeyError" in broke.trace
    nothing = bench.answer(Recall(4, job()))
    assert isinstance(nothing, Refused)


def test_files_go_one_way_only() -> None:
    """The owner is told which they were, also where two have the same bytes."""
    bench, sim = Bench(), published()
    first = bench.answer(Verify(1, job()))
    given = []
    while isinstance(first, Wanted):
        given += [sim.answer(wish.name).body for wish in first.wishes]
        first = bench.answer(Tell(1, tuple(Fetched(data) for data in given[-len(first.wishes) :])))
    assert isinstance(first, Outcome)
    verified = first.verified(given)
    assert verified.files == sim.current
    known = job(verified)
    again = bench.answer(Recall(2, known))
    assert isinstance(again, Outcome)
    assert told(again.verified(list(verified.files.values())))[:3] == told(verified)[:3]


@pytest.mark.parametrize("rest", [pytest.param(b"", id="between"), pytest.param(b"\x01", id="in the middle of a word")])
def test_process_ends_with_its_owner(rest: bytes) -> None:
    """Nothing is left to do when the line is closed."""
    ours, theirs = socket.socketpair()
    ended: list[type[BaseException]] = []

    def run() -> None:
        with theirs, theirs.makefile("rb") as incoming:
            try:
                serve(incoming, theirs)
            except EOFError as error:
                ended.append(type(error))

    at_work = Thread(target=run)
    at_work.start()
    with ours, ours.makefile("rb") as answers:
        for part in frames.frame(Recall(7, job())):
            ours.sendall(part)
        apart, size = frames.lengths(answers.read(frames.HEAD.size))
        assert apart == 0
        assert isinstance(frames.value_of(answers.read(size), []), Refused)
        ours.sendall(rest)
    at_work.join(timeout=10)
    assert ended == [EOFError]
