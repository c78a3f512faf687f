"""A trend in the terminal: a line of bars for each figure, what changed, and the newest runs in a table."""

import statistics
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from loadtests.history.trend import METRICS, Point
from loadtests.report.screen import add_row, line, print_table, printed, style_of, table
from loadtests.report.trend import TrendPage, TrendRow
from loadtests.report.wording import ABSENT, figure, sign

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_scenarios", "print_trend", "sparkline"]

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 48
_LEAST_SPREAD = 0.3
_UNITS = {"failed": "ratio", "throughput": "per_s"}
_DRAWN = ("p50", "p95", "p99", "failed")


def sparkline(values: Sequence[float | None]) -> str:
    """One bar a value, a space where there is none; noise of a few per cent stays low."""
    present = [value for value in values if value is not None]
    if not present:
        return ""
    low, high = min(present), max(present)
    spread = max(high - low, _LEAST_SPREAD * abs(statistics.median(present)))
    if not spread:
        return "".join(" " if value is None else _BARS[0] for value in values)
    return "".join(
        " " if value is None else _BARS[min(len(_BARS) - 1, int((value - low) / spread * len(_BARS)))]
        for value in values
    )


def print_trend(page: TrendPage, *, rows: int, stream: TextIO | None = None) -> None:
    """Print the trend with a table of its newest `rows` runs, the newest first; to stdout by default."""

    def draw(console: "Console") -> None:
        _title(console, page.name, f"{page.headline}; {page.of}")
        _courses(console, page.trend.points)
        for sentence in (*page.changes, *page.breaks):
            line(console, f"◆ {sentence}")
        if page.trend.searched is not None:
            line(console, f"changes were looked for among the newest {page.trend.searched}; --html FILE looks at all")
        _runs(console, page.rows, rows)

    printed(draw, sys.stdout if stream is None else stream)


def print_scenarios(scenarios: "dict[str, list[Point]]", *, stream: TextIO | None = None) -> None:
    """Print one line a scenario: how many runs, the newest verdict and 95th percentile, and its course."""

    def draw(console: "Console") -> None:
        made = table([("verdict", ""), ("scenario", ""), ("runs", "n"), ("newest", ""), ("p95", "n"), ("course", "")])
        for name, points in scenarios.items():
            newest = points[-1]
            p95 = [METRICS["p95"](point) if point.believed else None for point in points]
            cells = [
                name,
                f"{len(points):,}",
                f"{newest.started_at:%Y-%m-%d %H:%M}",
                figure(METRICS["p95"](newest), "ns").text,
            ]
            shown = sign(newest.outcome)
            add_row(made, [str(shown), *cells, sparkline(p95[-24:])], style=style_of(shown))
        print_table(console, made)

    printed(draw, sys.stdout if stream is None else stream)


def _title(console: "Console", name: str, text: str) -> None:
    from rich.text import Text

    from loadtests.report.wording import visible

    console.print(Text.assemble((visible(name), "bold"), "  ", visible(text)))
    console.print()


def _courses(console: "Console", points: Sequence[Point]) -> None:
    newest = points[-_WIDTH:]
    for metric in _DRAWN:
        values = [METRICS[metric](point) if point.believed else None for point in newest]
        present = [value for value in values if value is not None]
        if present and (metric != "failed" or any(present)):
            unit = _UNITS.get(metric, "ns")
            low, high, last = (figure(value, unit).text for value in (min(present), max(present), present[-1]))
            line(console, f"{metric:<6}  {sparkline(values)}  {low} to {high}, newest {last}")
    left_out = sum(not point.believed for point in newest)
    notes = [f"the newest {len(newest)} of {len(points):,}"] if len(points) > len(newest) else []
    notes += [f"without {left_out} that {'is' if left_out == 1 else 'are'} INVALID"] if left_out else []
    if notes:
        line(console, f"        {', '.join(notes)}")
    console.print()


def _runs(console: "Console", rows: Sequence[TrendRow], newest: int) -> None:
    shown = rows[::-1][:newest]
    failures = any(row.failed.value for row in shown)
    heads = [("verdict", ""), ("run", ""), ("build", ""), ("p50", "n"), ("p95", "n"), ("95% bounds", "n"), ("p99", "n")]
    made = table([*heads, *([("failed", "n")] if failures else [])])
    made.columns[0].no_wrap = made.columns[1].no_wrap = True
    for row in shown:
        mark = "◆" if row.changes or row.differs else " "
        p50, p95, p99 = (row.figures[label].text if label in row.figures else ABSENT for label in ("p50", "p95", "p99"))
        cells = [str(row.sign), f"{mark} {row.short}", row.build, p50, p95, row.bounds.get("p95", ABSENT), p99]
        add_row(made, [*cells, *([row.failed.text] if failures else [])], style=style_of(row.sign))
    print_table(console, made)
    if len(rows) > newest:
        line(console, f"and {len(rows) - newest:,} older runs; --rows shows more, --html FILE all")
