"""Stopping a run that cannot pass any more: the thresholds marked `abort`, watched while the run goes on.

Looking every second gives chance many tries, so the risk of a wrong stop is divided by the number of looks
(Bonferroni). Executions without an answer yet may still end either way and are counted so.
"""

from collections.abc import Iterable

from loadtests.judge.decision import Circumstances, Finding, decide
from loadtests.judge.evidence import (
    NO_ROW,
    Evidence,
    Row,
    add_rows,
    claimed_share,
    kind_of,
    row_of,
    row_of_sample,
    rows_of,
    source_of,
)
from loadtests.judge.statistics import RISK
from loadtests.judge.verdict import Outcome
from loadtests.judge.wording import amount, basis, subject, verb_of
from loadtests.plan.model import OpenLoad, Scenario, Threshold
from loadtests.result.run import ResourceSample
from loadtests.result.window import Tally, Window

__all__ = ["AbortWatch"]

_SETTLED_S = 0.5
"""How long after its end a second is looked at: most of its windows have come by then."""


class AbortWatch:
    """Fed every window of a running scenario; says when a threshold with `abort` is missed."""

    def __init__(self, scenario: Scenario, *, instances: int = 1) -> None:
        start_ns, end_ns = scenario.steady_ns
        self._first, self._last = -(-start_ns // 10**9), end_ns // 10**9
        looks = max(1, self._last - self._first)
        self._circumstances = Circumstances(RISK / looks, instances, isinstance(scenario.load, OpenLoad))
        self._rows: dict[Threshold, dict[int, Row]] = {
            threshold: {} for threshold in scenario.thresholds if threshold.abort is not None
        }
        self._journeys: set[str] = set()

    def feed(self, window: Window) -> None:
        """Take in one more window."""
        for threshold in self._rows:
            if source_of(threshold) == "generator":
                self._add(threshold, window.second, [window.generator])
            elif source_of(threshold) == "operations":
                self._add(threshold, window.second, self._chosen(threshold, window))

    def feed_sample(self, sample: ResourceSample) -> None:
        """Take in one more sample of the target's resources."""
        for threshold, rows in self._rows.items():
            if source_of(threshold) == "target":
                second = int(sample.at_s // 1)
                rows[second] = add_rows(rows.get(second, NO_ROW), row_of_sample(threshold, sample))

    def missed(self, now_s: float) -> str | None:
        """The sentence of the first threshold that is missed `now_s` seconds after the start, else `None`."""
        complete = min(int((now_s - _SETTLED_S) // 1), self._last)
        for threshold, rows in self._rows.items():
            assert threshold.abort is not None
            if now_s * 1e9 < threshold.abort.delay_ns:
                continue
            first = self._first
            if threshold.sliding_ns is not None:
                first = complete - max(1, -(-threshold.sliding_ns // 10**9))
            if first < self._first or complete <= first:
                continue
            found = decide(Evidence(threshold, rows_of(rows, range(first, complete))), self._circumstances)
            if found.outcome is Outcome.FAIL:
                return _sentence(threshold, found, complete)
        return None

    def _chosen(self, threshold: Threshold, window: Window) -> Iterable[Tally]:
        """As `ScenarioRun.total_names`: a journey's whole does not count beside its steps."""
        if threshold.operation is not None:
            return [window.operations[threshold.operation]] if threshold.operation in window.operations else []
        self._journeys.update(name.partition("/")[0] for name in window.operations if "/" in name)
        return [tally for name, tally in window.operations.items() if name not in self._journeys]

    def _add(self, threshold: Threshold, second: int, tallies: Iterable[Tally]) -> None:
        rows = self._rows[threshold]
        for tally in tallies:
            rows[second] = add_rows(rows.get(second, NO_ROW), row_of(threshold, tally))


def _sentence(threshold: Threshold, found: Finding, second: int) -> str:
    after = f"{threshold.text.partition(' abort')[0]} was missed after {second} s"
    if found.observed is None or found.reason is not None:
        return f"{after}: {found.reason or 'the limit was exceeded'}"
    about = f"{subject(threshold)} {verb_of(threshold)}"
    if kind_of(threshold) == "share":
        beyond, limit = amount(found.observed, "ratio"), amount(claimed_share(threshold), "ratio")
        what = f"{beyond} of {basis(threshold, found)}"
        if threshold.quantile is not None:
            return f"{after}: {what} took longer than {amount(threshold.limit, threshold.unit)}; {limit} may"
        return f"{after}: {about} {what}"
    return f"{after}: {about} {amount(found.observed, threshold.unit, beside=threshold.limit)}"
