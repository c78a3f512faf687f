"""Baselines in the terminal: one line each, and what was said against them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from loadtests.history.baseline import Baseline
from loadtests.report.screen import add_row, line, print_table, printed, style_of, table
from loadtests.report.wording import sign

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_baselines"]


def print_baselines(found: Sequence[Baseline], *, stream: TextIO) -> None:
    """Print verdict, name, build, run and scenarios of each."""

    def draw(console: "Console") -> None:
        made = table(
            [("verdict", ""), ("baseline", ""), ("build", ""), ("run", ""), ("accepted", ""), ("scenarios", "")]
        )
        made.columns[0].no_wrap = True
        for one in found:
            kept, shown = one.kept, sign(one.kept.outcome)
            scenarios = ", ".join(scenario.name for scenario in kept.scenarios)
            cells = [one.name, kept.build, kept.id, f"{one.accepted_at:%Y-%m-%d}", scenarios]
            add_row(made, [str(shown), *cells], style=style_of(shown))
        print_table(console, made)
        for one in found:
            if one.forced is not None:
                line(console, f"{one.name} was accepted though {one.forced}")

    printed(draw, stream)
