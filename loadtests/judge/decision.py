"""One claim against its rows: passed, missed, or not settled, at 95% confidence one-sided.

`Finding` is in the rows' own terms: a quantile's claim is decided as a share of answers over the limit.

Connections are no sample: all that the run made are counted, so what was observed is what happened, and a share beyond
the limit is a miss whatever its bounds. A pass says more, namely that the target keeps its connections; for that the
run is a sample after all, and the bound must hold too: 0 of 500 lost show less than 1%, 0 of 100 do not. Each
connection is one trial. The second in which it was due has no part in its end, so no dependence by seconds is taken
off.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from loadtests.judge.dependence import Dependence
from loadtests.judge.evidence import COUNTED_CONNECTIONS, Evidence, claimed_share, claims_less, is_counted, kind_of
from loadtests.judge.series import FEWEST_WINDOWS, effective_samples, ratio_interval
from loadtests.judge.statistics import (
    RISK,
    lower_bound,
    samples_to_settle,
    surely_above,
    surely_below,
    upper_bound,
)
from loadtests.judge.verdict import Outcome

__all__ = ["Circumstances", "Finding", "Share", "decide", "share_of"]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else a decision depends on.

    `miss_risk` is the chance of a wrong FAIL, smaller when many intervals are looked at; `instances` divides a
    throughput; `open_load` says that what was offered is the plan's and not the target's doing.
    """

    miss_risk: float = RISK
    instances: int = 1
    open_load: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """What the rows say: `observed` as a share, or in the threshold's unit for means and rates.

    Means and rates have `bounds`; a share has them on asking, as `share.bounds`. `samples` are worth `worth`
    independent ones; `needed` would settle an inconclusive claim. `reason` replaces the usual sentence where there is
    nothing to compare. `noun` is what the samples are, where the metric alone does not say it.
    """

    outcome: Outcome
    observed: float | None = None
    bounds: tuple[float, float] | None = None
    samples: int = 0
    worth: float = 0.0
    still_open: int = 0
    needed: int | None = None
    reason: str | None = None
    share: "Share | None" = None
    noun: str | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """Hits among trials as independent ones. Those still open may be hits or not: hits range from `low` to `high`."""

    low: float
    high: float
    trials: float

    @property
    def bounds(self) -> tuple[float, float]:
        """Both one-sided 95% bounds."""
        return lower_bound(self.low, self.trials), upper_bound(self.high, self.trials)

    def below(self, share: float, *, risk: float = RISK) -> bool:
        """Surely below `share`."""
        return surely_below(share, self.high, self.trials, risk=risk)

    def above(self, share: float, *, risk: float = RISK) -> bool:
        """Surely above `share`."""
        return surely_above(share, self.low, self.trials, risk=risk)


def share_of(
    hits: NDArray[np.float64],
    trials: NDArray[np.float64],
    *,
    still_open: float = 0.0,
    dependence: Dependence | None = None,
) -> Share:
    """The share of hits over all rows, with the rows' dependence (or the one given) taken off; there must be trials."""
    low, total = float(hits.sum()), float(trials.sum())
    worth = effective_samples(hits, trials) / total if dependence is None else dependence.worth(low / total)
    return Share(low * worth, (low + still_open) * worth, (total + still_open) * worth)


def decide(evidence: Evidence, circumstances: Circumstances) -> Finding:
    """The finding of one threshold over all rows of its evidence."""
    threshold, rows = evidence.threshold, evidence.rows
    kind = kind_of(threshold)
    if kind == "rate":
        return _decide_rate(evidence, circumstances)
    if is_counted(evidence):
        return _decide_counted(evidence)
    trials, still_open, failed, good = (int(total) for total in rows[:, 1:].sum(axis=0))
    if not trials:
        return _nothing(threshold.metric, max(0, still_open), failed=0 if good else failed)
    if threshold.metric in COUNTED_CONNECTIONS:
        return _decide_connections(evidence)
    if kind == "mean":
        return _decide_mean(evidence, circumstances)
    return _decide_peak(evidence) if kind == "peak" else _decide_share(evidence, circumstances)


