"""How much equal runs differ on this machine, measured: the band within which a difference means nothing.

From repeated runs of one build: the variance of each metric between runs, and with it the smallest change that a
comparison of so many runs can be relied on to find.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtests.judge.comparison.estimate import spread_between
from loadtests.judge.comparison.metrics import Metric, metrics_of
from loadtests.judge.comparison.within import Spread
from loadtests.judge.record import RunRecord
from loadtests.judge.statistics import RISK, student_quantile

__all__ = ["FEWEST_RUNS", "POWER", "Calibration", "calibrated", "detectable"]

FEWEST_RUNS = 3
"""Two runs have one difference, by which no spread is known."""
POWER = 0.9
"""How often a change of the size called detectable is found."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The spread of each metric (by its key) between equal runs: of the logarithm, or of the share itself."""

    scenario: str
    comparability: str
    made_at: str
    runs: Sequence[str]
    facts: Mapping[str, str]
    spreads: Mapping[str, Spread]

    def spread(self, metric: Metric) -> Spread | None:
        """The metric's spread, where it was measured."""
        return self.spreads.get(metric.key)


def calibrated(records: Sequence[RunRecord], *, made_at: str) -> Calibration:
    """The calibration by equal runs of one scenario, at least three."""
    if len(records) < FEWEST_RUNS:
        raise ValueError(f"a calibration needs at least {FEWEST_RUNS} runs, got {len(records)}")
    found = {metric.key: _spread(metric, records) for metric in metrics_of(records)}
    return Calibration(
        scenario=records[0].scenario,
        comparability=records[0].comparability,
        made_at=made_at,
        runs=tuple(record.run_id for record in records),
        facts=dict(records[0].facts),
        spreads={key: spread for key, spread in found.items() if spread is not None},
    )


def detectable(spread: Spread, runs: tuple[int, int], *, ratio: bool) -> float:
    """The smallest change that so many runs a side find nine times in ten: a ratio less one, or a difference.

    t for the risk and t for the power, times the standard error of the difference (Cohen 1988, by Student's t).
    """
    error = math.sqrt(spread.variance * sum(1.0 / count for count in runs))
    reach = (student_quantile(RISK, spread.freedom) + student_quantile(1.0 - POWER, spread.freedom)) * error
    return math.expm1(reach) if ratio else reach


def _spread(metric: Metric, records: Sequence[RunRecord]) -> Spread | None:
    if not metric.is_ratio:
        counted = [metric.shares(metric.tally(record)) for record in records]
        values = [hits / trials for hits, trials in counted if trials]
    else:
        known = [metric.value(record) for record in records]
        values = [math.log(value) for value in known if value is not None]
    return spread_between([values]) if len(values) == len(records) else None
