"""Which changes count, and how small a change a comparison can tell."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from loadtests.judge.comparison.calibration import Calibration, detectable
from loadtests.judge.comparison.estimate import Basis, Estimate
from loadtests.judge.comparison.metrics import GATED, Metric
from loadtests.judge.comparison.pairs import fewest_pairs
from loadtests.judge.statistics import RISK, student_quantile
from loadtests.plan.model import Scenario

__all__ = ["RATIO_MARGIN", "SHARE_MARGIN", "Terms", "on_scale", "runs_needed", "usual_gates"]

RATIO_MARGIN = 0.05
SHARE_MARGIN = 0.005

_MOST_RUNS = 1_000


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of a comparison: the changes that may be, and which metrics decide.

    `margin` is asked for times and rates (5% when `None`), `margins` for a metric by its key or name. `gates` are keys;
    when `None`, the usual ones of all operations together.
    """

    margin: float | None = None
    margins: Mapping[str, float] = field(default_factory=dict)
    gates: Collection[str] | None = None
    unlike: bool = False

    def is_gated(self, metric: Metric) -> bool:
        """Whether the metric decides."""
        return metric.key in (GATED[metric.source] if self.gates is None else self.gates)

    def asked(self, metric: Metric) -> float | None:
        """The margin that was asked for, if any."""
        named = self.margins.get(metric.key, self.margins.get(metric.name))
        return self.margin if named is None and metric.is_ratio else named

    def margin_of(self, metric: Metric, calibration: Calibration | None, runs: tuple[int, int]) -> float:
        """The margin asked for; else the usual one, or what the calibration says can be told, where that is more."""
        asked = self.asked(metric)
        if asked is not None:
            return asked
        usual = RATIO_MARGIN if metric.is_ratio else SHARE_MARGIN
        spread = None if calibration is None else calibration.spread(metric)
        return usual if spread is None else max(usual, detectable(spread, runs, ratio=metric.is_ratio))


def usual_gates(scenario: Scenario) -> tuple[str, ...]:
    """The metrics that decide a scenario at the least: those that every run of it has."""
    sent = ("p50", "p95", "p99", "failures", "throughput") if scenario.operations else ()
    return sent + (("connect p95",) if scenario.driver == "websocket" else ())


def on_scale(metric: Metric, margin: float) -> float:
    """A margin on the scale on which changes are estimated."""
    return math.log1p(margin) if metric.is_ratio else margin


def runs_needed(found: Estimate, margin: float, *, runs: int, looked_at: int) -> int | None:
    """How many runs a side (or pairs) would settle it, if change and spread stay what they are.

    To show that there is a change where the estimate is beyond the margin, else that there is none beyond it.
    `None` for more than 1,000, or where the spread is not known.
    """
    if found.spread is None or found.basis is Basis.WINDOWS:
        return None
    beyond = abs(found.change) > margin
    gap = abs(found.change) if beyond else margin - abs(found.change)
    risk = RISK / max(1, looked_at) if beyond else RISK
    paired = found.basis is Basis.PAIRS
    least = max(runs + 1, fewest_pairs(looked_at if beyond else 1)) if paired else max(runs + 1, 2)
    for count in _counts(least):
        freedom = count - 1 if paired else 2 * (count - 1)
        error = found.spread * math.sqrt((1.0 if paired else 2.0) / count)
        if student_quantile(risk, freedom) * error <= gap:
            return count
    return None


def _counts(least: int) -> list[int]:
    """Every count while small, then about 3% apart: it is an estimate."""
    found = [least]
    while found[-1] < _MOST_RUNS:
        found.append(found[-1] + max(1, found[-1] // 32))
    return [count for count in found if count <= _MOST_RUNS]
