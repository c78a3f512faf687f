"""The peers' table and the goals, from what was measured."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from benchmarks.peers.ours import OpenFigures
from benchmarks.peers.outside import Pace
from benchmarks.quiet import BUSY_CORES
from benchmarks.table import markdown_table
from loadtests.units import format_duration

__all__ = [
    "OURS",
    "Goal",
    "closed_table",
    "goals",
    "goals_table",
    "open_table",
    "ratio_goal",
    "worst_exit_code",
]

OURS = "loadtests"
_WRK, _LOCUST = "wrk", "Locust FastHttpUser"
_LAG_P99_NS = 1e6
_ACHIEVED = 0.99


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
        if self.met is None or (self.busy and not self.met):
            return "not measurable" if self.busy else "not measured"
        return "met" if self.met else "MISSED"


def closed_table(
    rounds: Mapping[str, Sequence[Pace]],
    versions: Mapping[str, str | None],
    *,
    beside: str = _WRK,
    each: str = "request",
) -> str:
    """A line per tool, in the order of `versions`: medians over the rounds, also of the ratio to `beside` in each."""
    lines = []
    for name, version in versions.items():
        paces = rounds.get(name, ())
        if not paces:
            reason = "not installed" if version is None else "failed"
            lines.append((name, reason, "", "", "", ""))
            continue
        ratio = ratio_in_rounds(paces, rounds.get(beside, ()))
        rates = [pace.requests_per_s for pace in paces]
        lines.append(
            (
                f"{name} {version}",
                f"{median(rates):,.0f}",
                f"{min(rates):,.0f} .. {max(rates):,.0f}",
                f"{median(pace.cpu_us_per_request for pace in paces):.1f}",
                f"{median(pace.cpu_cores for pace in paces):.2f}",
                "" if ratio is None else f"{ratio:.3f}",
            )
        )
    headings = ("tool", "per second", "lowest .. highest", f"CPU µs/{each}", "cores used", f"of {beside}")
    return markdown_table(headings, lines)


def open_table(figures: OpenFigures) -> str:
    """The open model in one line."""
    line = (
        f"{OURS}, open, {figures.offered_per_s:,.0f}/s",
        f"{figures.pace.requests_per_s:,.0f}/s",
        format_duration(figures.lag_p50_ns),
        format_duration(figures.lag_p99_ns),
        f"{figures.dropped:,}",
        f"{figures.pace.cpu_us_per_request:.1f}",
        f"{figures.pace.cpu_cores:.2f}",
    )
    headings = ("work", "achieved", "start lag p50", "start lag p99", "dropped", "CPU µs/request", "cores used")
    return markdown_table(headings, [line])


def goals(rounds: Mapping[str, Sequence[Pace]], figures: OpenFigures | None, *, others_cores: float) -> list[Goal]:
    """What was promised, and what was reached in this run, while other programs took `others_cores`."""
    found = [*_closed_goals(rounds), *([] if figures is None else _open_goals(figures))]
    return [replace(goal, busy=others_cores > BUSY_CORES) for goal in found]


def worst_exit_code(reached: Iterable[Goal]) -> int:
    """1 when a goal was missed, else 3 when the machine was too busy to tell, else 0."""
    states = {goal.state for goal in reached}
    return 1 if "MISSED" in states else 3 if "not measurable" in states else 0


def _closed_goals(rounds: Mapping[str, Sequence[Pace]]) -> list[Goal]:
    return [
        ratio_goal("closed loop beside wrk", 0.6, rounds, _WRK),
        ratio_goal("closed loop beside Locust FastHttpUser", 8.0, rounds, _LOCUST),
    ]


def _open_goals(figures: OpenFigures) -> list[Goal]:
    share = figures.pace.requests_per_s / figures.offered_per_s
    lag = format_duration(figures.lag_p99_ns)
    rate = f"open model at {figures.offered_per_s:,.0f}/s"
    return [
        Goal(f"{rate}, achieved", f"≥ {_ACHIEVED:.0%}", f"{share:.1%}", share >= _ACHIEVED),
        Goal(f"{rate}, start lag p99", f"< {format_duration(_LAG_P99_NS)}", lag, figures.lag_p99_ns < _LAG_P99_NS),
    ]


def goals_table(reached: Sequence[Goal]) -> str:
    """A line per goal."""
    lines = [(goal.what, goal.wanted, goal.reached or "-", goal.state) for goal in reached]
    return markdown_table(("goal", "wanted", "reached", ""), lines)


def ratio_in_rounds(ours: Sequence[Pace], others: Sequence[Pace]) -> float | None:
    """The median over the rounds of ours / theirs in the same round; `None` without such a round."""
    ratios = [a.requests_per_s / b.requests_per_s for a, b in zip(ours, others, strict=False)]
    return median(ratios) if ratios else None


def ratio_goal(what: str, wanted: float, rounds: Mapping[str, Sequence[Pace]], peer: str) -> Goal:
    """That our rate is at least `wanted` times that of a peer."""
    ratio = ratio_in_rounds(rounds.get(OURS, ()), rounds.get(peer, ()))
    if ratio is None:
        return Goal(what, f"≥ {wanted:g} ×", None, None)
    return Goal(what, f"≥ {wanted:g} ×", f"{ratio:.2f} ×", ratio >= wanted)
