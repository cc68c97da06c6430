"""The load test measures what it says, be it as short as this."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.bench.__main__ import ALL
from loadtest.bench.plots import draw
from loadtest.bench.table import read_points

SHORT = ("--rounds", "1", "--seconds", "1", "--mib", "4", "--repositories", "12", "--clients", "40")
CURVES = ("--loads", "25", "75", "--tags", "10", "1000")
PICTURES = {"latency.png", "throughput.png", "size.png"}


@pytest.mark.timeout(300)
def test_every_scenario_has_its_rows(tmp_path: Path) -> None:
    """All sides are asked and answer, and what came of it is kept for people, for programs, and as pictures."""
    command = [sys.executable, "-m", "loadtest.bench", *SHORT, *CURVES, "--directory", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert run.returncode == 0, run.stderr
    told = json.loads((tmp_path / "bench.json").read_text())
    rows, points = told["rows"], told["points"]
    assert len(rows) > 2 * len(ALL)
    assert all(min(*row["ours"], *row["theirs"]) > 0 for row in rows if "CPU" not in row["unit"])
    assert told["about"]["tags"] == [10, 1000]
    text, page = (tmp_path / "bench.txt").read_text(), (tmp_path / "bench.md").read_text()
    assert all(f"{row['name']}, {row['unit']}" in shown for row in rows for shown in (text, page))
    assert all(point["line"] in shown for point in points for shown in (text, page))
    assert text.strip() in run.stdout
    pictures = {each.name: each.read_bytes() for each in tmp_path.glob("*.png")}
    assert pictures.keys() == PICTURES
    again = tmp_path / "again"
    again.mkdir()
    assert {each.name: each.read_bytes() for each in draw(read_points(tmp_path / "bench.json"), again)} == pictures
    assert all(data.startswith(b"\x89PNG\r\n") and len(data) > 10_000 for data in pictures.values())
