"""One threshold against one run: PASS, FAIL, INCONCLUSIVE or INVALID, with the figures and a sentence.

What is decided how (all one-sided at 95% confidence, on the steady interval unless said otherwise):

- `pNN < X`: the share of good answers over X is below 1 - q; failures are apart and have their own thresholds.
- `errors`, `success`, `timeouts`: share of executions that ended; one cut off at the run's end may have gone either
  way, so a PASS must hold if it failed and a FAIL if it did not. `drops`: share of what was offered.
- `throughput`: good answers per second and instance; the bounds are those of the shortfall against what was offered, so
  the schedule's own randomness does not blur it. A limit above what the plan offered is INVALID.
- `lost`, `duplicated`, `out of order`: share of executions that ended; where a scenario sends nothing, of the messages
  the server pushed. `reach`: copies of broadcasts that came, of those expected.
- Held connections (`connect`, `connect failures`, `connection drops`): over the whole run, since they are made during
  the ramp. The last two count all connections, no sample of them: what was observed misses the limit or not, and a pass
  must hold at the upper bound as well (see `decision`).
- `refusals`, `goodput`: share of executions that ended; `accuracy` of answers that were compared, `mixed up` of those
  that said whose they are. `parallel` and `queue` are the highest numbers seen.
- `pool`: time that connections of the pool were in use, of the time that they were open; block bootstrap over seconds.
- `deadlocks` and the lock waits that a database told of itself are counted in full: compared as they are. The mean wait
  is over waits, whatever second they fell in; without any wait it is 0. Deadlocks are of the whole run.
- `mean` and the target's CPU, pool and lock wait: block bootstrap. `max` and the target's memory (its maximum): as is.
- No answer is good, though some were tried: FAIL. No data at all: INVALID, never a pass.
- `for 30s`: every such interval inside the steady one; the worst decides, and the risk of a wrong FAIL is divided
  among them.
"""

import math
from dataclasses import dataclass, replace

from loadtests.judge.decision import Circumstances, Finding, decide
from loadtests.judge.dependence import Dependence
from loadtests.judge.evidence import (
    Evidence,
    claims_less,
    gather,
    histogram_name,
    is_of_whole_run,
    scale_of,
    source_of,
)
from loadtests.judge.quantiles import quantile_figure
from loadtests.judge.statistics import RISK
from loadtests.judge.verdict import Outcome, ThresholdVerdict
from loadtests.judge.wording import WHOLE_RUN, sentence
from loadtests.plan.model import OpenLoad, Threshold
from loadtests.result.run import ScenarioRun

__all__ = ["judge_threshold"]


@dataclass(frozen=True, slots=True)
class _Looked:
    """One interval that was looked at: from row `start`, with its evidence and finding."""

    start: int
    evidence: Evidence
    finding: Finding


def judge_threshold(
    threshold: Threshold, run: ScenarioRun, *, instances: int = 1, dependence: Dependence | None = None
) -> ThresholdVerdict:
    """The verdict of `threshold` over the steady interval of `run`; throughput is per one of `instances`.

    `dependence` is for a run whose windows were merged.
    """
    reason = _unanswerable(threshold, run)
    if reason is not None:
        return _verdict(threshold, Finding(Outcome.INVALID, reason=reason))
    evidence = replace(gather(threshold, run), dependence=dependence)
    where = WHOLE_RUN if is_of_whole_run(threshold, run.scenario) else ""
    length = _sliding_rows(threshold)
    if length is None:
        circumstances = Circumstances(RISK, instances, isinstance(run.scenario.load, OpenLoad))
        return _presented(_Looked(0, evidence, decide(evidence, circumstances)), where=where)
    starts = range(len(evidence.rows) - length + 1)
    if not starts:
        reason = f"the steady interval has {len(evidence.rows)} s, less than the {length} s the threshold speaks of"
        return _verdict(threshold, Finding(Outcome.INVALID, reason=reason))
    circumstances = Circumstances(RISK / len(starts), instances, isinstance(run.scenario.load, OpenLoad))
    looked = []
    for start in starts:
        part = evidence.span(start, length)
        looked.append(_Looked(start, part, decide(part, circumstances)))
    worst = max(looked, key=_badness)
    return _presented(worst, where=f", worst {length} s (from second {run.seconds().start + worst.start})")


def _unanswerable(threshold: Threshold, run: ScenarioRun) -> str | None:
    if is_of_whole_run(threshold, run.scenario):
        if threshold.sliding_ns is None:
            return None
        return "connections are judged over the whole run, so `for` has no meaning here: take it away"
    if not run.seconds():
        return "the steady interval is empty"
    known = run.operation_names()
    if source_of(threshold, run.scenario) == "operations" and threshold.operation not in (None, *known):
        return f"no operation {threshold.operation} was executed; there were {', '.join(known) or 'none'}"
    return None


def _sliding_rows(threshold: Threshold) -> int | None:
    return None if threshold.sliding_ns is None else max(1, math.ceil(threshold.sliding_ns / 1e9))


def _badness(looked: _Looked) -> tuple[int, float]:
    order = [Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL, Outcome.INVALID]
    observed = looked.finding.observed or 0.0
    return order.index(looked.finding.outcome), observed if claims_less(looked.evidence.threshold) else -observed


def _presented(looked: _Looked, *, where: str = "") -> ThresholdVerdict:
    threshold, finding = looked.evidence.threshold, looked.finding
    low, high = finding.bounds or (None, None)
    observed = finding.observed
    if observed is not None and threshold.quantile is not None:
        scale = scale_of(threshold)
        figure = quantile_figure(
            [tally.histogram(histogram_name(threshold)) for tally in looked.evidence.tallies],
            threshold.quantile,
            over=int(looked.evidence.rows[:, 0].sum()),
            limit_ns=threshold.limit * scale,
            still_open=finding.still_open,
            dependence=looked.evidence.dependence,
        )
        observed = figure.observed / scale
        low, high = (None if bound is None else bound / scale for bound in (figure.low, figure.high))
    elif finding.share is not None:
        low, high = finding.share.bounds
    return _verdict(threshold, replace(finding, observed=observed), low=low, high=high, where=where)


def _verdict(
    threshold: Threshold, finding: Finding, *, low: float | None = None, high: float | None = None, where: str = ""
) -> ThresholdVerdict:
    return ThresholdVerdict(
        threshold=threshold,
        outcome=finding.outcome,
        observed=finding.observed,
        interval=None if low is None and high is None else (low, high),
        samples=finding.samples,
        needed=finding.needed,
        why=sentence(threshold, finding, low=low, high=high, where=where),
    )