def _nothing(metric: str, still_open: int, *, failed: int) -> Finding:
    """No figure at all. When all that was tried failed, the target missed the claim; else nothing can be said."""
    of_connections = metric == "connect" or metric in COUNTED_CONNECTIONS
    if failed:
        what = "connection" if of_connections else "good answer"
        reason = f"no {what} at all: {failed:,} of {failed:,} failed"
        return Finding(Outcome.FAIL, still_open=still_open, reason=reason)
    if still_open:
        return Finding(Outcome.INVALID, reason=f"no data: none of {still_open:,} executions had ended")
    missing = (
        "no data: no connection was made in the judged time" if of_connections else "no data in the steady interval"
    )
    return Finding(Outcome.INVALID, reason=missing)


def _decide_connections(evidence: Evidence) -> Finding:
    """A miss by what was observed, a pass by its bound; those still open may go either way."""
    threshold = evidence.threshold
    hits, trials, still_open = (float(total) for total in evidence.rows[:, :3].sum(axis=0))
    still_open = max(0.0, still_open)
    limit, less = threshold.limit, claims_less(threshold)
    share = Share(hits, hits + still_open, trials + still_open)
    if limit == (0.0 if less else 1.0):
        outcome = _counted_outcome(hits if less else trials - hits, still_open)
    else:
        best = (share.low if less else share.high) / share.trials
        outcome = _settled(held=share.below(limit) if less else share.above(limit), missed=not _holds(best, evidence))
    observed = hits / trials
    needed: int | None = None
    if outcome is Outcome.INCONCLUSIVE:
        settle = samples_to_settle(observed, limit)
        needed = None if settle is None else max(settle, int(trials) + 1)
    return Finding(
        outcome, observed, samples=int(trials), worth=trials, still_open=int(still_open), needed=needed, share=share
    )


def _decide_share(evidence: Evidence, circumstances: Circumstances) -> Finding:
    threshold, rows = evidence.threshold, evidence.rows
    hits, trials = float(rows[:, 0].sum()), float(rows[:, 1].sum())
    still_open = max(0.0, float(rows[:, 2].sum()))
    claim, less = claimed_share(threshold), claims_less(threshold)
    share = share_of(rows[:, 0], rows[:, 1], still_open=still_open, dependence=evidence.dependence)
    observed = hits / trials
    worth = share.trials * trials / (trials + still_open)
    needed: int | None = None
    if claim == (0.0 if less else 1.0):
        outcome = _counted_outcome(hits if less else trials - hits, still_open)
    else:
        outcome = _settled(
            held=share.below(claim) if less else share.above(claim),
            missed=(share.above if less else share.below)(claim, risk=circumstances.miss_risk),
        )
        if outcome is Outcome.INCONCLUSIVE:
            settle = samples_to_settle(observed, claim)
            needed = None if settle is None else max(math.ceil(settle * trials / worth - 1e-6), int(trials) + 1)
    return Finding(
        outcome, observed, samples=int(trials), worth=worth, still_open=int(still_open), needed=needed, share=share
    )


def _counted_outcome(against: float, still_open: float) -> Outcome:
    """A claim of none, or of all, is a count: no sample shows a share of exactly zero, one counterexample refutes."""
    return _settled(held=not against and not still_open, missed=against > 0)


def _decide_counted(evidence: Evidence) -> Finding:
    """What was counted in full is compared as it is: a number, or the mean of all there was, 0 where there was none."""
    total, count, looks = (float(evidence.rows[:, column].sum()) for column in (0, 1, 4))
    if not looks:
        return _nothing(evidence.threshold.metric, 0, failed=0)
    waits = evidence.threshold.metric == "target lock wait"
    observed = total / max(1.0, count) if waits else total
    outcome = _settled(held=_holds(observed, evidence), missed=not _holds(observed, evidence))
    return Finding(outcome, observed, samples=int(count), worth=count, noun="waits" if waits else "looks")


def _decide_peak(evidence: Evidence) -> Finding:
    """An extreme is compared as it is: no interval speaks for what was not seen."""
    over, trials, still_open = (float(total) for total in evidence.rows[:, :3].sum(axis=0))
    still_open = max(0.0, still_open)
    if claims_less(evidence.threshold):
        outcome = _settled(held=not over and not still_open, missed=over > 0)
    else:
        outcome = _settled(held=over > 0, missed=not over and not still_open)
    observed = max((peak for peak in evidence.peaks if peak is not None), default=None)
    return Finding(outcome, observed, samples=int(trials), worth=trials, still_open=int(still_open))


