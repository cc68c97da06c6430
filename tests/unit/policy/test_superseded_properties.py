"""What holds for every history that a repository may have had, whatever its signers did."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import Blocked, Refusal, ThresholdNotMet
from proxy.names import Digest, Tag
from proxy.policy.decisions import Allowed
from proxy.policy.entries import NOTHING_BLOCKED, Blocklist, Entry
from proxy.policy.evaluation import admit_digest, admitted, resolve_tag, why_not_admitted
from proxy.policy.past import NO_PAST, Past, record
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released
from proxy.tuf.collection import Collection, Role, Unpublished, Unusable
from tests.support.collections import NOW, digest, entry, of, says, signer, signers, unpublished, unusable

SERVED_FOR: Final = timedelta(hours=4)
WORDS: Final = ("a", "b", "c")
TAGS: Final = ("1", "2")
NAMES: Final = ("targets/alice", "targets/bob", "targets/releases")
STOLEN: Final = "k"
KEYS: Final = (STOLEN, "x", "y")
BLOCKED: Final = Blocklist(keys={STOLEN: "stolen"})
BOTH, THREE = signers("alice", "bob"), signers("alice", "bob", "qa")

State = Role | Unusable | Unpublished


@dataclass(frozen=True)
class Said:
    """What one role says at one time, and who signed it; None for a role that was never published."""

    tags: dict[str, str] | None
    keys: frozenset[str]
    threshold: int

    def role(self, name: str, *, without: str = "", error: type[Blocked | ThresholdNotMet] = ThresholdNotMet) -> State:
        """As an update would find it, where one key's signatures count for nothing."""
        if self.tags is None:
            return unpublished(name)
        counted = self.keys - {without}
        if len(counted) < self.threshold:
            defect = ThresholdNotMet(name, 0, 1) if error is ThresholdNotMet else Blocked("key", "stolen")
            return unusable(name, defect, self.tags)
        return says(name, self.tags, keys=counted, delegated=KEYS, threshold=self.threshold)


SAID = st.builds(
    Said,
    st.none() | st.dictionaries(st.sampled_from(TAGS), st.sampled_from(WORDS), min_size=1),
    st.frozensets(st.sampled_from(KEYS), min_size=1),
    st.sampled_from([1, 1, 1, 2]),
)
SNAPSHOTS = st.fixed_dictionaries(dict.fromkeys(NAMES[:2], SAID), optional={NAMES[2]: SAID})
HISTORIES = st.lists(SNAPSHOTS, min_size=1, max_size=6)
GAPS = st.lists(st.integers(0, 5), min_size=7, max_size=7)
RULES = st.sampled_from(
    [
        Released(),
        AnyOf(BOTH),
        FirstOf(BOTH),
        AllOf(BOTH),
        AtLeast(2, THREE),
        AllOf((signer("alice", "x", STOLEN), signer("bob", "y"))),
    ]
)
ENTRIES = st.builds(
    lambda rule, required, lax: entry(
        rule, superseded_for=SERVED_FOR, released_required=required, fallback_to_targets=lax
    ),
    RULES,
    st.booleans(),
    st.booleans(),
)


def _past(collections: list[Collection], gaps: list[int]) -> tuple[Past, datetime]:
    """The past of collections that were seen so many hours apart, and when the last hour is over."""
    past, now = NO_PAST, NOW
    for before, after, gap in zip(collections, collections[1:], gaps, strict=False):
        now += timedelta(hours=gap)
        past = record(past, before, after, now, SERVED_FOR)
    return past, now + timedelta(hours=gaps[-1])


def _collections(history: list[dict[str, Said]], without: str = "") -> list[Collection]:
    return [of(*(said.role(name, without=without) for name, said in snapshot.items())) for snapshot in history]


def _roots(
    lines: Entry, today: Collection, now: datetime, past: Past, blocked: Blocklist = NOTHING_BLOCKED
) -> tuple[Allowed, ...]:
    try:
        return admitted(lines, today, now, past=past, blocked=blocked)
    except Refusal:
        return ()


def _current(
    lines: Entry, today: Collection, now: datetime, past: Past, blocked: Blocklist = NOTHING_BLOCKED
) -> dict[str, Allowed]:
    """The tags that have a digest now."""
    found: dict[str, Allowed] = {}
    for tag in TAGS:
        try:
            found[tag] = resolve_tag(lines, Tag(tag), today, now, past=past, blocked=blocked)
        except Refusal:
            continue
    return found


