"""The verdict in the terminal: tables that fit 100 columns and read the same without colour."""

import sys
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import TYPE_CHECKING, TextIO

from loadtests.judge.verdict import Verdict
from loadtests.report.compose import page_of
from loadtests.report.page import OperationRow, Page, ScenarioPage, ThresholdRow
from loadtests.report.wording import Sign, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["COLUMNS", "print_verdict"]

COLUMNS = 100

_STYLES = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow", "invalid": "bold magenta"}
_LATENCIES = ("p50", "p95", "p99")


def print_verdict(found: Verdict | Page, *, stream: TextIO | None = None) -> None:
    """Print each scenario's load, health, thresholds and operations, then the verdict and why; to stdout by default."""
    page = page_of(found) if isinstance(found, Verdict) else found
    out = sys.stdout if stream is None else stream
    drawn = StringIO()
    console = _console(drawn, out)
    for scenario in page.scenarios:
        _scenario(console, scenario)
    for warning in page.run.warnings:
        _line(console, f"warning: {warning}")
    _headline(console, page.sign, page.why)
    out.write(_writable("".join(f"{line.rstrip()}\n" for line in drawn.getvalue().splitlines()), out))


def _console(drawn: StringIO, out: TextIO) -> "Console":
    from rich.console import Console

    return Console(
        file=drawn,
        width=COLUMNS,
        force_terminal=out.isatty(),
        legacy_windows=False,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=False,
    )


def _writable(text: str, out: TextIO) -> str:
    encoding = getattr(out, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def _scenario(console: "Console", scenario: ScenarioPage) -> None:
    _headline(console, scenario.sign, f"{scenario.name}: {scenario.why}")
    load, health = scenario.load, scenario.health
    if scenario.sends:
        _line(
            console,
            f"load    {load.offered_per_s.text} offered, {load.achieved_per_s.text} achieved, {load.dropped.text} of "
            f"{load.offered.text} dropped",
        )
    for line in (line for block in scenario.blocks for line in block.lines):
        _line(console, f"{line.name:<6}  {line.text}")
    _line(console, f"lag     {', '.join(f'{name} {found.text}' for name, found in load.lag.items())} from due to sent")
    _line(
        console,
        f"health  {'valid' if health.valid else 'NOT VALID'}: CPU {health.cpu.text}, "
        f"GC pause {health.gc_pause_max.text}, loop lag {health.loop_lag_max.text}",
    )
    for reason in (*health.reasons, *(f"warning: {text}" for text in health.warnings)):
        _line(console, f"        {reason}")
    if scenario.thresholds:
        _print_table(console, _thresholds(scenario.thresholds))
    for row in scenario.thresholds if health.valid else ():
        if row.sign.key != "pass":
            _line(console, f"{row.sign} {row.text}: {row.why}")
    if scenario.sends:
        _print_table(console, _operations([*scenario.operations, scenario.total]))
    if scenario.total.messages is not None and scenario.sends:
        _line(console, f"messages  {scenario.total.messages.summary}")
    console.print()


def _headline(console: "Console", shown: Sign, text: str) -> None:
    from rich.text import Text

    console.print(Text.assemble((str(shown), _STYLES[shown.key]), "  ", visible(text)))


def _line(console: "Console", text: str) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(visible(text)), (0, 0, 0, 2), expand=False))


def _thresholds(rows: Iterable[ThresholdRow]) -> "Table":
    heads = [("verdict", ""), ("threshold", ""), ("clause", "")]
    table = _table([*heads, ("observed", "n"), ("95% bounds", "n"), ("samples", "n")])
    for row in rows:
        cells = [row.text, row.clause or "", row.observed.text, row.interval_text, row.samples.text]
        _add(table, [str(row.sign), *cells], style=_STYLES[row.sign.key])
    return table


def _operations(rows: Iterable[OperationRow]) -> "Table":
    heads = [("operation", ""), ("requests", "n"), *((name, "n") for name in _LATENCIES), ("failed", "n")]
    table = _table(heads)
    for row in rows:
        latencies = [row.response.figures[name].text for name in _LATENCIES]
        failed = f"{row.failed.text} ({row.failed_share.text})" if row.failed.value else row.failed.text
        _add(table, [row.name, row.requests.text, *latencies, failed], style="")
    return table


def _table(heads: Sequence[tuple[str, str]]) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name, kind in heads:
        table.add_column(name, justify="right" if kind else "left", no_wrap=bool(kind), overflow="fold")
    return table


def _add(table: "Table", cells: Sequence[str], *, style: str) -> None:
    from rich.text import Text

    first, *rest = cells
    table.add_row(Text(visible(first), style=style), *(Text(visible(cell)) for cell in rest))


def _print_table(console: "Console", table: "Table") -> None:
    from rich.padding import Padding

    console.print(Padding(table, (1, 0, 0, 2), expand=False))
