"""The verdict in the terminal: tables that fit 100 columns and read the same without colour."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from loadtests.judge.verdict import Verdict
from loadtests.report.compose import page_of
from loadtests.report.page import OperationRow, Page, ScenarioPage, ThresholdRow
from loadtests.report.screen import COLUMNS, add_row, headline, line, print_table, printed, style_of, table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["COLUMNS", "print_verdict"]

_LATENCIES = ("p50", "p95", "p99")


def print_verdict(found: Verdict | Page, *, stream: TextIO | None = None) -> None:
    """Print each scenario's load, health, thresholds and operations, then the verdict and why; to stdout by default."""
    page = page_of(found) if isinstance(found, Verdict) else found
    printed(lambda console: _page(console, page), sys.stdout if stream is None else stream)


def _page(console: "Console", page: Page) -> None:
    for scenario in page.scenarios:
        _scenario(console, scenario)
    for warning in page.run.warnings:
        line(console, f"warning: {warning}")
    headline(console, page.sign, page.why)


def _scenario(console: "Console", scenario: ScenarioPage) -> None:
    headline(console, scenario.sign, f"{scenario.name}: {scenario.why}")
    load, health = scenario.load, scenario.health
    if scenario.sends:
        line(
            console,
            f"load    {load.offered_per_s.text} offered, {load.achieved_per_s.text} achieved, {load.dropped.text} of "
            f"{load.offered.text} dropped",
        )
    for fact in (fact for block in scenario.blocks for fact in block.lines):
        line(console, f"{fact.name:<6}  {fact.text}")
    line(console, f"lag     {', '.join(f'{name} {found.text}' for name, found in load.lag.items())} from due to sent")
    line(
        console,
        f"health  {'valid' if health.valid else 'NOT VALID'}: CPU {health.cpu.text}, "
        f"GC pause {health.gc_pause_max.text}, loop lag {health.loop_lag_max.text}, "
        f"core wait {health.core_wait.text}",
    )
    for reason in (*health.reasons, *(f"warning: {text}" for text in health.warnings)):
        line(console, f"        {reason}")
    if scenario.thresholds:
        print_table(console, _thresholds(scenario.thresholds))
    for row in scenario.thresholds if health.valid else ():
        if row.sign.key != "pass":
            line(console, f"{row.sign} {row.text}: {row.why}")
    if scenario.sends:
        print_table(console, _operations(scenario.rows))
    if scenario.total.messages is not None and scenario.sends:
        line(console, f"messages  {scenario.total.messages.summary}")
    console.print()


def _thresholds(rows: Iterable[ThresholdRow]) -> "Table":
    heads = [("verdict", ""), ("threshold", ""), ("clause", "")]
    made = table([*heads, ("observed", "n"), ("95% bounds", "n"), ("samples", "n")])
    for row in rows:
        cells = [row.text, row.clause or "", row.observed.text, row.interval_text, row.samples.text]
        add_row(made, [str(row.sign), *cells], style=style_of(row.sign))
    return made


def _operations(rows: Iterable[tuple[str, OperationRow]]) -> "Table":
    heads = [("operation", ""), ("requests", "n"), *((name, "n") for name in _LATENCIES), ("failed", "n")]
    made = table(heads)
    for name, row in rows:
        latencies = [row.response.figures[quantile].text for quantile in _LATENCIES]
        failed = f"{row.failed.text} ({row.failed_share.text})" if row.failed.value else row.failed.text
        add_row(made, [name, row.requests.text, *latencies, failed], style="")
    return made
