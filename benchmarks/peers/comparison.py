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
    "OURS_UNLIKE",
    "Turns",
    "closed_table",
    "goals",
    "open_table",
    "ratio_goal",
]

OURS = "loadtests"
OURS_UNLIKE = "loadtests, no two answers alike"

Turns = Sequence[Pace | None]
"""One tool's rounds in order; `None` where it failed."""

_WRK = "wrk"
_OF_PEERS = {_WRK: 0.8, "hey": 2.5, "k6": 6.0, "Locust FastHttpUser": 12.0}
_LAG_P50_US, _LAG_P99_US = 150.0, 500.0
_CPU_OF_WRK = 1.3
_ACHIEVED = 0.99


def closed_table(
    rounds: Mapping[str, Turns],
    versions: Mapping[str, str | None],
    *,
    beside: str = _WRK,
    each: str = "request",
) -> str:
    """A line per tool, in the order of `versions`: medians over the rounds, also of the ratio to `beside` in each."""
    lines = []
    for name, version in versions.items():
        turns = rounds.get(name, ())
        paces = _made(turns)
        if not paces:
            reason = "not installed" if version is None else "failed"
            lines.append((name, reason, "", "", "", ""))
            continue
        ratio = ratio_in_rounds(turns, rounds.get(beside, ()))
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


def open_table(opened: Sequence[OpenFigures], kept: Mapping[str, Turns], versions: Mapping[str, str | None]) -> str:
    """The open model, and a line for each peer of `versions` that can keep to a rate: medians over the rounds."""
    ours = (
        f"{OURS} {versions[OURS]}",
        *_pace_cells([one.pace for one in opened]),
        format_duration(_lag_p50_ns(opened)),
        format_duration(_lag_p99_ns(opened)),
        f"{sum(one.dropped for one in opened):,}",
    )
    lines = [ours]
    for name, version in versions.items():
        if name == OURS:
            continue
        if paces := _made(kept.get(name, ())):
            lines.append((f"{name} {version}", *_pace_cells(paces), "", "", ""))
        else:
            lines.append((name, "not installed" if version is None else "failed", "", "", "", "", ""))
    headings = ("tool", "per second", "CPU µs/request", "cores used", "start lag p50", "start lag p99", "dropped")
    return markdown_table(headings, lines)


def goals(
    rounds: Mapping[str, Turns],
    opened: Sequence[OpenFigures],
    kept: Mapping[str, Turns],
    *,
    others_cores: float,
) -> list[Goal]:
    """What was promised, and what was reached in this run, while other programs took `others_cores`.

    `rounds` are of the closed loop, `opened` of our open model, `kept` of the peers that kept to its rate.
    """
    closed = [ratio_goal(f"closed loop beside {peer}", wanted, rounds, peer) for peer, wanted in _OF_PEERS.items()]
    return in_company([*closed, *(_open_goals(opened, kept, rounds) if opened else [])], others_cores)


def _open_goals(opened: Sequence[OpenFigures], kept: Mapping[str, Turns], rounds: Mapping[str, Turns]) -> list[Goal]:
    """wrk cannot keep to a rate, so what a request costs it in its closed loop stands for it, beside those that can."""
    rate = f"open model at {opened[0].offered_per_s:,.0f}/s"
    achieved = median(one.pace.requests_per_s / one.offered_per_s for one in opened)
    return [
        at_least(f"{rate}, achieved", _ACHIEVED, achieved, form="{:.1%}"),
        at_most(f"{rate}, start lag p50", _LAG_P50_US, _lag_p50_ns(opened) / 1e3, form="{:.0f} µs"),
        at_most(f"{rate}, start lag p99", _LAG_P99_US, _lag_p99_ns(opened) / 1e3, form="{:.0f} µs"),
        _cpu_goal(f"{rate}, CPU of a request beside wrk's closed loop", _cpu_of_medians(opened, rounds.get(_WRK, ()))),
        *(
            _cpu_goal(f"{rate}, CPU of a request beside {peer} at that rate", _cpu_in_rounds(opened, paces))
            for peer, paces in kept.items()
        ),
    ]


def _cpu_goal(what: str, ratio: float | None) -> Goal:
    if ratio is None:
        return Goal(what, f"≤ {_CPU_OF_WRK:g} ×", None, None)
    return at_most(what, _CPU_OF_WRK, ratio, form="{:.2f} ×")


def _cpu_in_rounds(opened: Sequence[OpenFigures], theirs: Turns) -> float | None:
    """The median of the ratios, of tools that took turns."""
    pairs = [(a.pace, b) for a, b in zip(opened, theirs, strict=False) if b is not None]
    return median(a.cpu_us_per_request / b.cpu_us_per_request for a, b in pairs) if pairs else None


def _cpu_of_medians(opened: Sequence[OpenFigures], theirs: Turns) -> float | None:
    """The ratio of the medians, of tools whose rounds were minutes apart."""
    paces = _made(theirs)
    if not paces:
        return None
    return median(a.pace.cpu_us_per_request for a in opened) / median(b.cpu_us_per_request for b in paces)


def _made(turns: Turns) -> list[Pace]:
    return [pace for pace in turns if pace is not None]


def _pace_cells(paces: Sequence[Pace]) -> tuple[str, str, str]:
    return (
        f"{median(pace.requests_per_s for pace in paces):,.0f}",
        f"{median(pace.cpu_us_per_request for pace in paces):.1f}",
        f"{median(pace.cpu_cores for pace in paces):.2f}",
    )


def _lag_p50_ns(opened: Sequence[OpenFigures]) -> float:
    return median(one.lag_p50_ns for one in opened)


def _lag_p99_ns(opened: Sequence[OpenFigures]) -> float:
    return median(one.lag_p99_ns for one in opened)


def ratio_in_rounds(ours: Turns, others: Turns) -> float | None:
    """The median over the rounds of ours / theirs in the same round; `None` without such a round."""
    ratios = [a.requests_per_s / b.requests_per_s for a, b in zip(ours, others, strict=False) if a and b]
    return median(ratios) if ratios else None


def ratio_goal(what: str, wanted: float, rounds: Mapping[str, Turns], peer: str) -> Goal:
    """That our rate is at least `wanted` times that of a peer."""
    ratio = ratio_in_rounds(rounds.get(OURS, ()), rounds.get(peer, ()))
    if ratio is None:
        return Goal(what, f"≥ {wanted:g} ×", None, None)
    return Goal(what, f"≥ {wanted:g} ×", f"{ratio:.2f} ×", ratio >= wanted)
