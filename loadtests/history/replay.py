"""A kept run as a run again: its windows merged into one, so it is shown, judged and compared by the same code.

What rests on single seconds cannot be said of it any more: means, rates, the target's gauges over time, sliding
intervals. A threshold that was judged when the run was recorded keeps that verdict; another one of those kinds is
INVALID and says why. Shares and percentiles are judged from the merged counts, with the dependence that was measured
when they were merged.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from loadtests.errors import PlanError, RunUnreadable
from loadtests.history.kept import KeptOperation, KeptRun, KeptScenario, KeptThreshold
from loadtests.judge.dependence import Dependence
from loadtests.judge.evidence import histogram_name, kind_of, source_of
from loadtests.judge.judgement import concluded, overall
from loadtests.judge.record import RunRecord, unusable
from loadtests.judge.thresholds import judge_threshold
from loadtests.judge.verdict import Outcome, ScenarioVerdict, ThresholdVerdict, Verdict
from loadtests.plan.loader import plan_from_document
from loadtests.plan.model import Plan, Scenario, Threshold
from loadtests.result.environment import comparability_facts
from loadtests.result.run import Run, ScenarioRun
from loadtests.result.window import Tally, Window

__all__ = ["judge_again", "records_of", "run_of"]

Choice = Callable[[Scenario], Sequence[Threshold]]


def run_of(kept: KeptRun) -> Run:
    """The run that was kept; each scenario has one window for its judged interval and one for the rest.

    Raises `RunUnreadable` when this version cannot read the plan it was made from.
    """
    plan = _plan(kept)
    return Run(
        id=kept.id,
        started_at=kept.started_at.isoformat(),
        status=kept.status,
        plan=plan,
        scenarios=tuple(_scenario_run(found, plan.scenarios[found.name]) for found in kept.scenarios),
        environment=kept.environment,
        build=kept.build,
        branch=kept.branch,
        comparability=kept.comparability,
        path=kept.path,
        warnings=tuple(kept.warnings),
    )


def judge_again(kept: KeptRun, choose: Choice | None = None) -> Verdict:
    """The verdict by the thresholds that `choose` gives for a scenario; without it the verdict that was recorded."""
    run = run_of(kept)
    instances = run.plan.target.instances
    pairs = zip(run.scenarios, kept.scenarios, strict=True)
    if choose is None:
        return overall(run, [_as_recorded(one, part) for one, part in pairs])
    return overall(run, [_judged(one, part, choose(one.scenario), instances=instances) for one, part in pairs])


def records_of(kept: KeptRun) -> tuple[RunRecord, ...]:
    """What a comparison needs of every scenario; without windows, so a single run has no interval."""
    run = run_of(kept)
    return tuple(_record(run, one, part) for one, part in zip(run.scenarios, kept.scenarios, strict=True))


def _record(run: Run, scenario_run: ScenarioRun, kept: KeptScenario) -> RunRecord:
    held = kept.of_role("connections")
    return RunRecord(
        run_id=run.id,
        build=run.build,
        started_at=run.started_at,
        scenario=kept.name,
        steady_s=kept.judged_s,
        operations={found.name: found.steady for found in kept.operations if found.role in ("operation", "journey")},
        total=kept.total.steady,
        connections=Tally() if held is None else Tally.merge([held.steady, held.rest]),
        thresholds=scenario_run.scenario.thresholds,
        facts=comparability_facts(run.plan.document, run.environment, scenarios=[kept.name]),
        invalid=unusable(kept.status, kept.health.reasons),
    )


def _plan(kept: KeptRun) -> Plan:
    source = f"the record of {kept.id}"
    try:
        plan = plan_from_document(kept.plan, source=source)
    except PlanError as error:
        raise RunUnreadable(source, f"this version cannot use the plan in it: {error.mistakes[0]}") from error
    missing = [found.name for found in kept.scenarios if found.name not in plan.scenarios]
    if missing:
        raise RunUnreadable(source, f"its plan has no scenario {missing[0]!r}")
    return plan


def _scenario_run(kept: KeptScenario, scenario: Scenario) -> ScenarioRun:
    made = ScenarioRun(
        scenario=scenario,
        started_at=kept.started_at.isoformat(),
        status=kept.status,
        ended_s=kept.ended_s,
        processes=tuple(kept.processes),
        expected_processes=kept.expected_processes,
        windows=(),
        stop_reason=kept.stop_reason,
    )
    judged = made.seconds()
    windows = [_window(kept, judged.start - 1 if judged.start else judged.stop, part=lambda found: found.rest)]
    if judged:
        windows.append(_window(kept, judged.start, part=lambda found: found.steady))
    return replace(made, windows=tuple(windows))


def _window(kept: KeptScenario, second: int, *, part: Callable[[KeptOperation], Tally]) -> Window:
    parts = {found.name: part(found) for found in kept.operations if found.role not in ("total", "generator")}
    present = {name: tally for name, tally in parts.items() if tally.counters or tally.histograms}
    generator = kept.of_role("generator")
    return Window(kept.name, "merged", 0, second, present, Tally() if generator is None else part(generator))


def _as_recorded(run: ScenarioRun, kept: KeptScenario) -> ScenarioVerdict:
    own = {threshold.text: threshold for threshold in run.scenario.thresholds}
    thresholds = tuple(_recorded(found, own[found.text]) for found in kept.thresholds if found.text in own)
    return ScenarioVerdict(run, kept.outcome, kept.health, thresholds, kept.why)


def _judged(run: ScenarioRun, kept: KeptScenario, by: Sequence[Threshold], *, instances: int) -> ScenarioVerdict:
    known = {found.text: found for found in kept.thresholds}
    thresholds = [
        _recorded(known[found.text], found) if found.text in known else _again(found, run, kept, instances=instances)
        for found in by
    ]
    outcome, why = concluded(run, kept.health, thresholds)
    return ScenarioVerdict(run, outcome, kept.health, thresholds, why)


def _recorded(kept: KeptThreshold, threshold: Threshold) -> ThresholdVerdict:
    interval = None if kept.low is None and kept.high is None else (kept.low, kept.high)
    return ThresholdVerdict(threshold, kept.outcome, kept.observed, interval, kept.samples, kept.needed, kept.why)


def _again(threshold: Threshold, run: ScenarioRun, kept: KeptScenario, *, instances: int) -> ThresholdVerdict:
    reason = _needs_seconds(threshold, run.scenario)
    if reason is not None:
        why = f"{reason}, which are not kept in the history: judge the run's directory instead"
        return ThresholdVerdict(threshold, Outcome.INVALID, None, None, 0, None, why)
    dependence = _dependence(threshold, _source(threshold, run.scenario, kept))
    return judge_threshold(threshold, run, instances=instances, dependence=dependence)


def _needs_seconds(threshold: Threshold, scenario: Scenario) -> str | None:
    """Why merged counts do not tell: only shares and extremes are sums and extremes of seconds."""
    if threshold.sliding_ns is not None:
        return "a sliding interval needs single seconds"
    if source_of(threshold, scenario) == "target":
        return "what the target says of itself needs its samples"
    kind = kind_of(threshold)
    return None if kind in ("share", "peak") else f"the bounds of a {kind} need single seconds"


def _dependence(threshold: Threshold, kept: Mapping[str, Dependence]) -> Dependence:
    counted = threshold.quantile is None and kind_of(threshold) == "share"
    return kept.get(threshold.metric if counted else histogram_name(threshold), Dependence())


def _source(threshold: Threshold, scenario: Scenario, kept: KeptScenario) -> Mapping[str, Dependence]:
    source = source_of(threshold, scenario)
    if source == "operations":
        found = kept.total if threshold.operation is None else kept.operation(threshold.operation)
    else:
        found = kept.of_role("connections" if source == "connections" else "generator")
    return {} if found is None else found.dependence
