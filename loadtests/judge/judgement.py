"""From a run to its verdict: validity first, then every threshold, then the worst of it all.

- A generator that did not do its work makes a scenario INVALID; its thresholds are computed all the same, to be read.
- A scenario that one of its thresholds aborted is a FAIL; judged again without such, it is judged on what is there.
- Without thresholds nothing was claimed: INCONCLUSIVE, never green. The same when more than 1% of the arrivals were
  dropped, of the executions failed, or of the connections were lost or never made, and no threshold speaks of that.
"""

from collections.abc import Sequence

from loadtests.judge.thresholds import judge_threshold
from loadtests.judge.unjudged import unjudged
from loadtests.judge.validity import examine
from loadtests.judge.verdict import Health, Outcome, ScenarioVerdict, ThresholdVerdict, Verdict, exit_code
from loadtests.judge.wording import counted
from loadtests.result.run import Run, ScenarioRun

__all__ = ["concluded", "exit_code", "judge_run", "judge_scenario", "overall"]


def judge_run(run: Run) -> Verdict:
    """The verdict of the whole run: the worst of its scenarios'."""
    return overall(run, [judge_scenario(found, instances=run.plan.target.instances) for found in run.scenarios])


def overall(run: Run, scenarios: Sequence[ScenarioVerdict]) -> Verdict:
    """The verdict that follows from those of the scenarios."""
    outcome = Outcome.worst(verdict.outcome for verdict in scenarios)
    if run.status in ("running", "interrupted"):
        return Verdict(run, Outcome.INVALID, scenarios, _unfinished(run))
    if not scenarios:
        return Verdict(run, outcome, scenarios, "the run holds no scenario")
    decisive = [verdict for verdict in scenarios if verdict.outcome is outcome]
    if len(scenarios) == 1:
        return Verdict(run, outcome, scenarios, scenarios[0].why)
    if outcome is Outcome.PASS:
        return Verdict(run, outcome, scenarios, f"all {len(scenarios)} scenarios pass")
    first = f"{decisive[0].run.scenario.name}: {decisive[0].why}"
    more = f" (and {counted(len(decisive) - 1, 'others')})" if len(decisive) > 1 else ""
    return Verdict(run, outcome, scenarios, first + more)


def judge_scenario(run: ScenarioRun, *, instances: int = 1) -> ScenarioVerdict:
    """The verdict of one scenario; throughput thresholds are per one of `instances`."""
    health = examine(run)
    thresholds = tuple(judge_threshold(found, run, instances=instances) for found in run.scenario.thresholds)
    outcome, why = concluded(run, health, thresholds)
    return ScenarioVerdict(run, outcome, health, thresholds, why)


def concluded(run: ScenarioRun, health: Health, thresholds: Sequence[ThresholdVerdict]) -> tuple[Outcome, str]:
    """What follows from the generator's health and the thresholds' verdicts, and one sentence why."""
    if not health.valid:
        return Outcome.INVALID, _first_of(health.reasons)
    if run.status == "aborted" and any(found.threshold.abort is not None for found in thresholds):
        return Outcome.FAIL, f"stopped early: {run.stop_reason or 'a threshold with abort was missed'}"
    invalid = _texts(thresholds, Outcome.INVALID)
    if invalid:
        reason = next(found.why for found in thresholds if found.outcome is Outcome.INVALID)
        return Outcome.INVALID, f"{invalid} cannot be judged: {reason}"
    failed = [found for found in thresholds if found.outcome is Outcome.FAIL]
    if failed:
        head = f"{len(failed)} of {counted(len(thresholds), 'thresholds')} missed: {_texts(thresholds, Outcome.FAIL)}"
        return Outcome.FAIL, head
    if not thresholds:
        return Outcome.INCONCLUSIVE, "no thresholds: nothing was claimed, so nothing can pass"
    unspoken = unjudged(run, [found.threshold for found in thresholds])
    if unspoken:
        return Outcome.INCONCLUSIVE, _first_of(unspoken)
    unsettled = [found for found in thresholds if found.outcome is Outcome.INCONCLUSIVE]
    if unsettled:
        return Outcome.INCONCLUSIVE, (
            f"{len(unsettled)} of {counted(len(thresholds), 'thresholds')} not settled: {unsettled[0].why}"
        )
    return Outcome.PASS, f"all {counted(len(thresholds), 'thresholds')} hold" if len(
        thresholds
    ) > 1 else "the threshold holds"


def _texts(thresholds: Sequence[ThresholdVerdict], outcome: Outcome) -> str:
    return ", ".join(found.threshold.text for found in thresholds if found.outcome is outcome)


def _first_of(sentences: Sequence[str]) -> str:
    more = len(sentences) - 1
    return sentences[0] + (f" (and {counted(more, 'further reasons')})" if more else "")


def _unfinished(run: Run) -> str:
    if run.status == "interrupted":
        return "the run was interrupted before its end"
    return "the run was never finished: it was killed, or is still running"
