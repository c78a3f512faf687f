"""Truth beside what was reported: one row per figure, and whether it holds.

The truth of a latency is the law, what the server notes that it was late itself, and the pauses that a stranger met on
the generator's cores, together at the same quantile. A row is *not measurable* when the suite called its own run
invalid, or when it is off and the machine was not quiet (other programs; pauses as long, that a stranger on the same
cores met too): then the figure is neither proved nor refuted, and never counted as right. Counts are never excused.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.accuracy.behaviour import Ending, S
from benchmarks.accuracy.cases import WARMUP_NS, Case, Closed, Offer, Open
from benchmarks.accuracy.ledger import IntArray, Ledger
from benchmarks.accuracy.truth import Executions
from benchmarks.pauses import Strangers
from loadtests.result.histogram import Histogram
from loadtests.result.run import ScenarioRun, pooled
from loadtests.result.window import (
    COMPLETED_OK,
    CUT_OFF,
    DROPPED,
    OFFERED,
    OK,
    RESPONSE_FAILED,
    RESPONSE_OK,
    SERVICE_OK,
    Tally,
)

__all__ = ["Row", "State", "compare", "latency_row", "worst_exit_code"]

_RELATIVE, _ABSOLUTE_NS = 0.02, 300_000
_THROUGHPUT = 0.02
_CHANCES = 4
"""A pause can meet an execution when it is sent, received, answered, and heard: four times as often as a tick."""

_SENT_AND_HEARD, _HEARD = 2, 1
"""Where the generator's cores can pause a latency: what is sent at its own instant, when it is sent and when it is
answered; what is sent upon an answer, or dated when it is sent, only then."""


class State(StrEnum):
    """What is said of a row."""

    OK = "ok"
    OFF = "OFF"
    NOT_MEASURABLE = "not measurable"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. Times are ns (`unit` "ns"), rates per second, counts plain; `reported` is `None` without data.

    `distrusted`: the suite calls its run invalid. `disturbed`: other programs kept the machine busy.
    `noise`: how late a stranger was at this quantile.
    """

    quantity: str
    unit: str
    truth: float
    reported: float | None
    allowed: float
    distrusted: bool = False
    disturbed: bool = False
    noise: float = 0.0

    @property
    def error(self) -> float | None:
        """Reported minus truth."""
        return None if self.reported is None else self.reported - self.truth

    @property
    def state(self) -> State:
        """Whether the figure is right, as far as that can be told."""
        holds = self.error is not None and abs(self.error) <= self.allowed
        if self.unit == "count":
            return State.OK if holds else State.OFF
        if self.distrusted or ((self.disturbed or self._explained) and not holds):
            return State.NOT_MEASURABLE
        return State.OK if holds else State.OFF

    @property
    def _explained(self) -> bool:
        """Whether a stranger met enough to be why it is off: by no more than what it met, beyond what is allowed."""
        noisy = self.noise > self.allowed / 2
        return noisy and self.error is not None and abs(self.error) <= self.allowed + self.noise


