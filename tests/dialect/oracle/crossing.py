"""The real client and the verifier read the same forged repository.

Whatever `notary` refuses is refused here; whatever is accepted here, `notary` lists with the same digests. Every
disagreement is a difference that the design names (Verification: S and L), and every named one is really seen.
"""

import re
from functools import cache
from typing import Any

import pytest

from proxy.tuf.collection import Stored
from tests.dialect.conftest import CasesReadAhead
from tests.dialect.differences import LOOSER, REASONS
from tests.support.notary_oracle import Listed, Reading, Refused
from tests.support.reading import Undecided, judge, remembered
from tests.support.swizzler.cases import Case, honest, honest_listing
from tests.support.swizzler.catalogue import cases_by_theme
from tests.support.swizzler.swizzle import ACCEPTS, LISTS, SKIPS


def crossed(*themes: str) -> list[Any]:
    """The cases of some themes, each named by its theme and its own name, ready to be parametrised with."""
    return [pytest.param(case, id=f"{theme}: {case.name}") for theme, case in cases_by_theme() if theme in themes]


@cache
def _stored(kind: str) -> Stored:
    """What the verifier remembers of the honest repository."""
    return remembered(honest(kind))


def check_case(case: Case, read_ahead: CasesReadAhead) -> None:
    """See that the forgery is what it claims to be, and that both readers agree on it unless a difference is named."""
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
