"""The catalogue is whole, and roots that are anchored the same way are read alike."""

import pytest

from tests.dialect.differences import ALL, NOT_IN_A_LISTING
from tests.dialect.oracle import test_forms, test_keys_and_files, test_roots, test_signatures
from tests.dialect.pin_cases import PIN_CASES, PinCase
from tests.support.notary_oracle import Listed, NotaryOracle, Refused
from tests.support.reading import judge, remembered
from tests.support.signed_roles import NOW
from tests.support.swizzler.cases import ROLES, honest_listing
from tests.support.swizzler.catalogue import THEMES, cases_by_theme
from tests.support.swizzler.swizzle import ACCEPTS


def test_the_catalogue_is_large_and_its_names_are_unique() -> None:
    """Hundreds of cases are crossed, and none hides behind another's name."""
    names = [case.name for _, case in cases_by_theme()]
    assert len(names) >= 300
    assert len(names) == len(set(names))
    assert all(THEMES.values())


def test_every_theme_is_crossed() -> None:
    """The themes are dealt out over several files, so that workers share them; none is left out or crossed twice."""
    dealt = [theme for file in (test_forms, test_signatures, test_keys_and_files, test_roots) for theme in file.THEMES]
    assert sorted(dealt) == sorted(THEMES)


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
