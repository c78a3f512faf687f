"""How a change is said: what it was, what it is, by how much and how surely, and what follows."""

import math

from loadtests.judge.comparison.estimate import Basis
from loadtests.judge.comparison.metrics import Metric
from loadtests.judge.comparison.verdict import Change, MetricChange
from loadtests.judge.wording import amount

__all__ = ["bounds_text", "change_text", "headline", "margin_text", "sentence", "value_text"]

_UNITS = {"time": "ns", "rate": "per_s", "share": "ratio"}
_CONFIDENCE = "95% confidence each"


def value_text(metric: Metric, value: float | None) -> str:
    """A figure of one side."""
    return "–" if value is None else amount(value, _UNITS[metric.kind])


def change_text(metric: Metric, change: float, *, digits: int = 1) -> str:
    """`+9.8%` of a ratio, `+0.52 pp` of a difference of shares; never +0% unless it is exactly that."""
    return f"{_number(metric, change, digits)}{_unit(metric)}"


def margin_text(metric: Metric, margin: float) -> str:
    """`5%`, or `0.5 pp` (points of a percentage)."""
    return f"{margin * 100.0:.3g}{_unit(metric)}"


def bounds_text(row: MetricChange) -> str:
    """`+8.1 … +11.5%`, one end where there is one, or a dash."""
    found = row.estimate
    if found is None or (found.low is None and found.high is None):
        return "–"
    if found.low is None or found.high is None:
        end = found.high if found.low is None else found.low
        return f"{'≤' if found.low is None else '≥'} {change_text(row.metric, end or 0.0)}"
    return f"{_number(row.metric, found.low, 1)} … {change_text(row.metric, found.high)}"


def headline(row: MetricChange) -> str:
    """`p95 +9.8% (at least +8.1%)`: the change, and the bound that makes it one; both bounds where there is none."""
    found = row.estimate
    if found is None:
        return f"{row.metric.key}: no figure"
    bound = found.low if found.change > 0 else found.high
    known = f"at least {change_text(row.metric, bound)}" if bound and bound * found.change > 0 else bounds_text(row)
    return f"{row.metric.key} {change_text(row.metric, found.change)} ({known})"


def sentence(row: MetricChange) -> str:
    """Everything about one metric."""
    metric, found = row.metric, row.estimate
    verb, past = ("are", "were") if metric.name.endswith(("failures", "drops")) else ("is", "was")
    both = f"{metric.key} {verb} {value_text(metric, row.candidate)}, {past} {value_text(metric, row.base)}"
    if found is None:
        return f"{both}: not every run has such a figure, so no change is known"
    known = f"{both}: {change_text(metric, found.change)}, {_ends(row)}"
    return f"{known}; {_conclusion(row)}"


def _ends(row: MetricChange) -> str:
    found = row.estimate
    if found is None or found.low is None or found.high is None:
        return "with no bound, because there are too few pairs" if found and found.basis is Basis.PAIRS else "no bound"
    within = " within these runs" if found.basis is Basis.WINDOWS else ""
    low, high = change_text(row.metric, found.low), change_text(row.metric, found.high)
    return f"at least {low} and at most {high}{within} with {_CONFIDENCE}"


def _conclusion(row: MetricChange) -> str:
    margin = margin_text(row.metric, row.margin)
    if row.change is Change.REGRESSED:
        return f"surely worse, by an estimate beyond the margin of {margin}"
    if row.change is Change.IMPROVED:
        return f"surely better, by an estimate beyond the margin of {margin}"
    if row.change is Change.SAME:
        return f"the same within the margin of {margin}"
    if row.change is Change.DESCRIPTIVE:
        return "one run a side shows no difference between builds, only between these two runs"
    open_end = f"no worse than the margin of {margin}, whether better is open" if row.no_worse else "either is possible"
    if row.needed is None:
        return f"{open_end} at a margin of {margin}"
    noun = "pairs" if row.estimate is not None and row.estimate.basis is Basis.PAIRS else "runs a side"
    return f"{open_end} at a margin of {margin}; about {row.needed:,} {noun} would settle it"


def _number(metric: Metric, change: float, digits: int) -> str:
    percent = math.expm1(change) if metric.is_ratio else change
    return _signed(percent * 100.0, digits if metric.is_ratio else digits + 1)


def _unit(metric: Metric) -> str:
    return "%" if metric.is_ratio else " pp"


def _signed(percent: float, digits: int) -> str:
    if percent == 0.0:
        return "±0"
    decimals = digits if abs(percent) < 100.0 else 0
    while decimals < 6 and float(f"{percent:.{decimals}f}") == 0.0:
        decimals += 1
    return f"{percent:+,.{decimals}f}".replace("-", "−")
