"""The ratio of response times by quantile, with its band: whether all answers changed, or only the slow ones."""

from loadtests.judge.comparison.calibration import Calibration
from loadtests.judge.comparison.metrics import Metric
from loadtests.judge.comparison.sides import Records, estimated
from loadtests.judge.comparison.verdict import Curve
from loadtests.judge.record import merged_record

__all__ = ["curve_of"]

_QUANTILES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999)


def curve_of(base: Records, candidate: Records, calibration: Calibration | None, *, paired: bool) -> Curve | None:
    """Response times by quantile, where every run has an answer beyond it; by the calibration of the nearest metric."""
    merged = (merged_record(base), merged_record(candidate))
    points = []
    for quantile in _QUANTILES:
        metric = Metric(_nearest(quantile), "time", quantile=quantile)
        fewest = min(each.total.histogram(metric.histogram).total for each in (*base, *candidate))
        found = estimated(metric, base, candidate, calibration, paired=paired)
        times = [metric.value(side) for side in merged]
        if found is not None and times[0] and times[1] and fewest * (1.0 - quantile) >= 1.0:
            points.append((quantile, times[0], times[1], found))
    if not points:
        return None
    quantiles, first, second, estimates = zip(*points, strict=True)
    return Curve(quantiles, first, second, estimates)


def _nearest(quantile: float) -> str:
    return "p50" if quantile < 0.8 else "p95" if quantile < 0.98 else "p99"
