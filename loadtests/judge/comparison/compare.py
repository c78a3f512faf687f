"""Two operands to a comparison: scenario by scenario, metric by metric, then what follows from the gated ones.

- REGRESSED: surely worse (one-sided, 5%, adjusted for all gated metrics by Holm's method), and the estimate is beyond
  the margin. IMPROVED: the same for the better.
- SAME: both one-sided 95% bounds lie within the margin (two one-sided tests; Schuirmann 1987).
- INCONCLUSIVE: anything else. A scenario is that only where a gated metric leaves a regression possible.
- DESCRIPTIVE: one run a side and no calibration, so nothing is concluded.

Metrics that do not gate are judged alone, without adjustment, and decide nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from loadtests.errors import UnlikeRuns, UsageError
from loadtests.judge.comparison.calibration import Calibration
from loadtests.judge.comparison.checks import check_margins, check_names, check_pairs
from loadtests.judge.comparison.curve import curve_of
from loadtests.judge.comparison.estimate import Basis
from loadtests.judge.comparison.likeness import differences, refuse_unusable
from loadtests.judge.comparison.margins import Terms
from loadtests.judge.comparison.questions import Question, answered, questions_of
from loadtests.judge.comparison.sides import Records
from loadtests.judge.comparison.verdict import Change, Comparison, MetricChange, ScenarioComparison
from loadtests.judge.comparison.wording import headline
from loadtests.judge.operands import Operand
from loadtests.judge.statistics import RISK
from loadtests.judge.wording import counted

__all__ = ["compare", "concluded"]


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
    parts = [
        _part(base.of(name), candidate.of(name), terms, calibrations=calibrations or {}, paired=paired)
        for name in common
    ]
    check_names(terms, [question.metric for part in parts for question in part.questions])
    rows = iter(answered([question for part in parts for question in part.questions]))
    found = [_compared(part, [next(rows) for _ in part.questions], paired=paired) for part in parts]
    change = Change.worst(each.change for each in found)
    decisive = [each for each in found if each.change is change]
    why = decisive[0].why if len(found) == 1 else f"{decisive[0].scenario}: {decisive[0].why}"
    more = f" (and {counted(len(decisive) - 1, 'others')})" if len(decisive) > 1 else ""
    return Comparison(base, candidate, change, why + more, tuple(found), tuple(warnings))


@dataclass(frozen=True, slots=True)
class _Part:
    """One scenario with all runs of both sides, and what is asked of them."""

    base: Records
    candidate: Records
    unlike: Sequence[str]
    calibration: Calibration | None
    questions: Sequence[Question]

    @property
    def runs(self) -> tuple[int, int]:
        return len(self.base), len(self.candidate)


def _part(
    base: Records, candidate: Records, terms: Terms, *, calibrations: Mapping[str, Calibration], paired: bool
) -> _Part:
    name, runs = base[0].scenario, (len(base), len(candidate))
    unlike = differences(base, candidate)
    if unlike and not terms.unlike:
        raise UnlikeRuns(name, unlike)
    if paired:
        check_pairs(name, runs)
    calibration = None if unlike or paired else calibrations.get(base[0].comparability)
    questions = questions_of(base, candidate, terms=terms, calibration=calibration, paired=paired)
    check_margins(terms, [question.metric for question in questions], calibration, runs)
    return _Part(base, candidate, unlike, calibration, questions)


def _compared(part: _Part, rows: Sequence[MetricChange], *, paired: bool) -> ScenarioComparison:
    change, why = concluded(rows)
    return ScenarioComparison(
        scenario=part.base[0].scenario,
        runs=part.runs,
        paired=paired,
        change=change,
        why=why,
        metrics=tuple(rows),
        curve=curve_of(part.base, part.candidate, part.calibration, paired=paired),
        differences=tuple(part.unlike),
        calibration=part.calibration,
        warnings=tuple(_warnings(part, rows, paired=paired)),
        environment=_environment(part.base, part.candidate),
    )


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


def _warnings(part: _Part, rows: Sequence[MetricChange], *, paired: bool) -> Iterator[str]:
    estimates = [row.estimate for row in rows if row.estimate is not None]
    if part.calibration is not None and any(found.basis is Basis.CALIBRATION for found in estimates):
        made = part.calibration
        yield f"bounds rest on the calibration of {made.made_at[:10]} by {counted(len(made.runs), 'runs')}"
    looked_at = max((row.looked_at for row in rows), default=0)
    if paired and looked_at / 2 ** part.runs[0] > RISK:
        few = counted(part.runs[0], "pairs")
        yield f"{few} cannot show a change of one of {counted(looked_at, 'metrics')} looked at together"


def _environment(base: Records, candidate: Records) -> dict[str, tuple[str, str]]:
    def listed(side: Records, name: str) -> str:
        return ", ".join(dict.fromkeys(str(getattr(record, name)) for record in side))

    first, second = (
        {name: listed(side, name) for name in ("build", "started_at", "run_id")} for side in (base, candidate)
    )
    return {name: (first[name], second[name]) for name in first}
