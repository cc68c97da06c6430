"""The oracle for all tests of the dialect: one small web server, and the real `notary` run a few cases ahead."""

import os
from collections.abc import Iterator
from itertools import islice
from typing import Final

import pytest

from tests.support.notary_oracle import NotaryOracle, Outcome, Run, running_oracle
from tests.support.notary_simulator import NotarySimulator
from tests.support.swizzler.cases import Case

_AHEAD: Final = 3


@pytest.fixture(scope="session")
def oracle() -> Iterator[NotaryOracle]:
    """The real client, ready to read simulators."""
    with running_oracle() as running:
        yield running


class CasesReadAhead:
    """Answers what the real client says of a case; the next few are read while the test looks at this one."""

    def __init__(self, oracle: NotaryOracle, cases: list[Case]) -> None:
        self._oracle = oracle
        self._upcoming = iter(cases)
        self._runs: dict[str, tuple[NotarySimulator, Run]] = {}

    def outcome(self, case: Case) -> tuple[NotarySimulator, Outcome]:
        """The forged repository and what the real client made of it."""
        while case.name not in self._runs:
            self._start(next(self._upcoming, case))
        for following in islice(self._upcoming, _AHEAD - len(self._runs)):
            self._start(following)
        sim, run = self._runs.pop(case.name)
        return sim, run.outcome()

    def close(self) -> None:
        """Wait for the cases that nobody asked for any more."""
        for _, run in self._runs.values():
            run.outcome()

    def _start(self, case: Case) -> None:
        sim = case.forge()
        run = self._oracle.start(sim, case.listed_roles(sim), remembered=case.remembered)
        self._runs[case.name] = sim, run


@pytest.fixture(scope="session")
def read_ahead(oracle: NotaryOracle, request: pytest.FixtureRequest) -> Iterator[CasesReadAhead]:
    """Reads the selected cases in their order; alone under xdist, which deals them out in another."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    cases = [call.params["case"] for call in calls if call and isinstance(call.params.get("case"), Case)]
    reader = CasesReadAhead(oracle, [] if "PYTEST_XDIST_WORKER" in os.environ else cases)
    yield reader
    reader.close()
