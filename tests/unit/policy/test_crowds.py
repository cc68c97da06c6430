"""Whether a digest has too many tags to be judged at once, and how long the outcome stands."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Expired, Refusal, TagNotSigned
from proxy.limits import DIGEST_JUDGEMENTS, DIGEST_TAGS
from proxy.names import Digest, Tag
from proxy.policy.crowds import claiming, is_crowded, unchanged_until
from proxy.policy.entries import NOTHING_BLOCKED, Entry
from proxy.policy.evaluation import _current, admit_digest, why_not_admitted
from proxy.policy.past import NO_PAST, Earlier, Past, Statement, record
from proxy.policy.past_packed import PackedPast
from proxy.policy.patterns import TagPattern
from proxy.policy.signers import AnyOf, Released, SignerKey
from proxy.policy.superseded import Tags
from proxy.tuf.collection import Collection
from proxy.tuf.packed import compact
from tests.support.collections import LATER, NOW, digest, entry, of, says, signer, target, unusable
from tests.unit.policy.story import DAY, HOUR
from tests.unit.policy.test_superseded_properties import ENTRIES, GAPS, HISTORIES, WORDS, Said, _collections, _past

EVIL = digest("evil")
SOON = NOW + timedelta(minutes=5)
BROKEN = Expired("targets/bob", NOW)


def tags(count: int, word: str = "evil") -> dict[str, str]:
    """So many tags with one digest."""
    return dict.fromkeys((f"v{number:03}" for number in range(count)), word)


def said_before(count: int) -> Past:
    """What mallory said of so many tags until now."""
    return record(NO_PAST, of(says("targets/mallory", tags(count))), of(says("targets/mallory", {})), NOW, DAY)


@pytest.mark.parametrize("count", [DIGEST_TAGS, DIGEST_TAGS + 1])
@pytest.mark.parametrize("is_packed", [pytest.param(True, id="packed"), pytest.param(False, id="plain")])
@pytest.mark.parametrize("where", ["now", "before", "claimed", "everywhere"])
def test_as_many_tags_as_may_be_are_no_crowd(where: str, is_packed: bool, count: int) -> None:  # noqa: FBT001  (a case)
    """One more is; it does not matter whether a role says so, said so, or cannot be used."""
    usable = says("targets/mallory", tags(count if where in ("now", "everywhere") else 0))
    broken = unusable("targets/bob", BROKEN, tags(count if where in ("claimed", "everywhere") else 0))
    collection, past = of(usable, broken), said_before(count if where in ("before", "everywhere") else 0)
    if is_packed:
        collection, past = compact(collection), PackedPast.pack(past)
    assert is_crowded(EVIL, collection, past) == (count > DIGEST_TAGS)
    assert not is_crowded(digest("other"), collection, past)


@pytest.mark.parametrize("records", [62, 63, 64])
def test_what_is_remembered_of_its_tags_makes_a_crowd(records: int) -> None:
    """Each earlier record of a tag is one more judgement."""
    said = (Statement(says("targets/mallory").name, target("evil"), frozenset({"mallory"})),)
    each = [Earlier(Tag(tag), NOW + number * HOUR, said) for number in range(records) for tag in "abcd"]
    assert is_crowded(EVIL, of(), Past(tuple(each))) == (4 * (records + 1) > DIGEST_JUDGEMENTS)


def test_no_more_tags_are_read_than_may_be_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names a digest a million times has a few dozen of them read."""
    read: list[Tag] = []

    def naming(_self: object, _digest: Digest) -> Iterator[Tag]:
        for number in range(1_000_000):
            read.append(Tag(f"v{number}"))
            yield read[-1]

    monkeypatch.setattr("proxy.tuf.targets.PackedTargets.naming", naming)
    assert is_crowded(EVIL, compact(of(says("targets/mallory"))), NO_PAST)
    assert len(read) == DIGEST_TAGS + 1


