"""Stopping a run that cannot pass any more: the thresholds marked `abort`, watched while the run goes on.

Looking every second gives chance many tries, so the risk of a wrong stop is divided by the number of looks
(Bonferroni). Executions without an answer yet may still end either way and are counted so; connections that are not
there yet may all turn out well.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from loadtests.judge.decision import Circumstances, Finding, decide
from loadtests.judge.evidence import (
    COUNTED_CONNECTIONS,
    NO_ROW,
    Evidence,
    Row,
    add_rows,
    claimed_share,
    claims_less,
    is_of_whole_run,
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
from loadtests.result.window import CONNECTIONS, Tally, Window

__all__ = ["AbortWatch"]

_SETTLED_S = 0.5
"""How long after its end a second is looked at: most of its windows have come by then."""


class AbortWatch:
    """Fed every window of a running scenario; says when a threshold with `abort` is missed."""

    def __init__(self, scenario: Scenario, *, instances: int = 1) -> None:
        self._scenario = scenario
        start_ns, end_ns = scenario.steady_ns
        self._first, self._last = -(-start_ns // 10**9), end_ns // 10**9
        looks = max(1, self._last - self._first)
        self._circumstances = Circumstances(RISK / looks, instances, isinstance(scenario.load, OpenLoad))
        self._rows: dict[Threshold, dict[int, Row]] = {
            threshold: {} for threshold in scenario.thresholds if threshold.abort is not None
        }
        self._journeys: set[str] = set()
        settings = scenario.database if scenario.driver == "database" else scenario.websocket
        self._reconnects = settings.reconnect_ns is not None

    def feed(self, window: Window) -> None:
        """Take in one more window."""
        for threshold in self._rows:
            source = source_of(threshold, self._scenario)
            if source == "generator":
                self._add(threshold, window.second, [window.generator])
            elif source == "connections" and CONNECTIONS in window.operations:
                self._add(threshold, window.second, [window.operations[CONNECTIONS]])
            elif source == "operations":
                self._add(threshold, window.second, self._chosen(threshold, window))

    def feed_sample(self, sample: ResourceSample) -> None:
        """Take in one more sample of the target's resources."""
        for threshold, rows in self._rows.items():
            if source_of(threshold, self._scenario) == "target":
                second = int(sample.at_s // 1)
                rows[second] = add_rows(rows.get(second, NO_ROW), row_of_sample(threshold, sample))

    def missed(self, now_s: float) -> str | None:
        """The sentence of the first threshold that is missed `now_s` seconds after the start, else `None`."""
        complete = min(int((now_s - _SETTLED_S) // 1), self._last)
        for threshold, rows in self._rows.items():
            assert threshold.abort is not None
            if now_s * 1e9 < threshold.abort.delay_ns:
                continue
            found = self._found(threshold, rows, complete)
            if found is not None and found.outcome is Outcome.FAIL:
                return _sentence(threshold, found, complete)
        return None

    def _found(self, threshold: Threshold, rows: dict[int, Row], complete: int) -> Finding | None:
        """What the rows up to second `complete` say; nothing before there are enough of them."""
        whole = is_of_whole_run(threshold, self._scenario)
        first = earliest = 0 if whole else self._first
        if whole and threshold.sliding_ns is not None:
            return None
        if threshold.sliding_ns is not None:
            first = complete - max(1, -(-threshold.sliding_ns // 10**9))
        if first < earliest or complete <= first:
            return None
        seen = rows_of(rows, range(first, complete))
        if threshold.metric in COUNTED_CONNECTIONS:
            seen = np.vstack([seen, self._to_come(threshold, seen)])
        return decide(Evidence(threshold, seen), self._circumstances)

    def _to_come(self, threshold: Threshold, seen: NDArray[np.float64]) -> Row:
        """The connections not there yet, as trials still open: those planned, and those made anew after a drop."""
        held = self._scenario.load.connections
        hits, trials, still_open = seen[:, :3].sum(axis=0)
        missing = max(0.0, (0 if held is None else held.count) - trials - still_open)
        anew = hits if threshold.metric == "connection drops" and self._reconnects else 0.0
        return 0.0, 0.0, float(missing + anew), 0.0, 0.0

    def _chosen(self, threshold: Threshold, window: Window) -> Iterable[Tally]:
        """As `ScenarioRun.total_names`: a journey's whole does not count beside its steps."""
        if threshold.operation is not None:
            return [window.operations[threshold.operation]] if threshold.operation in window.operations else []
        if not self._scenario.discovers:
            self._journeys.update(name.partition("/")[0] for name in window.operations if "/" in name)
        return [t for name, t in window.operations.items() if name not in self._journeys and name != CONNECTIONS]

    def _add(self, threshold: Threshold, second: int, tallies: Iterable[Tally]) -> None:
        rows, source = self._rows[threshold], source_of(threshold, self._scenario)
        for tally in tallies:
            rows[second] = add_rows(rows.get(second, NO_ROW), row_of(threshold, tally, source=source))


def _sentence(threshold: Threshold, found: Finding, second: int) -> str:
    after = f"{threshold.text.partition(' abort')[0]} was missed after {second} s"
    if found.observed is None or found.reason is not None:
        return f"{after}: {found.reason or 'the limit was exceeded'}"
    about = f"{subject(threshold)} {verb_of(threshold)}"
    if kind_of(threshold) == "share":
        beyond, limit = amount(found.observed, "ratio"), amount(claimed_share(threshold), "ratio")
        if threshold.metric in COUNTED_CONNECTIONS:
            return f"{after}: {about} {beyond} ({basis(threshold, found)})"
        what = f"{beyond} of {basis(threshold, found)}"
        if threshold.quantile is not None:
            beyond = "took longer than" if threshold.unit == "ns" else "were above"
            demand = f"{limit} may" if claims_less(threshold) else f"{limit} must"
            return f"{after}: {what} {beyond} {amount(threshold.limit, threshold.unit)}; {demand}"
        return f"{after}: {about} {what}"
    return f"{after}: {about} {amount(found.observed, threshold.unit, beside=threshold.limit)}"
