"""A trend by build: all runs of a build as one point, their counts merged, their spread as the interval.

The run is the unit: percentiles come from the merged counts, and their bounds from how much the same percentile differs
between the runs, by Student's distribution on its logarithm (but see `spread_of`). A build of a single run has that
run's own bounds. INVALID runs have no part in it; runs that were made differently are not merged.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

from loadtests.history.kept import QUANTILES
from loadtests.history.trend import Point
from loadtests.judge.quantiles import QuantileFigure
from loadtests.judge.statistics import RISK, student_quantile
from loadtests.judge.verdict import Outcome
from loadtests.result.histogram import Histogram

__all__ = ["by_build", "spread_of"]


def by_build(points: Sequence[Point], histograms: Mapping[str, Histogram]) -> list[Point]:
    """A point for every build, in the order of their newest runs; `histograms` are those of the runs by id."""
    found: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        found.setdefault((point.build, point.comparability), []).append(point)
    merged = [_merged(runs, histograms) for runs in found.values()]
    return sorted(merged, key=lambda point: (point.started_at, point.run_id))


def _merged(runs: Sequence[Point], histograms: Mapping[str, Histogram]) -> Point:
    """The newest run's name and moment, the worst verdict, all their counts."""
    believed = [run for run in runs if run.believed] or list(runs)
    if len(believed) == 1:
        return believed[0]
    newest, outcome = believed[-1], Outcome.worst(run.outcome for run in believed)
    times = Histogram.merge(histograms.get(run.run_id, Histogram.empty()) for run in believed)
    decisive = next(run for run in reversed(believed) if run.outcome is outcome)
    return replace(
        newest,
        outcome=outcome,
        why=f"{len(believed)} runs, the worst {decisive.run_id}: {decisive.why}",
        quantiles=_quantiles(times, believed),
        ok=sum(run.ok for run in believed),
        failed=sum(run.failed for run in believed),
        offered=sum(run.offered for run in believed),
        dropped=sum(run.dropped for run in believed),
        completed_ok=sum(run.completed_ok for run in believed),
        judged_s=math.fsum(run.judged_s for run in believed),
        runs=len(believed),
    )


def _quantiles(times: Histogram, runs: Sequence[Point]) -> dict[str, QuantileFigure]:
    found = {}
    for label, share in QUANTILES.items():
        observed_us = times.quantile_us(share)
        each = [run.quantiles[label] for run in runs if label in run.quantiles]
        if observed_us is not None and len(each) > 1:
            factor = spread_of(each)
            observed = observed_us * 1e3
            found[label] = QuantileFigure(observed, observed / factor, observed * factor)
    return found


def spread_of(each: Sequence[QuantileFigure]) -> float:
    """By what factor the percentile of two runs or more may be off to either side, at 95% confidence each.

    What their differences say, but no less than what is left of their own bounds when they are merged: two runs may
    agree by chance.
    """
    between = student_quantile(RISK, len(each) - 1) * statistics.stdev(math.log(one.observed) for one in each)
    own = [math.log(one.high / one.low) / 2.0 for one in each if one.low and one.high]
    return math.exp(max(between, statistics.fmean(own) if own else 0.0) / math.sqrt(len(each)))
