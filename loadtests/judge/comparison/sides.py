"""The change of one metric between the two sides, by whatever the runs and a calibration allow."""

from collections.abc import Sequence

from loadtests.judge.comparison.calibration import Calibration
from loadtests.judge.comparison.estimate import Estimate, estimate
from loadtests.judge.comparison.metrics import Metric
from loadtests.judge.comparison.pairs import estimate_pairs
from loadtests.judge.record import RunRecord

__all__ = ["Records", "estimated"]

Records = Sequence[RunRecord]


def estimated(
    metric: Metric, base: Records, candidate: Records, calibration: Calibration | None, *, paired: bool
) -> Estimate | None:
    if paired:
        return estimate_pairs(metric, base, candidate)
    return estimate(metric, base, candidate, calibrated=None if calibration is None else calibration.spread(metric))
