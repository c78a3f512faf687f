"""Two operands to a comparison: scenario by scenario, metric by metric, then what follows from the gated ones.

- REGRESSED: surely worse (one-sided, 5%, adjusted for all gated metrics by Holm's method), and the estimate is beyond
  the margin. IMPROVED: the same for the better.
- SAME: both one-sided 95% bounds lie within the margin (two one-sided tests; Schuirmann 1987).
- INCONCLUSIVE: anything else. A scenario is that only where a gated metric leaves a regression possible.
- DESCRIPTIVE: one run a side and no calibration, so nothing is concluded.

Metrics that do not gate are judged alone, without adjustment, and decide nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from loadtests.errors import UnlikeRuns, UsageError
from loadtests.judge.comparison.calibration import Calibration
from loadtests.judge.comparison.checks import check_gates, check_margins, check_pairs
from loadtests.judge.comparison.curve import curve_of
from loadtests.judge.comparison.estimate import Basis, Estimate
from loadtests.judge.comparison.likeness import differences, refuse_unusable
from loadtests.judge.comparison.margins import Terms, on_scale, runs_needed
from loadtests.judge.comparison.metrics import Metric, metrics_of
from loadtests.judge.comparison.sides import Records, estimated
from loadtests.judge.comparison.verdict import Change, Comparison, MetricChange, ScenarioComparison
from loadtests.judge.comparison.wording import headline, sentence
from loadtests.judge.operands import Operand
from loadtests.judge.record import RunRecord, merged_record
from loadtests.judge.statistics import RISK, holm
from loadtests.judge.wording import counted

__all__ = ["compare", "compare_scenario", "concluded", "metric_changes"]


def compare(
    base: Operand,
    candidate: Operand,
    *,
    terms: Terms = Terms(),  # noqa: B008 - frozen
    calibrations: Mapping[str, Calibration] | None = None,
    paired: bool = False,
) -> Comparison:
    """The comparison of every scenario that both operands hold; `calibrations` by comparability.

    Raises `RunInvalid`, `UnlikeRuns` (unless the terms allow it), and `UsageError` for a margin that cannot be told.
    """
    refuse_unusable(base.records, candidate.records)
    common = [name for name in base.scenarios if name in candidate.scenarios]
    if not common:
        sides = " and ".join(f"{side.name} has {', '.join(side.scenarios)}" for side in (base, candidate))
        raise UsageError(f"there is no scenario on both sides: {sides}")
    alone = sorted({*base.scenarios, *candidate.scenarios} - {*common})
    warnings = [f"scenario {name} is only on one side, and is left out" for name in alone]
    found = [
        compare_scenario(base.of(name), candidate.of(name), terms=terms, calibrations=calibrations or {}, paired=paired)
        for name in common
    ]
    change = Change.worst(each.change for each in found)
    decisive = [each for each in found if each.change is change]
    why = decisive[0].why if len(found) == 1 else f"{decisive[0].scenario}: {decisive[0].why}"
    more = f" (and {counted(len(decisive) - 1, 'others')})" if len(decisive) > 1 else ""
    return Comparison(base, candidate, change, why + more, tuple(found), tuple(warnings))


def compare_scenario(
    base: Records, candidate: Records, *, terms: Terms, calibrations: Mapping[str, Calibration], paired: bool = False
) -> ScenarioComparison:
    """One scenario, by all runs of both sides."""
    name, runs = base[0].scenario, (len(base), len(candidate))
    unlike = differences(base, candidate)
    if unlike and not terms.unlike:
        raise UnlikeRuns(name, unlike)
    if paired:
        check_pairs(name, runs)
    calibration = None if unlike or paired else calibrations.get(base[0].comparability)
    metrics = metrics_of([*base, *candidate])
    check_gates(terms, metrics, name)
    check_margins(terms, metrics, calibration, runs)
    rows = metric_changes(base, candidate, terms=terms, calibration=calibration, paired=paired)
    change, why = concluded(rows)
    return ScenarioComparison(
        scenario=name,
        runs=runs,
        paired=paired,
        change=change,
        why=why,
        metrics=tuple(rows),
        curve=curve_of(base, candidate, calibration, paired=paired),
        differences=tuple(unlike),
        calibration=calibration,
        warnings=tuple(_warnings(runs, calibration, rows, paired=paired)),
        environment=_environment(base, candidate),
    )


def metric_changes(
    base: Records, candidate: Records, *, terms: Terms, calibration: Calibration | None = None, paired: bool = False
) -> list[MetricChange]:
    """Every metric of a scenario; the p values of the gated ones are adjusted for one another, each way by itself."""
    metrics, runs = metrics_of([*base, *candidate]), (len(base), len(candidate))
    merged = (merged_record(base), merged_record(candidate))
    estimates = {metric.key: estimated(metric, base, candidate, calibration, paired=paired) for metric in metrics}
    gated = [metric.key for metric in metrics if terms.is_gated(metric) and estimates[metric.key] is not None]
    p_worse, p_better = (_adjusted(metrics, estimates, gated, sign) for sign in (1, -1))
    rows = []
    for metric in metrics:
        found, key, margin = estimates[metric.key], metric.key, terms.margin_of(metric, calibration, runs)
        limit = on_scale(metric, margin)
        change = _change(metric, found, limit, p_worse=p_worse[key], p_better=p_better[key])
        needed = None
        if found is not None and change is Change.INCONCLUSIVE:
            needed = runs_needed(found, limit, runs=max(runs), looked_at=len(gated) if key in gated else 1)
        if runs == (1, 1) and calibration is None:
            change, needed = Change.DESCRIPTIVE, None
        row = MetricChange(
            metric=metric,
            gated=terms.is_gated(metric),
            base=_figure(metric, merged[0]),
            candidate=_figure(metric, merged[1]),
            estimate=found,
            margin=margin,
            change=change,
            no_worse=_no_worse(metric, found, limit),
            needed=needed,
            why="",
        )
        rows.append(replace(row, why=sentence(row)))
    return rows


def _adjusted(
    metrics: Sequence[Metric], estimates: Mapping[str, Estimate | None], gated: Sequence[str], sign: int
) -> dict[str, float]:
    """p values of no change against one for the worse (`sign` 1) or the better, by key; adjusted where they gate."""
    found = {metric.key: _p_value(estimates[metric.key], sign * metric.worse) for metric in metrics}
    return found | dict(zip(gated, holm([found[key] for key in gated]), strict=True))


def _p_value(found: Estimate | None, sign: int) -> float:
    return 1.0 if found is None else found.p_up if sign > 0 else found.p_down


def _change(metric: Metric, found: Estimate | None, limit: float, *, p_worse: float, p_better: float) -> Change:
    if found is None:
        return Change.INCONCLUSIVE
    if found.low is not None and found.high is not None and -limit <= found.low and found.high <= limit:
        return Change.SAME
    worse = metric.worse * found.change
    if worse > limit and p_worse <= RISK:
        return Change.REGRESSED
    return Change.IMPROVED if worse < -limit and p_better <= RISK else Change.INCONCLUSIVE


def _no_worse(metric: Metric, found: Estimate | None, limit: float) -> bool:
    if found is None:
        return False
    end = found.high if metric.worse > 0 else found.low
    return end is not None and metric.worse * end <= limit


def concluded(rows: Sequence[MetricChange]) -> tuple[Change, str]:
    """What follows from the metrics that decide, and why in a sentence."""
    gated = [row for row in rows if row.gated]
    of = {change: [row for row in gated if row.change is change] for change in Change}
    named = ", ".join(headline(row) for row in of[Change.REGRESSED])
    if of[Change.REGRESSED]:
        return Change.REGRESSED, f"{named}: surely worse, and beyond the margin"
    if of[Change.DESCRIPTIVE]:
        told = ", ".join(headline(row) for row in gated if row.metric.kind == "time")
        return Change.DESCRIPTIVE, (
            f"one run a side, so no build can be blamed or praised: {told}; repeat both, or calibrate this set-up"
        )
    unsettled = [row for row in of[Change.INCONCLUSIVE] if not row.no_worse]
    if unsettled:
        return (
            Change.INCONCLUSIVE,
            f"{len(unsettled)} of {counted(len(gated), 'metrics')} not settled: {unsettled[0].why}",
        )
    if of[Change.IMPROVED]:
        better = ", ".join(headline(row) for row in of[Change.IMPROVED])
        return Change.IMPROVED, f"{better}: surely better, and beyond the margin; nothing is worse"
    if not gated:
        return Change.INCONCLUSIVE, "no metric decides"
    if of[Change.INCONCLUSIVE]:
        return Change.SAME, f"all {counted(len(gated), 'metrics')} are no worse than the margin allows"
    return Change.SAME, f"all {counted(len(gated), 'metrics')} are the same within the margin"


def _figure(metric: Metric, merged: RunRecord) -> float | None:
    if metric.is_ratio:
        return metric.value(merged)
    hits, trials = metric.shares(metric.tally(merged))
    return hits / trials if trials else None


def _warnings(
    runs: tuple[int, int], calibration: Calibration | None, rows: Sequence[MetricChange], *, paired: bool
) -> list[str]:
    found = []
    if calibration is not None and any(row.estimate and row.estimate.basis is Basis.CALIBRATION for row in rows):
        found.append(
            f"bounds rest on the calibration of {calibration.made_at[:10]} by {counted(len(calibration.runs), 'runs')}"
        )
    gated = sum(row.gated for row in rows)
    if paired and any(row.estimate is not None and row.estimate.low is None for row in rows):
        found.append(f"{runs[0]} pairs give no bound; it takes 5")
    elif paired and gated / 2 ** runs[0] > RISK:
        found.append(f"{counted(runs[0], 'pairs')} cannot show a change of one of {gated} metrics looked at together")
    return found


def _environment(base: Records, candidate: Records) -> dict[str, tuple[str, str]]:
    def listed(side: Records, name: str) -> str:
        return ", ".join(dict.fromkeys(str(getattr(record, name)) for record in side))

    first, second = (
        {name: listed(side, name) for name in ("build", "started_at", "run_id")} for side in (base, candidate)
    )
    return {name: (first[name], second[name]) for name in first}
