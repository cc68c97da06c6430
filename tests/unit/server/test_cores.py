"""`workers: auto` is one for each core that there is for this process."""

import os
from pathlib import Path

import pytest

from proxy.server.cores import one_a_core


@pytest.mark.parametrize(
    ("limit", "count"),
    [
        pytest.param("max 100000", 4, id="no-limit"),
        pytest.param("200000 100000", 2, id="two-cores"),
        pytest.param("150000 100000", 2, id="a-core-and-a-half"),
        pytest.param("10000 100000", 1, id="a-part-of-one"),
        pytest.param("1600000 100000", 4, id="more-than-there-are"),
        pytest.param("1 0", 4, id="no-period"),
        pytest.param("", 4, id="nothing"),
    ],
)
def test_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, count: int) -> None:
    """A container on a large machine is a small machine."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    (tmp_path / "cpu.max").write_text(limit)
    assert one_a_core(tmp_path / "cpu.max") == count


def test_without_control_groups_it_is_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many cores that has, there is a bound."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(3)))
    assert one_a_core(tmp_path / "nothing") == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(500)))
    assert one_a_core(tmp_path / "nothing") == 64
