"""How a file is written: JSON, fields and shapes."""

import pytest

from tests.dialect.conftest import CasesReadAhead
from tests.dialect.oracle.crossing import check_case, crossed
from tests.support.swizzler.cases import Case

THEMES = ("json", "fields", "shapes")


@pytest.mark.parametrize("case", crossed(*THEMES))
def test_both_read_a_forgery_alike_or_differ_as_named(case: Case, read_ahead: CasesReadAhead) -> None:
    """The forgery is what it claims to be, and both readers agree on it unless a difference is named."""
    check_case(case, read_ahead)
