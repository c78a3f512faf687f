"""What is said of a run: per threshold, per scenario, and of the whole."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from loadtests.plan.model import Threshold
from loadtests.result.run import Run, ScenarioRun

__all__ = ["Health", "Outcome", "ScenarioVerdict", "ThresholdVerdict", "Verdict", "exit_code"]


class Outcome(StrEnum):
    """The four answers. Only PASS is green."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"

    @classmethod
    def worst(cls, outcomes: "Iterable[Outcome]") -> "Outcome":
        """Invalid outranks fail, fail outranks inconclusive, inconclusive outranks pass; nothing at all is invalid."""
        order = [cls.PASS, cls.INCONCLUSIVE, cls.FAIL, cls.INVALID]
        return max(outcomes, key=order.index, default=cls.INVALID)


@dataclass(frozen=True, slots=True)
class ThresholdVerdict:
    """One threshold held against the steady interval, or for the making and losing of connections the whole run.

    `observed`, `limit` and `interval` are in the threshold's unit (ns, ratio, per second, bytes). An end of `interval`
    is `None` where too few samples give no bound on that side. `samples` is the number of observations behind it,
    `needed` how many would settle an inconclusive one. `why` is a sentence.
    """

    threshold: Threshold
    outcome: Outcome
    observed: float | None
    interval: tuple[float | None, float | None] | None
    samples: int
    needed: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the generator did what the plan asked, so that the figures speak of the target.

    `reasons` make the run INVALID; `warnings` do not. Shares are 0..1, times ns, rates per second.
    `cpu` and `core_wait` (ready to run, but without a core) are of the engine process that had most of it.
    """

    reasons: Sequence[str]
    warnings: Sequence[str]
    offered: int
    dropped: int
    offered_per_s: float
    achieved_per_s: float
    lag_p50_ns: int | None
    lag_p99_ns: int | None
    lag_max_ns: int | None
    cpu: float | None
    gc_pause_max_ns: int | None
    loop_lag_max_ns: int | None
    core_wait: float | None = None

    @property
    def valid(self) -> bool:
        """No reason against judging."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class ScenarioVerdict:
    """One scenario: its health, its thresholds, and the outcome that follows (`why` is one sentence)."""

    run: ScenarioRun
    outcome: Outcome
    health: Health
    thresholds: Sequence[ThresholdVerdict]
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole run; the outcome is the worst of its scenarios'."""

    run: Run
    outcome: Outcome
    scenarios: Sequence[ScenarioVerdict]
    why: str


_EXIT_CODES = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 0, Outcome.INVALID: 3}


def exit_code(verdict: Verdict, *, strict: bool = False) -> int:
    """What the command line returns: 0 passed, 1 missed, 3 invalid; inconclusive is 4 when `strict`, else 0."""
    if verdict.outcome is Outcome.INCONCLUSIVE and strict:
        return 4
    return _EXIT_CODES[verdict.outcome]
