"""From a verdict to what is kept of it: windows merged, and what they tell of dependence measured before that."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from loadtests.history.kept import (
    QUANTILES,
    KeptGauge,
    KeptOperation,
    KeptRun,
    KeptScenario,
    KeptThreshold,
    Role,
)
from loadtests.judge.dependence import Dependence, dependence_of_counts, dependence_of_times
from loadtests.judge.evidence import is_of_whole_run, kind_of, row_of, source_of
from loadtests.judge.quantiles import QuantileFigure, quantile_figure
from loadtests.judge.verdict import ScenarioVerdict, ThresholdVerdict, Verdict
from loadtests.plan.metrics import METRICS
from loadtests.plan.model import Threshold
from loadtests.result.environment import comparability
from loadtests.result.run import Run, ScenarioRun, pooled
from loadtests.result.window import CONNECTIONS, RESPONSE_OK, Tally

__all__ = ["keep"]

Named = tuple[str, Dependence]

_GENERATOR = "generator"
_SHARES = tuple(
    Threshold(name, name, "<", 0.5, metric.unit)
    for name, metric in METRICS.items()
    if kind_of(Threshold(name, name, "<", 0.5, metric.unit)) == "share"
)
"""A threshold of every metric that is a share by count: only which counts it reads matters here, not its limit."""


def keep(verdict: Verdict) -> KeptRun:
    """What is kept of a run and its verdict; pure."""
    run = verdict.run
    return KeptRun(
        id=run.id,
        started_at=_moment(run.started_at),
        build=run.build,
        branch=run.branch,
        status=run.status,
        outcome=verdict.outcome,
        why=verdict.why,
        comparability=run.comparability,
        path=run.path,
        plan=run.plan.document,
        environment=run.environment,
        warnings=tuple(run.warnings),
        scenarios=tuple(_scenario(found, run) for found in verdict.scenarios),
    )


def _scenario(verdict: ScenarioVerdict, whole: Run) -> KeptScenario:
    run = verdict.run
    return KeptScenario(
        name=run.scenario.name,
        driver=run.scenario.driver,
        outcome=verdict.outcome,
        why=verdict.why,
        status=run.status,
        started_at=_moment(run.started_at),
        ended_s=run.ended_s,
        stop_reason=run.stop_reason,
        judged_s=run.judged_s,
        comparability=comparability(whole.plan.document, whole.environment, scenarios=[run.scenario.name]),
        health=verdict.health,
        expected_processes=run.expected_processes,
        processes=tuple(run.processes),
        operations=tuple(_operations(run)),
        thresholds=tuple(map(_threshold, verdict.thresholds)),
        gauges=tuple(_gauges(run)),
    )


def _operations(run: ScenarioRun) -> Iterator[KeptOperation]:
    for name in run.operation_names():
        yield _merged(run, name, run.by_second([name]), role="journey" if run.is_journey(name) else "operation")
    yield _merged(run, "total", run.by_second(run.total_names()), role="total")
    if run.holds_connections:
        yield _merged(run, CONNECTIONS, run.connections_by_second(), role="connections")
    generator = {second: Tally.merge(found) for second, found in run.generator_by_second().items()}
    yield _merged(run, _GENERATOR, generator, role="generator")


def _merged(run: ScenarioRun, name: str, by_second: Mapping[int, Tally], *, role: Role) -> KeptOperation:
    judged, whole = run.seconds(), run.recorded_seconds()
    steady = pooled(by_second, judged)
    outside = Tally.merge(tally for second, tally in by_second.items() if second not in judged)
    rows = {False: _rows(by_second, judged), True: _rows(by_second, whole)}  # by whether the whole run is meant
    merged = {False: steady, True: Tally.merge([steady, outside])}
    dependence = dict(_of_times(run, rows, role=role)) | dict(_of_shares(run, rows, merged, role=role))
    return KeptOperation(
        name=name,
        role=role,
        steady=steady,
        rest=outside if role in ("connections", "generator") else Tally(),
        quantiles=_quantiles(merged[role == "connections"], dependence, role=role),
        dependence=dependence,
    )


def _rows(by_second: Mapping[int, Tally], seconds: range) -> list[Tally]:
    return [by_second.get(second, Tally()) for second in seconds]


def _of_times(run: ScenarioRun, rows: Mapping[bool, Sequence[Tally]], *, role: Role) -> Iterator[Named]:
    for name in sorted({name for tally in rows[True] for name in tally.histograms}):
        metric = "lag" if name == "start lag" else name
        whole = role in ("connections", "generator") and is_of_whole_run(_time(metric), run.scenario)
        found = dependence_of_times([tally.histogram(name) for tally in rows[whole]])
        if found.marks:
            yield name, found


def _of_shares(
    run: ScenarioRun, rows: Mapping[bool, Sequence[Tally]], merged: Mapping[bool, Tally], *, role: Role
) -> Iterator[Named]:
    """Only where some trials were hits and some not; else nothing depends on anything."""
    source = {"connections": "connections", "generator": "generator"}.get(role, "operations")
    for threshold in _SHARES:
        found = source_of(threshold, run.scenario)
        if found != source:
            continue
        whole = is_of_whole_run(threshold, run.scenario)
        hits, trials = row_of(threshold, merged[whole], source=found)[:2]
        if 0.0 < hits < trials:
            counts = np.array([row_of(threshold, tally, source=found)[:2] for tally in rows[whole]], np.float64)
            yield threshold.metric, dependence_of_counts(counts[:, 0], counts[:, 1])


def _time(metric: str) -> Threshold:
    return Threshold(metric, metric, "<", 1.0, "ns", 0.5)


def _quantiles(merged: Tally, dependence: Mapping[str, Dependence], *, role: Role) -> dict[str, QuantileFigure]:
    name = "connect" if role == "connections" else RESPONSE_OK
    times = merged.histogram(name)
    if role == "generator" or not times.total:
        return {}
    known = dependence.get(name, Dependence())
    return {label: quantile_figure([times], share, dependence=known) for label, share in QUANTILES.items()}


def _threshold(verdict: ThresholdVerdict) -> KeptThreshold:
    threshold = verdict.threshold
    low, high = verdict.interval or (None, None)
    return KeptThreshold(
        text=threshold.text,
        clause=threshold.clause,
        outcome=verdict.outcome,
        observed=verdict.observed,
        limit=threshold.limit,
        unit=threshold.unit,
        low=low,
        high=high,
        samples=verdict.samples,
        needed=verdict.needed,
        why=verdict.why,
    )


def _gauges(run: ScenarioRun) -> Iterator[KeptGauge]:
    for (source, name), values in sorted(run.steady_gauges().items()):
        yield KeptGauge(source, name, math.fsum(values) / len(values), max(values), len(values))


def _moment(iso: str) -> datetime:
    return datetime.fromisoformat(iso).astimezone(UTC)
