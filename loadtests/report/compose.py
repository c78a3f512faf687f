"""From a verdict to its page: the one place that decides what a report says."""

import math
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from loadtests import __version__
from loadtests.judge.verdict import Health, Outcome, ScenarioVerdict, ThresholdVerdict, Verdict
from loadtests.plan.model import ClosedLoad, Connections, OpenLoad, Scenario, Threshold
from loadtests.report.blocks import blocks_of
from loadtests.report.clauses import CATALOGUE, Clause
from loadtests.report.distribution import curves, spread
from loadtests.report.measures import failure_rows, operation_rows, resource_rows, slowest, total_row
from loadtests.report.page import (
    ClauseRow,
    HealthFacts,
    LoadFacts,
    Page,
    RunFacts,
    ScenarioPage,
    ThresholdRow,
)
from loadtests.report.series import series
from loadtests.report.wording import NOT_MEASURED, UNITS, count, figure, masked, moment, sign
from loadtests.result.run import Run, ScenarioRun
from loadtests.units import format_duration, format_rate

__all__ = ["page_of"]

Secrets = tuple[str, ...]


def page_of(verdict: Verdict) -> Page:
    """The page of a verdict; pure."""
    run, secrets = verdict.run, verdict.run.plan.secrets
    return Page(
        sign=sign(verdict.outcome),
        why=masked(verdict.why, secrets),
        run=_run_facts(run),
        scenarios=tuple(_scenario(one, secrets) for one in verdict.scenarios),
        clauses=tuple(_clauses(verdict)),
        plan_yaml=masked(_yaml(run.plan.document), secrets),
        machine=_facts(run.environment.machine),
        versions=_facts(run.environment.versions),
        version=__version__,
        source=verdict,
    )


def _run_facts(run: Run) -> RunFacts:
    return RunFacts(
        id=run.id,
        started_at=run.started_at,
        started_text=f"{moment(run.started_at).replace('T', ' ')} UTC",
        status=run.status,
        build=run.build,
        comparability=run.comparability,
        duration=figure(sum(_length_s(one) for one in run.scenarios) * 1e9, "ns"),
        warnings=_masked_all(run.warnings, run.plan.secrets),
    )


def _length_s(run: ScenarioRun) -> float:
    """How long it went on; as far as is known of a run that was killed."""
    return float(len(run.recorded_seconds())) if run.ended_s is None else run.ended_s


def _scenario(verdict: ScenarioVerdict, secrets: Secrets) -> ScenarioPage:
    run = verdict.run
    start, end = run.steady_s
    rows = tuple(operation_rows(run))
    shown = failure_rows(run.failures, secrets=secrets)
    return ScenarioPage(
        name=run.scenario.name,
        driver=run.scenario.driver,
        sign=sign(verdict.outcome),
        why=masked(verdict.why, secrets),
        started_at=run.started_at,
        status=run.status,
        stop_reason=None if run.stop_reason is None else masked(run.stop_reason, secrets),
        length_s=_length_s(run),
        steady_s=(start, end),
        steady_text=_steady_text(start, end),
        load=_load(verdict.health, run.scenario),
        health=_health(verdict.health, run, secrets),
        thresholds=tuple(_threshold(one, verdict.health) for one in verdict.thresholds),
        operations=rows,
        total=total_row(run),
        resources=tuple(resource_rows(run)),
        failures=tuple(shown),
        failures_left_out=len(run.failures) - len(shown),
        series=series(run),
        curves=curves(run),
        spread=spread(run),
        slowest=tuple(slowest(run, rows)),
        blocks=blocks_of(run),
        sends=bool(run.scenario.operations) or run.scenario.load.connections is None,
    )


def _steady_text(start: float, end: float) -> str:
    if end <= start:
        return "none, because the run ended before warm-up and ramp were over"
    return f"{start:g} s to {end:g} s ({format_duration((end - start) * 1e9)})"


def _load(health: Health, scenario: Scenario) -> LoadFacts:
    lag = {"p50": health.lag_p50_ns, "p99": health.lag_p99_ns, "max": health.lag_max_ns}
    same = math.isclose(health.achieved_per_s, health.offered_per_s)
    offered, achieved = (health.offered_per_s, health.achieved_per_s) if scenario.operations else (None, None)
    return LoadFacts(
        model=_model(scenario),
        offered_per_s=figure(offered, "per_s"),
        achieved_per_s=figure(achieved, "per_s", limit=None if same else offered),
        offered=count(health.offered),
        dropped=count(health.dropped),
        lag={name: figure(value, "ns") for name, value in lag.items()},
    )


def _model(scenario: Scenario) -> str:
    load = scenario.load
    sent = (_open(load) if isinstance(load, OpenLoad) else _closed(load)) if scenario.operations else []
    parts = [*_held(load.connections, load.duration_ns), *sent]
    warmup = [f"warm-up {format_duration(scenario.warmup_ns)}"] if scenario.warmup_ns else []
    return ", ".join([*parts, *warmup])


def _held(connections: Connections | None, duration_ns: int) -> list[str]:
    if connections is None:
        return []
    spawned = "at once" if connections.spawn_rate is None else f"at {format_rate(connections.spawn_rate)}"
    parts = [f"{connections.count:,} connections opened {spawned} and held for {format_duration(duration_ns)}"]
    return [*parts, f"{connections.senders:,} of them send"] if connections.senders else [*parts, "none of them sends"]