def compare(
    case: Case,
    offer: Offer,
    run: ScenarioRun,
    *,
    truth: Executions,
    ledger: Ledger,
    strangers: Strangers,
    cores: Iterable[int],
) -> list[Row]:
    """Every row of one case under one load. `cores` are those that the suite ran on."""
    whole = Tally.merge(run.by_second(run.total_names()).values())
    steady = pooled(run.by_second(run.total_names()), run.seconds())
    begin, end = run.seconds().start * S, run.seconds().stop * S
    meant = truth.due_in(begin, end)

    pauses = strangers.pauses_ns(cores)

    def aside(ending: Ending, met: int) -> list[tuple[int, int]]:
        return [
            (
                ledger.own_error_ns(quantile, ending, after_ns=WARMUP_NS, pauses=_drawn(pauses, met, quantile)),
                strangers.lateness_ns(1 - (1 - quantile) / _CHANCES),
            )
            for _, quantile in case.quantiles
        ]

    timed = _SENT_AND_HEARD if isinstance(offer, Open) or offer.pacing_ns is not None else _HEARD
    good = aside(Ending.GOOD, timed)
    answered = meant.ended(Ending.GOOD)
    rows = [*_latencies("", steady, RESPONSE_OK, answered, Executions.response_ns, good, case.quantiles)]
    if case.behaviour.stall is not None:
        rows += _latencies(
            "service ", steady, SERVICE_OK, answered, Executions.service_ns, aside(Ending.GOOD, _HEARD), case.quantiles
        )
    if case.behaviour.error_every is not None:
        failed = meant.ended(Ending.ERROR)
        rows += _latencies(
            "failed ",
            steady,
            RESPONSE_FAILED,
            failed,
            Executions.response_ns,
            aside(Ending.ERROR, timed),
            case.quantiles,
        )
    if case.behaviour.gap_ns and case.behaviour.stall is None:
        rows.append(_throughput(steady, truth, begin, end))
    if isinstance(offer, Open):
        due = math.ceil(offer.rate * run.scenario.load.duration_ns / S - 1e-6)
        rows += _open_counts(case, whole, truth, due=due, ledger=ledger)
    else:
        rows += _closed_counts(whole, ledger)
    if isinstance(offer, Closed) and case.behaviour.stall is not None and offer.pacing_ns is None:
        rows.append(_struck(steady, meant, case.behaviour.stall.length_ns // 2))
    return rows


def _drawn(pauses: IntArray, met: int, quantile: float) -> Sequence[IntArray]:
    """The maximum is one single latency, which as a rule met none."""
    return () if quantile == 1 or not len(pauses) else [pauses] * met


def worst_exit_code(rows: Iterable[Row]) -> int:
    """0 when all rows hold, 1 when one is off, 3 when none is off but some could not be measured."""
    states = {row.state for row in rows}
    return 1 if State.OFF in states or not states else 3 if State.NOT_MEASURABLE in states else 0


def latency_row(quantity: str, truth_ns: float, quantile: float, *, found: Histogram, strangers: Strangers) -> Row:
    """One percentile beside its truth, with what a stranger met at it."""
    reported_us = found.quantile_us(quantile)
    reported = None if reported_us is None else reported_us * 1e3
    noise = strangers.lateness_ns(1 - (1 - quantile) / _CHANCES)
    return Row(quantity, "ns", truth_ns, reported, _RELATIVE * truth_ns + _ABSOLUTE_NS, noise=noise)


def _latencies(
    prefix: str,
    tally: Tally,
    histogram: str,
    meant: Executions,
    of: Callable[[Executions, float], int],
    aside: Sequence[tuple[int, int]],
    quantiles: Sequence[tuple[str, float]],
) -> Iterable[Row]:
    """p50 to p99.9; the maximum where it is the law's and not the machine's, that is, where it is long.

    `aside` has for each quantile how late the server was itself, and how late a stranger was.
    """
    found = tally.histogram(histogram)
    for (name, quantile), (late, noise) in zip(quantiles, aside, strict=True):
        truth = of(meant, quantile) + late
        if name == "max" and truth < S / 2:
            continue
        reported_us = found.quantile_us(quantile)
        reported = None if reported_us is None else reported_us * 1e3
        yield Row(prefix + name, "ns", truth, reported, _RELATIVE * truth + _ABSOLUTE_NS, noise=noise)


def _throughput(steady: Tally, truth: Executions, begin_ns: int, end_ns: int) -> Row:
    """Good answers a second that ended in the steady interval: the server's capacity, whatever is offered."""
    seconds = (end_ns - begin_ns) / S
    good = truth.ended(Ending.GOOD)
    meant = int(((good.ended_ns >= begin_ns) & (good.ended_ns < end_ns)).sum()) / seconds
    return Row("answers/s", "1/s", meant, steady.count(COMPLETED_OK) / seconds, _THROUGHPUT * meant)


def _open_counts(case: Case, whole: Tally, truth: Executions, *, due: int, ledger: Ledger) -> Iterable[Row]:
    """Counts of the whole run, by arithmetic; `due` is rate times duration, whatever the schedule says."""
    drops = case.drops_within
    resets = len(truth.ended(Ending.RESET, Ending.CUT))
    yield _count("offered", due, whole.count(OFFERED))
    yield _count("ok", len(truth.ended(Ending.GOOD)), whole.count(OK), within=drops)
    yield _count("failed.status_5xx", len(truth.ended(Ending.ERROR)), whole.failures.get("status_5xx", 0))
    yield _count("failed.reset", resets, whole.failures.get("reset", 0))
    yield _count("failed, other kinds", 0, _others(whole))
    yield _count("dropped", len(truth.ended(Ending.DROPPED)), whole.count(DROPPED), within=drops)
    if drops:
        yield _count("ok, by the server's count", ledger.count(Ending.GOOD), whole.count(OK))
    yield _count("sum of all ends", due, _ends(whole))


def _closed_counts(whole: Tally, ledger: Ledger) -> Iterable[Row]:
    """How often users came round depends on microseconds, so the server's own count is the truth."""
    yield _count("offered", ledger.count(), whole.count(OFFERED))
    yield _count("ok", ledger.count(Ending.GOOD), whole.count(OK))
    yield _count("failed.status_5xx", ledger.count(Ending.ERROR), whole.failures.get("status_5xx", 0))
    yield _count("failed.reset", ledger.count(Ending.RESET, Ending.CUT), whole.failures.get("reset", 0))
    yield _count("failed, other kinds", 0, _others(whole))
    yield _count("sum of all ends", ledger.count(), _ends(whole))


def _struck(steady: Tally, meant: Executions, over_ns: int) -> Row:
    """How many requests met the stall: one a user, which is what the closed model leaves out."""
    truth = int((meant.ended_ns - meant.intended_ns > over_ns).sum())
    return _count("met the stall", truth, steady.histogram(RESPONSE_OK).count_over_us(over_ns / 1e3))


def _count(quantity: str, truth: int, reported: int, *, within: int = 0) -> Row:
    return Row(quantity, "count", truth, reported, within)


def _others(whole: Tally) -> int:
    return sum(n for kind, n in whole.failures.items() if kind not in ("status_5xx", "reset"))


def _ends(whole: Tally) -> int:
    return whole.count(OK) + whole.failed + whole.count(DROPPED) + whole.count(CUT_OFF)
