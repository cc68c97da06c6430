"""Rows 1 to 8: what happens when Notary does not answer, or answers with a file that is not the listed one."""

from typing import Final

import pytest

from proxy.errors import MetadataCorrupt, NotaryUnreachable, NoTrustData, Refusal
from tests.dialect.fixture import COLUMNS, DELEGATIONS, defect, fixture, is_complete, memory, situation
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import Reader
from tests.support.swizzler.server import faulty
from tests.support.swizzler.swizzle import FRESH, NEWER, SAME, Apply

_MISSING: Final = faulty(404)
_DOWN: Final = faulty(503)


def _blanks(sim: NotarySimulator, role: str) -> None:
    """A blank at both ends of the file that is served, which what names it by hash does not know of."""
    sim.after_publish.append(lambda: sim.serve(role, b" " + sim.current[role] + b" "))


@pytest.mark.parametrize(
    ("role", "fault", "column", "refusal"),
    [
        pytest.param("root", _MISSING, FRESH, NoTrustData, id="row 1: root 404, fresh"),
        pytest.param("root", _MISSING, SAME, None, id="row 1: root 404, same"),
        pytest.param("root", _MISSING, NEWER, MetadataCorrupt, id="row 1: root 404, newer"),
        pytest.param("root", _DOWN, FRESH, NotaryUnreachable, id="row 2: root 503, fresh"),
        pytest.param("root", _DOWN, SAME, None, id="row 2: root 503, same"),
        pytest.param("root", _DOWN, NEWER, NotaryUnreachable, id="row 2: root 503, newer"),
        *(
            pytest.param("timestamp", _MISSING, column, NoTrustData, id=f"row 3: timestamp 404, {column} (S14)")
            for column in COLUMNS
        ),
        *(
            pytest.param("timestamp", _DOWN, column, NotaryUnreachable, id=f"row 3: timestamp 503, {column}")
            for column in COLUMNS
        ),
        *(
            pytest.param(role, _MISSING, column, refusal, id=f"row 4: {role} 404, {column}")
            for role in ("snapshot", "targets")
            for column, refusal in ((FRESH, MetadataCorrupt), (SAME, None), (NEWER, MetadataCorrupt))
        ),
        *(
            pytest.param(role, _DOWN, column, refusal, id=f"row 5: {role} 503, {column}")
            for role in ("snapshot", "targets", *DELEGATIONS)
            for column, refusal in ((FRESH, NotaryUnreachable), (SAME, None), (NEWER, NotaryUnreachable))
        ),
        *(
            pytest.param(role, _blanks, column, refusal, id=f"row 7: blanks around {role}, {column}")
            for role in ("root", "snapshot", "targets")
            for column, refusal in ((FRESH, MetadataCorrupt), (SAME, None), (NEWER, MetadataCorrupt))
        ),
        *(
            pytest.param("timestamp", _blanks, column, None, id=f"row 8: blanks around timestamp, {column}")
            for column in COLUMNS
        ),
    ],
)
def test_a_file_that_cannot_be_had(role: str, fault: Apply, column: str, refusal: type[Refusal] | None) -> None:
    """A reader that needs the file refuses; one that remembers the very file does not ask for it."""
    assert situation(column, fault, role).refusal() is refusal


@pytest.mark.parametrize(
    ("fault", "column"),
    [
        pytest.param(fault, column, id=f"row {row}, {column} (L2)")
        for row, fault in (("4: delegation 404", _MISSING), ("7: blanks around a delegation", _blanks))
        for column in (FRESH, NEWER)
    ],
)
@pytest.mark.parametrize("role", DELEGATIONS)
def test_a_delegation_that_cannot_be_had_costs_itself_only(role: str, fault: Apply, column: str) -> None:
    """A listed file of a delegation that is missing or another one makes the role unusable, and its children absent."""
    collection = situation(column, fault, role).read()
    assert is_complete(collection, without=role)
    assert defect(collection, role) is MetadataCorrupt


@pytest.mark.parametrize("fault", [pytest.param(_MISSING, id="row 4, same"), pytest.param(_blanks, id="row 7, same")])
@pytest.mark.parametrize("role", DELEGATIONS)
def test_a_remembered_delegation_is_not_asked_for(role: str, fault: Apply) -> None:
    """A delegation that did not change is taken from memory, whatever the server would say of it now."""
    found = situation(SAME, fault, role)
    assert is_complete(found.read())
    assert not [name for name in found.sim.requests if name.startswith(role)]


@pytest.mark.parametrize("column", [pytest.param(column, id=f"row 6, {column}") for column in COLUMNS])
def test_without_a_network_nothing_is_decided(column: str) -> None:
    """An unreachable host is neither yes nor no here, whatever is remembered: evidence in an outage is kept above."""
    found = situation(column, lambda sim, _: sim.disconnect(), "root")
    assert found.refusal() is NotaryUnreachable


def test_row_8_a_timestamp_with_blanks_is_the_same_timestamp() -> None:
    """The timestamp is the one file that nothing names by hash, so blanks around it change nothing."""
    assert is_complete(situation(SAME, _blanks, "timestamp").read())


def test_row_3_one_failure_of_the_timestamp_is_forgiven() -> None:
    """A single 5xx on the timestamp is asked again before the server counts as unreachable (S6)."""
    sim = fixture().clone()
    sim.fault("timestamp", 503, times=1)
    reader = Reader(sim)
    assert is_complete(reader.read(memory()))
    assert reader.requests == ["timestamp", "timestamp"]


def test_row_4_a_file_that_appears_meanwhile_is_found() -> None:
    """A 404 on a listed file starts the update over once, because Notary may have been changing."""
    sim = fixture().clone()
    sim.fault("targets/b", 404, times=1)
    assert is_complete(Reader(sim).read())