def _open(load: OpenLoad) -> list[str]:
    stages = [
        f"{'to ' if stage.ramp else ''}{format_rate(stage.rate)} {'over' if stage.ramp else 'for'} "
        f"{format_duration(stage.duration_ns)}"
        for stage in load.stages
    ]
    return [f"open model, {load.arrivals} arrivals", *stages, f"at most {load.max_in_flight:,} in flight"]


def _closed(load: ClosedLoad) -> list[str]:
    parts = [f"closed model, {load.users:,} users for {format_duration(load.duration_ns)}"]
    if load.spawn_rate is not None:
        parts.append(f"{format_rate(load.spawn_rate)} spawned")
    if load.pacing_ns is not None:
        parts.append(f"pacing {format_duration(load.pacing_ns)}")
    if load.think_ns is not None:
        parts.append("think " + " to ".join(dict.fromkeys(map(format_duration, load.think_ns))))
    return parts


def _health(health: Health, run: ScenarioRun, secrets: Secrets) -> HealthFacts:
    clean = sum(process.clean for process in run.processes)
    return HealthFacts(
        valid=health.valid,
        reasons=_masked_all(health.reasons, secrets),
        warnings=_masked_all(health.warnings, secrets),
        cpu=figure(health.cpu, "ratio"),
        gc_pause_max=figure(health.gc_pause_max_ns, "ns"),
        loop_lag_max=figure(health.loop_lag_max_ns, "ns"),
        core_wait=figure(health.core_wait, "ratio"),
        processes=f"{clean} of {run.expected_processes} ended as they should",
    )


def _threshold(verdict: ThresholdVerdict, health: Health) -> ThresholdRow:
    threshold = verdict.threshold
    unit, limit = threshold.unit, threshold.limit
    ends = verdict.interval or (None, None)
    low, high = (None if end is None else figure(end, unit, limit=limit) for end in ends)
    return ThresholdRow(
        text=threshold.text,
        sign=sign(_believed(verdict, health)),
        clause=threshold.clause,
        operation=threshold.operation,
        unit=UNITS[unit],
        comparison=threshold.comparison,
        observed=figure(verdict.observed, unit, limit=limit),
        limit=figure(limit, unit, limit=limit),
        interval=None if low is None and high is None else (low, high),
        samples=count(verdict.samples),
        needed=count(verdict.needed),
        why=_why(verdict, health),
        quantile=threshold.quantile if _of_all_responses(threshold) else None,
    )


def _of_all_responses(threshold: Threshold) -> bool:
    return threshold.metric == "latency" and not threshold.service and threshold.operation is None


def _believed(verdict: ThresholdVerdict, health: Health) -> Outcome:
    """A threshold says nothing of the target when the generator was not well, whatever its figure."""
    return verdict.outcome if health.valid else Outcome.INVALID


def _why(verdict: ThresholdVerdict, health: Health) -> str:
    if _believed(verdict, health) == verdict.outcome:
        return verdict.why
    return f"not judged, because the generator was at fault (as measured: {verdict.why})"


def _clauses(verdict: Verdict) -> list[ClauseRow]:
    found: dict[str, list[tuple[Outcome, str]]] = {}
    for scenario in verdict.scenarios:
        shadow = _shadow(verdict, scenario)
        for one in scenario.thresholds:
            evidence = (Outcome.worst([one.outcome, shadow]), f"{scenario.run.scenario.name}: {one.threshold.text}")
            for name in _names(one.threshold.clause):
                found.setdefault(name, []).append(evidence)
    known = {clause.name for clause in CATALOGUE}
    foreign = [Clause(name, "Named by the plan", "") for name in found if name not in known]
    return [_clause(clause, found.get(clause.name, [])) for clause in (*CATALOGUE, *foreign)]


def _shadow(verdict: Verdict, scenario: ScenarioVerdict) -> Outcome:
    """The best a clause of this scenario can be: what is wrong with the whole is wrong with its parts."""
    unfinished = verdict.outcome is Outcome.INVALID and all(
        one.outcome is not Outcome.INVALID for one in verdict.scenarios
    )
    if unfinished or not scenario.health.valid:
        return Outcome.INVALID
    own = {one.outcome for one in scenario.thresholds}
    undecided = scenario.outcome is Outcome.INCONCLUSIVE and Outcome.INCONCLUSIVE not in own
    return Outcome.INCONCLUSIVE if undecided else Outcome.PASS


def _names(clause: str | None) -> list[str]:
    return [] if clause is None else [name.strip() for name in clause.split(",") if name.strip()]


def _clause(clause: Clause, evidence: Sequence[tuple[Outcome, str]]) -> ClauseRow:
    shown = sign(Outcome.worst(outcome for outcome, _ in evidence)) if evidence else NOT_MEASURED
    return ClauseRow(clause.name, clause.group, clause.demand, shown, tuple(text for _, text in evidence))


def _masked_all(texts: Sequence[str], secrets: Secrets) -> tuple[str, ...]:
    return tuple(masked(text, secrets) for text in texts)


def _facts(values: Mapping[str, str | int | float]) -> tuple[tuple[str, str], ...]:
    return tuple((name.replace("_", " "), str(value)) for name, value in values.items())


def _yaml(document: Mapping[str, Any]) -> str:
    from ruamel.yaml import YAML

    writer = YAML()
    writer.width = 100
    out = StringIO()
    writer.dump(_basic(document), out)
    return out.getvalue()


def _basic(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _basic(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_basic(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