def test_claims_are_looked_up_and_not_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """A role of many thousand tags that expired costs nothing where somebody asks for another digest."""
    collection = compact(of(unusable("targets/bob", BROKEN, tags(9, "other") | tags(3))))

    def never(_self: object) -> Iterator[Tag]:
        raise AssertionError

    monkeypatch.setattr("proxy.tuf.targets.PackedTargets.__iter__", never)
    assert sorted(claiming(EVIL, collection)) == ["v000", "v001", "v002"]
    assert isinstance(why_not_admitted(entry(AnyOf(())), digest("x"), collection, NOW), Refusal)


def test_one_defect_of_each_kind_is_kept_and_no_other_refusal() -> None:
    """A hundred thousand refused tags leave nothing in memory, nor the frames through which their refusals came."""
    ran_out = of(says("targets", tags(20)), timestamp=NOW - HOUR)
    found, defects = _current(Tags(entry(), ran_out, NOW, NO_PAST, NOTHING_BLOCKED), ran_out.in_order())
    assert (found, list(defects)) == ([], [Expired])
    assert defects[Expired].__traceback__ is None
    unsigned = of(says("targets/alice", tags(20)))
    assert _current(Tags(entry(), unsigned, NOW, NO_PAST, NOTHING_BLOCKED), unsigned.in_order()) == ([], {})


def _outcome(lines: Entry, wanted: Digest, today: Collection, now: datetime, past: Past) -> object:
    try:
        admitted = admit_digest(lines, wanted, today, now, past=past)
    except Refusal as refusal:
        return str(refusal)
    return admitted or str(why_not_admitted(lines, wanted, today, now, past=past))


@given(HISTORIES, GAPS, ENTRIES, st.integers(0, 72))
def test_a_remembered_refusal_is_what_would_be_said_again(
    history: list[dict[str, Said]], gaps: list[int], lines: Entry, hours: int
) -> None:
    """Until the instant that is given, nothing changes about it."""
    collections = _collections(history)
    past, now = _past(collections, gaps)
    today, later = replace(collections[-1], timestamp=replace(collections[-1].timestamp, expires=SOON)), now
    later += timedelta(hours=hours)
    for word in WORDS:
        before = _outcome(lines, digest(word), today, now, past)
        until = unchanged_until(lines, digest(word), today, now, past)
        if isinstance(before, str) and (until is None or later < until):
            assert _outcome(lines, digest(word), today, later, past) == before


@pytest.mark.parametrize(
    ("lines", "collection", "past"),
    [
        pytest.param(entry(), of(root=SOON), NO_PAST, id="root"),
        pytest.param(entry(), of(timestamp=SOON), NO_PAST, id="timestamp"),
        pytest.param(entry(expiry_grace=HOUR), of(snapshot=SOON - HOUR), NO_PAST, id="grace of the snapshot"),
        pytest.param(entry(), of(says("targets/bob", expires=SOON)), NO_PAST, id="a role"),
        pytest.param(entry(AnyOf((signer("alice", SignerKey("a", SOON)),))), of(), NO_PAST, id="a key"),
        pytest.param(
            entry(Released(), tags=((TagPattern("v*"), AnyOf((signer("alice", SignerKey("a", SOON), "b"),))),)),
            of(),
            NO_PAST,
            id="a key of a tag's rule",
        ),
        pytest.param(
            entry(superseded_for=timedelta(minutes=5)),
            of(says("targets/mallory", tags(2))),
            said_before(3),
            id="an earlier digest",
        ),
    ],
)
def test_an_outcome_stands_until_time_may_change_it(lines: Entry, collection: Collection, past: Past) -> None:
    """The first thing that runs out ends it, and after that the next one."""
    assert unchanged_until(lines, EVIL, collection, NOW, past) == SOON
    assert unchanged_until(lines, EVIL, collection, SOON, past) == LATER
    assert unchanged_until(lines, EVIL, collection, LATER + HOUR, past) is None


def test_a_crowd_is_judged_as_any_other_digest_is() -> None:
    """What one of very many tags has is admitted."""
    crowd = of(says("targets/alice", tags(DIGEST_TAGS + 9)))
    assert admit_digest(entry(AnyOf((signer("alice"),))), EVIL, crowd, NOW)
    assert admit_digest(entry(), EVIL, crowd, NOW) is None
    with pytest.raises(TagNotSigned):
        Tags(entry(), crowd, NOW, NO_PAST, NOTHING_BLOCKED).current(Tag("v000"))
