"""Draws what was measured: `python -m loadtest.bench.plots bench.json DIRECTORY` draws it again, without measuring.

gnuplot does it, from the points in the JSON that a run has kept. Lines differ by their marks and dashes too:
not everybody sees colours.
"""

import argparse
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from deploy.stack.programs import program
from loadtest.bench.sizes import SIZES
from loadtest.bench.table import Point, read_points
from loadtest.bench.warm import DESIGNS, LOADS

_NOTE: Final = (
    "Medians of the rounds of one run on one machine, bars from least to most: only ratios within it mean anything."
)
_COMMON: Final = f"""
set terminal pngcairo size 720,{{height}} font "sans,9" noenhanced
set output "{{file}}"
set encoding utf8
set label 1 "{_NOTE}" at screen 0.5,0.025 center font "sans,7.5" textcolor rgb "#444444"
set bmargin 5
set grid back linetype 1 linecolor rgb "#cccccc" linewidth 0.7
set border linecolor rgb "#444444"
set title "{{title}}" font "sans,11"
"""
_CURVES: Final = """
set key outside top center horizontal maxcols 3 samplen 4
set logscale {logarithmic}
set xlabel "{x}"
set ylabel "{y}"
set xrange [{span}]
set xtics ({tics})
set format y "%.12g"
set errorbars small
plot {lines}
"""
_BARS: Final = """
unset key
set xlabel "{x}"
set xrange [0:*]
set offsets 0, graph 0.12, 0, 0
set yrange [-0.6:{last}.6]
set ytics ({names}) scale 0
set grid noytics
set lmargin 40
set boxwidth 0.6
set style fill solid 0.35 border rgb "#222222"
set arrow 1 from 1,graph 0 to 1,graph 1 nohead dashtype 2 linecolor rgb "#222222"
plot $bars using (0.5*$2):1:(0):2:($1-0.3):($1+0.3) with boxxyerror linecolor rgb "#4477aa", \\
  $bars using 2:1:3:4 with xerrorbars pointtype 0 linecolor rgb "#222222", \\
  $bars using 4:1:5 with labels left offset 0.7,0
"""
# For whoever prints it in black and white: dark to light, and for each a mark of its own.
_PENS: Final = (
    ("#222222", 1, 7),
    ("#4477aa", 1, 5),
    ("#88aa55", 1, 9),
    ("#222222", 2, 6),
    ("#4477aa", 2, 4),
    ("#88aa55", 2, 8),
)


def main() -> None:
    """Draw what a file holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path, help="the bench.json of a run")
    parser.add_argument("directory", type=Path, help="where the pictures go")
    wanted = parser.parse_args()
    for file in draw(read_points(wanted.measured), wanted.directory):
        print(file)


def draw(points: Sequence[Point], directory: Path) -> list[Path]:
    """Draw each plot of which there are points; answers the files. Raises `CalledProcessError`."""
    drawn = []
    for name, (plot, script) in _PLOTS.items():
        found = [each for each in points if each.plot == plot]
        if found:
            drawn.append(directory / f"{name}.png")
            _run(script(found, drawn[-1]))
    return drawn


def _latency(points: Sequence[Point], file: Path) -> str:
    shown = [each for each in points if not each.line.endswith("p99.9")]
    lines = [f"{name}, p{share}" for share in ("50", "99") for name in _names(shown)]
    title = "What a warm GET waits, by the load on the server's one core"
    return _curves(
        [each for line in lines for each in shown if each.line == line],
        file,
        title,
        x="requests that come, in percent of what this server can do at most",
        y="microseconds from when a request was due to its whole answer",
        span="0:100",
        logarithmic="y",
    )


def _sizes(points: Sequence[Point], file: Path) -> str:
    return _curves(
        points,
        file,
        "What checking a collection costs, by its size",
        x="tags in the collection",
        y="milliseconds of a processor",
        span=f"{0.7 * min(each.x for each in points):g}:{1.4 * max(each.x for each in points):g}",
        logarithmic="xy",
    )


def _designs(points: Sequence[Point], file: Path) -> str:
    rows = []
    for number, each in enumerate(reversed(points)):
        value = median(each.samples)
        rows.append(f'{number} {value:.4f} {min(each.samples):.4f} {max(each.samples):.4f} "{value:.2f}"')
    names = ", ".join(f'"{each.line}" {number}' for number, each in enumerate(reversed(points)))
    title = "Pulls of one warm tag, beside nginx that caches it"
    bars = _BARS.format(
        x="times as many requests/s as nginx (over TLS: as nginx with TLS)", last=len(rows) - 1, names=names
    )
    return _head(file, title, 120 + 38 * len(rows)) + _block("bars", rows) + bars


def _curves(points: Sequence[Point], file: Path, title: str, *, x: str, y: str, span: str, logarithmic: str) -> str:
    blocks, bars, lines = "", list[str](), list[str]()
    for number, line in enumerate(dict.fromkeys(each.line for each in points)):
        rows = [
            f"{each.x:g} {median(each.samples):.4f} {min(each.samples):.4f} {max(each.samples):.4f}"
            for each in points
            if each.line == line
        ]
        colour, dash, mark = _PENS[number % len(_PENS)]
        pen = f'linecolor rgb "{colour}" linewidth 1.6 dashtype {dash} pointtype {mark} pointsize 1'
        blocks += _block(f"line{number}", rows)
        bars.append(f'$line{number} using 1:2:3:4 with yerrorbars linecolor rgb "{colour}" pointtype 0 notitle')
        lines.append(f'$line{number} using 1:2 with linespoints {pen} title "{line}"')
    tics = ", ".join(f'"{each:,g}" {each:g}' for each in sorted({point.x for point in points}))
    drawn = _CURVES.format(span=span, logarithmic=logarithmic, x=x, y=y, tics=tics, lines=", \\\n  ".join(bars + lines))
    return _head(file, title, 470) + blocks + drawn


def _names(points: Iterable[Point]) -> list[str]:
    return list(dict.fromkeys(each.line.rpartition(", ")[0] for each in points))


def _head(file: Path, title: str, height: int) -> str:
    return _COMMON.format(file=file, title=title, height=height)


def _block(name: str, rows: Sequence[str]) -> str:
    return "\n".join([f"${name} << END", *rows, "END", ""])


def _run(script: str) -> None:
    subprocess.run([program("gnuplot")], input=script, text=True, check=True)


_PLOTS: Final[dict[str, tuple[str, Callable[[Sequence[Point], Path], str]]]] = {
    "latency": (LOADS, _latency),
    "throughput": (DESIGNS, _designs),
    "size": (SIZES, _sizes),
}

if __name__ == "__main__":
    main()
