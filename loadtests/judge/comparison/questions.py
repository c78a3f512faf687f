"""What is asked of two sides, a metric each, and the answers: gated ones together, so that many looks find no more.

A question is gated when it decides. The p values of all gated questions of a comparison, whatever their scenario, are
adjusted for one another by Holm's method, each direction by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from loadtests.judge.comparison.calibration import Calibration
from loadtests.judge.comparison.estimate import Estimate
from loadtests.judge.comparison.margins import Terms, on_scale, runs_needed
from loadtests.judge.comparison.metrics import Metric, metrics_of
from loadtests.judge.comparison.sides import Records, estimated
from loadtests.judge.comparison.verdict import Change, MetricChange
from loadtests.judge.comparison.wording import sentence
from loadtests.judge.record import merged_record
from loadtests.judge.statistics import RISK, holm

__all__ = ["Question", "answered", "questions_of"]


@dataclass(frozen=True, slots=True)
class Question:
    """One metric of one scenario. `conclusive`: not one run a side without a calibration."""

    metric: Metric
    gated: bool
    margin: float
    runs: tuple[int, int]
    conclusive: bool
    base: float | None
    candidate: float | None
    estimate: Estimate | None

    @property
    def limit(self) -> float:
        """The margin on the scale on which changes are estimated."""
        return on_scale(self.metric, self.margin)

    def p_value(self, sign: int) -> float:
        """That of no change against one for the worse (1) or the better (-1)."""
        if self.estimate is None:
            return 1.0
        return self.estimate.p_up if sign * self.metric.worse > 0 else self.estimate.p_down


def questions_of(
    base: Records, candidate: Records, *, terms: Terms, calibration: Calibration | None = None, paired: bool = False
) -> list[Question]:
    """Everything that can be asked of one scenario's runs."""
    runs = (len(base), len(candidate))
    merged = (merged_record(base), merged_record(candidate))
    return [
        Question(
            metric=metric,
            gated=terms.is_gated(metric),
            margin=terms.margin_of(metric, calibration, runs),
            runs=runs,
            conclusive=runs != (1, 1) or calibration is not None,
            base=metric.figure(merged[0]),
            candidate=metric.figure(merged[1]),
            estimate=estimated(metric, base, candidate, calibration, paired=paired),
        )
        for metric in metrics_of([*base, *candidate])
    ]


def answered(questions: Sequence[Question]) -> list[MetricChange]:
    """The answers, in order."""
    together = [position for position, each in enumerate(questions) if each.gated and each.estimate is not None]
    p_worse, p_better = (_adjusted(questions, together, sign) for sign in (1, -1))
    return [
        _answer(question, p_worse[position], p_better[position], looked_at=len(together) if question.gated else 1)
        for position, question in enumerate(questions)
    ]


def _adjusted(questions: Sequence[Question], together: Sequence[int], sign: int) -> list[float]:
    found = [question.p_value(sign) for question in questions]
    for position, p_value in zip(together, holm([found[position] for position in together]), strict=True):
        found[position] = p_value
    return found


def _answer(question: Question, p_worse: float, p_better: float, *, looked_at: int) -> MetricChange:
    change, needed = Change.DESCRIPTIVE, None
    if question.conclusive:
        change = _change(question, p_worse, p_better)
    if question.estimate is not None and change is Change.INCONCLUSIVE:
        needed = runs_needed(question.estimate, question.limit, runs=max(question.runs), looked_at=looked_at)
    row = MetricChange(
        metric=question.metric,
        gated=question.gated,
        base=question.base,
        candidate=question.candidate,
        estimate=question.estimate,
        margin=question.margin,
        change=change,
        no_worse=_no_worse(question),
        looked_at=looked_at,
        needed=needed,
        why="",
    )
    return replace(row, why=sentence(row))


def _change(question: Question, p_worse: float, p_better: float) -> Change:
    found, limit = question.estimate, question.limit
    if found is None:
        return Change.INCONCLUSIVE
    if found.low is not None and found.high is not None and -limit <= found.low and found.high <= limit:
        return Change.SAME
    worse = question.metric.worse * found.change
    if worse > limit and p_worse <= RISK:
        return Change.REGRESSED
    return Change.IMPROVED if worse < -limit and p_better <= RISK else Change.INCONCLUSIVE


def _no_worse(question: Question) -> bool:
    """Whether a change for the worse beyond the margin is ruled out."""
    found, worse = question.estimate, question.metric.worse
    end = None if found is None else found.high if worse > 0 else found.low
    return end is not None and worse * end <= question.limit