def _decide_mean(evidence: Evidence, circumstances: Circumstances) -> Finding:
    totals, counts = evidence.rows[:, 0], evidence.rows[:, 1]
    count = int(counts.sum())
    observed = float(totals.sum()) / count
    bounds, missing = (
        _not_below_nothing(ratio_interval(totals, counts, risk=risk)) for risk in (RISK, circumstances.miss_risk)
    )
    finding = _compared(evidence, observed, bounds, missing, samples=count)
    if bounds is not None:
        return finding
    reason = f"{int((counts > 0).sum())} of {FEWEST_WINDOWS} seconds of data that a mean's interval needs"
    return replace(finding, needed=FEWEST_WINDOWS, reason=reason)


def _not_below_nothing(bounds: tuple[float, float] | None) -> tuple[float, float] | None:
    """Times, shares and sizes are never negative, though what few and uneven seconds leave open may reach below 0."""
    return None if bounds is None else (max(0.0, bounds[0]), bounds[1])


def _decide_rate(evidence: Evidence, circumstances: Circumstances) -> Finding:
    """Completions per second and instance. In an open load what was offered is given, so only the shortfall varies."""
    completed, offered = evidence.rows[:, 0] / circumstances.instances, evidence.rows[:, 1] / circumstances.instances
    seconds = completed.size
    if not seconds or not offered.any():
        return Finding(Outcome.INVALID, reason="no data: nothing was offered in a whole second of the steady interval")
    observed, plan = float(completed.mean()), float(offered.mean())
    if circumstances.open_load and not claims_less(evidence.threshold) and not _reaches(plan, evidence):
        return Finding(
            Outcome.INVALID,
            observed,
            samples=seconds,
            reason=f"the plan offered only {plan:,.6g}/s, less than the limit",
        )
    ones = np.ones(seconds)
    bounds, missing = (
        _rate_bounds(completed, offered, ones, risk=risk, given=circumstances.open_load)
        for risk in (RISK, circumstances.miss_risk)
    )
    if bounds is None:
        reason = f"{seconds} of {FEWEST_WINDOWS} whole seconds that a rate's interval needs"
        return Finding(Outcome.INCONCLUSIVE, observed, None, seconds, seconds, 0, FEWEST_WINDOWS, reason)
    return _compared(evidence, observed, bounds, missing, samples=seconds)


def _rate_bounds(
    completed: NDArray[np.float64],
    offered: NDArray[np.float64],
    ones: NDArray[np.float64],
    *,
    risk: float,
    given: bool,
) -> tuple[float, float] | None:
    if not given:
        return ratio_interval(completed, ones, risk=risk)
    shortfall = ratio_interval(offered - completed, ones, risk=risk)
    return None if shortfall is None else (float(offered.mean()) - shortfall[1], float(offered.mean()) - shortfall[0])


def _compared(
    evidence: Evidence,
    observed: float,
    bounds: tuple[float, float] | None,
    missing: tuple[float, float] | None,
    *,
    samples: int,
) -> Finding:
    """A mean or a rate with its bounds held against the limit; `missing` are the bounds at the risk of a wrong FAIL."""
    still_open = max(0, int(evidence.rows[:, 2].sum()))
    if bounds is None or missing is None:
        return Finding(Outcome.INCONCLUSIVE, observed, None, samples, samples, still_open)
    less, limit = claims_less(evidence.threshold), evidence.threshold.limit
    near, far = (bounds[1], missing[0]) if less else (bounds[0], missing[1])
    outcome = _settled(held=_holds(near, evidence), missed=not _holds(far, evidence))
    needed = None
    if outcome is Outcome.INCONCLUSIVE and observed != limit:
        width = max(abs(bounds[1] - observed), abs(observed - bounds[0]))
        needed = max(samples + 1, math.ceil(samples * (width / (limit - observed)) ** 2))
    return Finding(outcome, observed, bounds, samples, samples, still_open, needed)


def _reaches(offered: float, evidence: Evidence) -> bool:
    return _holds(offered, evidence) or math.isclose(offered, evidence.threshold.limit, rel_tol=1e-9)


def _holds(value: float, evidence: Evidence) -> bool:
    """Whether `value` satisfies the comparison as written; float noise of a sum does not cross an inclusive limit."""
    limit, comparison = evidence.threshold.limit, evidence.threshold.comparison
    if math.isclose(value, limit, rel_tol=1e-12):
        return comparison in ("<=", ">=")
    return value < limit if comparison in ("<", "<=") else value > limit


def _settled(*, held: bool, missed: bool) -> Outcome:
    if held:
        return Outcome.PASS
    return Outcome.FAIL if missed else Outcome.INCONCLUSIVE
