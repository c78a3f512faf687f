"""A comparison in the terminal: what decides as a table, a sentence for what is not plain, the verdict last."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from loadtests.report.comparison.page import ChangeRow, ComparisonPage, ScenarioPart
from loadtests.report.screen import add_row, headline, line, print_table, printed, style_of, table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["print_comparison"]

_HEADS = (("verdict", ""), ("metric", ""), ("base", "n"), ("candidate", "n"), ("change", "n"), ("95% bounds", "n"))
_TOLD = ("regressed", "inconclusive")
_CHANGED = ("regressed", "improved")


def print_comparison(page: ComparisonPage, *, stream: TextIO) -> None:
    """Print every scenario's changes, then the verdict and why."""
    printed(lambda console: _page(console, page), stream)


def _page(console: "Console", page: ComparisonPage) -> None:
    line(console, f"base       {page.base.name}: build {page.base.builds}")
    line(console, f"candidate  {page.candidate.name}: build {page.candidate.builds}")
    console.print()
    for part in page.scenarios:
        _scenario(console, part)
    for warning in page.warnings:
        line(console, f"warning: {warning}")
    headline(console, page.sign, page.why)


def _scenario(console: "Console", part: ScenarioPart) -> None:
    headline(console, part.sign, f"{part.name}: {part.runs_text}")
    for difference in part.differences:
        line(console, f"made unlike: {difference}")
    print_table(console, _changes(part.gated))
    for row in part.gated:
        if row.sign.key in _TOLD:
            line(console, row.why)
    changed = [row for row in part.others if row.sign.key in _CHANGED]
    if changed:
        line(console, "")
        line(console, "changed too, deciding nothing:")
        print_table(console, _changes(changed))
    for warning in part.warnings:
        line(console, f"warning: {warning}")
    console.print()


def _changes(rows: Iterable[ChangeRow]) -> "Table":
    made = table([*_HEADS, ("margin", "n")])
    for row in rows:
        cells = [row.name, row.base.text, row.candidate.text, row.change.text, row.bounds_text, row.margin.text]
        add_row(made, [str(row.sign), *cells], style=style_of(row.sign))
    return made