@settings(max_examples=300)
@given(HISTORIES, GAPS, ENTRIES)
def test_nothing_is_admitted_but_what_a_living_tag_has_or_had_lately(
    history: list[dict[str, Said]], gaps: list[int], lines: Entry
) -> None:
    """A tag without digest admits nothing; no digest outlives its time, nor the digest that its tag has now."""
    collections = _collections(history)
    past, now = _past(collections, gaps)
    living = _current(lines, collections[-1], now, past)
    longest = 1 if isinstance(lines.signed_by, Released) else 2  # a re-sign may take as long once more
    for allowed in _roots(lines, collections[-1], now, past):
        assert now <= allowed.valid_until
        if allowed.digest in {each.digest for each in living.values()}:
            continue
        homes = [tag for tag in past.naming(allowed.digest) if tag in living]
        assert homes
        ends = [
            earlier.ended
            for tag in homes
            for earlier in past.of(tag)
            if allowed.digest in {statement.target.digest for statement in earlier.said}
        ]
        assert now < allowed.valid_until <= max(ends) + longest * SERVED_FOR
        assert allowed.valid_until <= max(living[tag].valid_until for tag in homes)


@given(HISTORIES, GAPS, ENTRIES)
def test_the_ways_to_ask_agree(history: list[dict[str, Said]], gaps: list[int], lines: Entry) -> None:
    """A digest is admitted if it is among all that are, and only then there is nothing to explain."""
    collections = _collections(history)
    past, now = _past(collections, gaps)
    roots = {allowed.digest: allowed for allowed in _roots(lines, collections[-1], now, past)}
    for word in WORDS:
        wanted = digest(word)
        assert _admit(lines, wanted, collections[-1], now, past) == roots.get(wanted)
        why = why_not_admitted(lines, wanted, collections[-1], now, past=past)
        assert isinstance(why, Refusal)


def _admit(lines: Entry, wanted: Digest, today: Collection, now: datetime, past: Past) -> Allowed | None:
    try:
        return admit_digest(lines, wanted, today, now, past=past)
    except Refusal:
        return None


@given(HISTORIES, GAPS, ENTRIES, st.integers(0, 12))
def test_whoever_forgets_admits_less(
    history: list[dict[str, Said]], gaps: list[int], lines: Entry, forgotten: int
) -> None:
    """So memory may be bounded: a past that lost its oldest records prolongs nothing."""
    collections = _collections(history)
    past, now = _past(collections, gaps)
    shorter = Past(past.records[forgotten:])
    ends = {allowed.digest: allowed.valid_until for allowed in _roots(lines, collections[-1], now, past)}
    for allowed in _roots(lines, collections[-1], now, shorter):
        assert allowed.valid_until <= ends[allowed.digest]


@settings(max_examples=300)
@given(HISTORIES, GAPS, ENTRIES)
def test_a_blocked_keys_signatures_are_as_good_as_none(
    history: list[dict[str, Said]], gaps: list[int], lines: Entry
) -> None:
    """Whether they were there and counted when they were seen changes nothing once the key is blocked."""
    counted, absent = _collections(history), _collections(history, without=STOLEN)
    past, now = _past(counted, gaps)
    innocent, _ = _past(absent, gaps)
    today = of(*(said.role(name, without=STOLEN, error=Blocked) for name, said in history[-1].items()))
    assert _current(lines, today, now, past, BLOCKED) == _current(lines, absent[-1], now, innocent)
    ours, theirs = _roots(lines, today, now, past, BLOCKED), _roots(lines, absent[-1], now, innocent)
    assert {each.digest: each.valid_until for each in ours} == {each.digest: each.valid_until for each in theirs}


@given(HISTORIES, GAPS, ENTRIES, st.sets(st.sampled_from(WORDS)))
def test_a_blocked_digest_is_taken_away_and_nothing_else(
    history: list[dict[str, Said]], gaps: list[int], lines: Entry, words: set[str]
) -> None:
    """All others stay admitted as they were."""
    collections = _collections(history)
    past, now = _past(collections, gaps)
    blocked = Blocklist({digest(word): "leaked" for word in words})
    before = _roots(lines, collections[-1], now, past)
    after = _roots(lines, collections[-1], now, past, blocked)
    assert after == tuple(allowed for allowed in before if allowed.digest not in blocked.digests)


@settings(max_examples=300)
@given(HISTORIES, GAPS, ENTRIES, st.integers(0, 9))
def test_what_a_tag_has_stays_so_until_it_says(
    history: list[dict[str, Said]], gaps: list[int], lines: Entry, later: int
) -> None:
    """Nothing but new trust data changes it before `valid_until`; whoever remembers it until then is right."""
    collections = _collections(history)
    past, now = _past(collections, gaps)
    then = now + timedelta(hours=later)
    for tag, allowed in _current(lines, collections[-1], now, past).items():
        if then < allowed.valid_until:
            assert _current(lines, collections[-1], then, past)[tag] == allowed
