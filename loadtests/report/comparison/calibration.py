"""A calibration in the terminal: how much equal runs differ, and the smallest change that so many runs a side find."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from loadtests.judge.comparison.calibration import POWER, Calibration, detectable
from loadtests.judge.comparison.metrics import metrics_of
from loadtests.judge.comparison.wording import margin_text, value_text
from loadtests.judge.record import RunRecord, merged_record
from loadtests.judge.wording import counted
from loadtests.report.screen import add_row, line, print_table, printed, table
from loadtests.report.wording import ABSENT

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_calibration"]

_SIDES = (1, 3, 7)


def print_calibration(made: Calibration, records: Sequence[RunRecord], *, stream: TextIO) -> None:
    """Print every metric's spread; `records` are the runs it was made from."""
    printed(lambda console: _draw(console, made, records), stream)


def _draw(console: "Console", made: Calibration, records: Sequence[RunRecord]) -> None:
    line(
        console, f"{made.scenario}: {counted(len(made.runs), 'runs')} of one build, comparability {made.comparability}"
    )
    heads = [("metric", ""), ("value", "n"), ("spread of runs", "n"), *((_head(count), "n") for count in _SIDES)]
    found = table(heads)
    merged = merged_record(records)
    for metric in metrics_of(records):
        spread = made.spread(metric)
        if spread is None or metric.operation is not None:
            continue
        told = [ABSENT] * len(_SIDES)  # runs that do not differ at all tell nothing of how they might
        if spread.variance > 0.0:
            told = [margin_text(metric, detectable(spread, (count, count), ratio=metric.is_ratio)) for count in _SIDES]
        own = margin_text(metric, spread.variance**0.5)
        add_row(found, [metric.key, value_text(metric, metric.figure(merged)), own, *told], style="")
    print_table(console, found)
    line(console, f"the smallest change that is found {POWER:.0%} of the time, by runs a side")


def _head(count: int) -> str:
    return f"{count} against {count}"
