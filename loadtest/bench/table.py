"""What is reported: rows of medians with their spread and ratios, and points of what is plotted.

A row says whether it is what was aimed at; points say how something depends on something else.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Row:
    """One scenario: ours beside theirs, round by round, in `unit`; `aim` is what the ratio should be.

    Where `is_more` the ratio should be at least that, else at most.
    """

    name: str
    against: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float]
    aim: float | None
    stretch: float | None
    is_more: bool

    @property
    def ratio(self) -> float | None:
        """Ours over theirs, of medians; None where it was too short for theirs to be seen."""
        return median(self.ours) / median(self.theirs) if median(self.theirs) else None

    @property
    def is_met(self) -> bool | None:
        """Whether it is what was aimed at; None where nothing was."""
        if self.aim is None or self.ratio is None:
            return None
        return self.ratio >= self.aim if self.is_more else self.ratio <= self.aim


@dataclass(frozen=True)
class Point:
    """One point of a line in a plot, or a part of a whole: `samples` in `unit`, round by round, at `x`."""

    plot: str
    line: str
    unit: str
    x: float
    samples: Sequence[float]


Found: TypeAlias = Row | Point


def as_text(found: Sequence[Found]) -> str:
    """Tables for people: what is set side by side, then what is plotted."""
    blocks = [_rows([each for each in found if isinstance(each, Row)])]
    points = [each for each in found if isinstance(each, Point)]
    blocks += [_points(plot, [each for each in points if each.plot == plot]) for plot in _plots(points)]
    return "\n\n".join(blocks)


def as_markdown(found: Sequence[Found]) -> str:
    """The same for a page of documentation."""
    lines = ["| scenario | ours | theirs | ratio | aim | against |", "|---|---|---|---|---|---|"]
    for row in (each for each in found if isinstance(each, Row)):
        cells = f"{row.name}, {row.unit}", _spread(row.ours), _spread(row.theirs), _ratio(row), _aim(row), row.against
        lines.append(f"| {' | '.join(cells)} |")
    points = [each for each in found if isinstance(each, Point)]
    for plot in _plots(points):
        lines += ["", f"| {plot} | at | |", "|---|---|---|"]
        lines += [
            f"| {each.line} | {each.x:g} | {_spread(each.samples)} {each.unit} |"
            for each in points
            if each.plot == plot
        ]
    return "\n".join(lines)


def write_json(found: Sequence[Found], file: Path, **about: object) -> None:
    """The same for programs, and for `loadtest.bench.plots`; `about` is how it was measured."""
    rows = [asdict(each) | {"ratio": each.ratio, "is_met": each.is_met} for each in found if isinstance(each, Row)]
    points = [asdict(each) for each in found if isinstance(each, Point)]
    file.write_text(json.dumps({"about": about, "rows": rows, "points": points}, indent=1) + "\n")


def read_points(file: Path) -> list[Point]:
    """What `write_json` wrote of points."""
    told: dict[str, Any] = json.loads(file.read_text())
    return [Point(**each) for each in told["points"]]


def _rows(rows: Iterable[Row]) -> str:
    lines = [f"{'scenario':50}{'ours':>18}{'theirs':>18}{'ratio':>8}  {'aim':16}against"]
    for row in rows:
        sides = "".join(f"{_spread(each):>18}" for each in (row.ours, row.theirs))
        lines.append(f"{row.name + ', ' + row.unit:50}{sides}{_ratio(row):>8}  {_aim(row):16}{row.against}")
    return "\n".join(lines)


def _points(plot: str, points: Sequence[Point]) -> str:
    is_curve = len({each.x for each in points}) > 1
    lines = [plot]
    for each in points:
        at = f"{each.x:>10g}" if is_curve else ""
        lines.append(f"  {each.line:44}{at}{_spread(each.samples):>18} {each.unit}")
    return "\n".join(lines)


def _ratio(row: Row) -> str:
    return "-" if row.ratio is None else f"{row.ratio:.2f}"


def _aim(row: Row) -> str:
    if row.is_met is None:
        return ""
    return f"{'>=' if row.is_more else '<='} {row.aim:g}: {'met' if row.is_met else 'missed'}"


def _plots(points: Iterable[Point]) -> list[str]:
    return list(dict.fromkeys(each.plot for each in points))


def _spread(samples: Sequence[float]) -> str:
    """A median, and how far the rounds lie apart."""
    middle = median(samples)
    wide = max(samples) - min(samples)
    return f"{middle:.4g} ±{50 * wide / middle if middle else 0:.0f} %"
