"""What the benchmarks promise: each goal with the figure reached, and what a run that missed one ends with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from benchmarks.quiet import BUSY_CORES
from benchmarks.table import markdown_table

__all__ = ["Goal", "at_least", "at_most", "goals_table", "in_company", "worst_exit_code"]


@dataclass(frozen=True, slots=True)
class Goal:
    """`reached` is `None` where a peer is missing; such a goal is neither met nor missed."""

    what: str
    wanted: str
    reached: str | None
    met: bool | None
    busy: bool = False
    """Other programs took the machine's time: then a goal can be met, but not missed."""

    @property
    def state(self) -> str:
        """What is said of it."""
        if self.met is None:
            return "not measured"
        if self.met:
            return "met"
        return "not measurable" if self.busy else "MISSED"


def at_least(what: str, wanted: float, reached: float, *, form: str = "{:,.0f}") -> Goal:
    """That a figure is not below another; `form` writes both."""
    return Goal(what, f"≥ {form.format(wanted)}", form.format(reached), reached >= wanted)


def at_most(what: str, wanted: float, reached: float, *, form: str = "{:,.0f}") -> Goal:
    """That a figure is not above another; `form` writes both."""
    return Goal(what, f"≤ {form.format(wanted)}", form.format(reached), reached <= wanted)


def in_company(goals: Iterable[Goal], others_cores: float) -> list[Goal]:
    """The goals as they are to be read when other programs kept that many cores busy."""
    return [replace(goal, busy=others_cores > BUSY_CORES) for goal in goals]


def worst_exit_code(reached: Iterable[Goal]) -> int:
    """1 when a goal was missed, else 3 when the machine was too busy to tell, else 0."""
    states = {goal.state for goal in reached}
    return 1 if "MISSED" in states else 3 if "not measurable" in states else 0


def goals_table(reached: Sequence[Goal]) -> str:
    """A line per goal."""
    lines = [(goal.what, goal.wanted, goal.reached or "-", goal.state) for goal in reached]
    return markdown_table(("goal", "wanted", "reached", ""), lines)
