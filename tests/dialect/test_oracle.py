"""The real client and the verifier read the same forged repositories.

Whatever `notary` refuses is refused here; whatever is accepted here, `notary` lists with the same digests. Every
disagreement is a difference that the design names (Verification: S and L), and every named one is really seen.
"""

import re
from functools import cache

import pytest

from proxy.tuf.collection import Stored
from tests.dialect.conftest import CasesReadAhead
from tests.dialect.differences import ALL, LOOSER, NOT_IN_A_LISTING, REASONS
from tests.dialect.pin_cases import PIN_CASES, PinCase
from tests.support.notary_oracle import Listed, NotaryOracle, Reading, Refused
from tests.support.reading import Undecided, judge, remembered
from tests.support.signed_roles import NOW
from tests.support.swizzler.cases import ROLES, Case, honest, honest_listing
from tests.support.swizzler.catalogue import THEMES, cases_by_theme
from tests.support.swizzler.swizzle import ACCEPTS, LISTS, SKIPS

CASES = [pytest.param(case, id=f"{theme}: {case.name}") for theme, case in cases_by_theme()]


@cache
def _stored(kind: str) -> Stored:
    """What the verifier remembers of the honest repository."""
    return remembered(honest(kind))


@pytest.mark.parametrize("case", CASES)
def test_both_read_a_forgery_alike_or_differ_as_named(case: Case, read_ahead: CasesReadAhead) -> None:
    """The forgery is what it claims to be, and both readers agree on it unless a difference is named."""
    sim, outcome = read_ahead.outcome(case)
    theirs = outcome.reading
    _check_claim(case, theirs)

    ours = judge(sim, case.listed_roles(sim), _stored(case.kind) if case.remembered else None)

    if case.swizzle.undecided:
        assert isinstance(ours, Undecided), "what cannot be had is neither yes nor no"
    elif case.difference:
        _check_difference(case, theirs, ours)
    elif isinstance(theirs, Listed):
        assert ours == theirs
    else:
        assert isinstance(ours, Refused), f"the real client says: {theirs.why}"
        _check_reason(theirs, ours)


def _check_claim(case: Case, theirs: Reading) -> None:
    """The real client says what the catalogue says it says."""
    fate = case.verdict
    if fate == ACCEPTS:
        assert theirs == honest_listing(case.kind)
    elif fate == SKIPS:
        assert theirs == honest_listing(case.kind, without=case.role)
    elif fate == LISTS:
        assert isinstance(theirs, Listed)
        assert theirs != honest_listing(case.kind)
    else:
        assert isinstance(theirs, Refused)
        assert re.search(fate, theirs.why)


def _check_difference(case: Case, theirs: Reading, ours: Reading | Undecided) -> None:
    """The difference is seen, in the direction that its letter says, and as narrow as it can be."""
    if isinstance(theirs, Refused):
        assert case.difference in LOOSER
        assert ours == honest_listing(case.kind, without=case.role if case.difference == "L2" else "")
        return
    assert isinstance(theirs, Listed)
    assert ours != theirs, f"{case.difference} is named, but not seen"
    if isinstance(ours, Listed):
        allowed = theirs.tags.items() | honest_listing(case.kind, without=case.role).tags.items()
        assert ours.tags.items() <= allowed, "something is listed here that the real client does not list"


def _check_reason(theirs: Refused, ours: Refused) -> None:
    """Both refuse for the same reason, as far as their words can be compared."""
    allowed = next(errors for words, errors in REASONS if re.search(words, theirs.why))
    assert ours.why.partition("(")[0] in allowed, f"{ours} for: {theirs.why}"


def test_the_catalogue_is_large_and_its_names_are_unique() -> None:
    """Hundreds of cases are crossed, and none hides behind another's name."""
    names = [case.name for _, case in cases_by_theme()]
    assert len(names) >= 300
    assert len(names) == len(set(names))
    assert all(THEMES.values())


def test_every_named_difference_is_exercised() -> None:
    """Each difference that a listing can show is named by some case, and so is seen; no case names an unknown one."""
    named = {case.difference for _, case in cases_by_theme()} | {case.difference for case in PIN_CASES}
    assert named - {""} == ALL - set(NOT_IN_A_LISTING)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in PIN_CASES])
def test_both_read_a_pinned_root_alike_or_differ_as_named(case: PinCase, oracle: NotaryOracle) -> None:
    """A root anchored the same way in both readers is trusted by both or by neither, unless a difference is named."""
    sim, earlier = case.forge(), case.earlier()
    theirs = oracle.read(sim, ROLES, remembered=earlier.current if earlier else None, pins=case.theirs).reading
    if case.verdict == ACCEPTS:
        assert theirs == honest_listing()
    else:
        assert isinstance(theirs, Refused)
        assert case.verdict in theirs.why

    stored = remembered(earlier, now=case.read_at or NOW) if earlier else None
    ours = judge(sim, ROLES, stored, case.ours)

    assert isinstance(ours, Listed) == (isinstance(theirs, Listed) != bool(case.difference))
    assert ours == honest_listing() or "RootNotTrusted" in str(ours) or "ThresholdNotMet" in str(ours)
