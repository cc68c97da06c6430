"""What measures the cost of telling still runs; its figures are for people."""

import pytest

from loadtest import telemetry


def test_every_part_has_its_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A warm pull as it is told in each way, in microseconds."""
    monkeypatch.setattr(telemetry, "ROUNDS", 2)
    assert telemetry.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    assert all(float(line.removesuffix(" us").split()[-1]) > 0 for line in lines)
