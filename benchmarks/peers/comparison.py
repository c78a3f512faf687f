"""The peers' table and the goals, from what was measured."""

from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks.goals import Goal, at_least, at_most, in_company
from benchmarks.peers.ours import OpenFigures
from benchmarks.peers.outside import Pace
from benchmarks.table import markdown_table
from loadtests.units import format_duration

__all__ = [
    "OURS",
    "closed_table",
    "goals",
    "open_table",
    "ratio_goal",
]

OURS = "loadtests"
_WRK = "wrk"
_OF_PEERS = {_WRK: 0.8, "hey": 2.5, "k6": 6.0, "Locust FastHttpUser": 12.0}
_LAG_P50_US, _LAG_P99_US = 150.0, 500.0
_CPU_OF_WRK = 1.3
_ACHIEVED = 0.99


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
    closed = [ratio_goal(f"closed loop beside {peer}", wanted, rounds, peer) for peer, wanted in _OF_PEERS.items()]
    return in_company([*closed, *([] if figures is None else _open_goals(figures, rounds))], others_cores)


def _open_goals(figures: OpenFigures, rounds: Mapping[str, Sequence[Pace]]) -> list[Goal]:
    """wrk cannot keep to a rate, so what a request costs it in its closed loop stands for it."""
    rate, pace = f"open model at {figures.offered_per_s:,.0f}/s", figures.pace
    of_wrk = median(one.cpu_us_per_request for one in rounds[_WRK]) if rounds.get(_WRK) else None
    what, wanted = f"{rate}, CPU of a request beside wrk", f"≤ {_CPU_OF_WRK:g} ×"
    return [
        at_least(f"{rate}, achieved", _ACHIEVED, pace.requests_per_s / figures.offered_per_s, form="{:.1%}"),
        at_most(f"{rate}, start lag p50", _LAG_P50_US, figures.lag_p50_ns / 1e3, form="{:.0f} µs"),
        at_most(f"{rate}, start lag p99", _LAG_P99_US, figures.lag_p99_ns / 1e3, form="{:.0f} µs"),
        Goal(what, wanted, None, None)
        if of_wrk is None
        else at_most(what, _CPU_OF_WRK, pace.cpu_us_per_request / of_wrk, form="{:.2f} ×"),
    ]


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
