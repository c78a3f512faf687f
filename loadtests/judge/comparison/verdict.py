"""What is said of a comparison: per metric, per scenario, and of the whole."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from loadtests.judge.comparison.calibration import Calibration
from loadtests.judge.comparison.estimate import Estimate
from loadtests.judge.comparison.metrics import Metric
from loadtests.judge.operands import Operand

__all__ = ["Change", "Comparison", "Curve", "MetricChange", "ScenarioComparison", "exit_code"]


class Change(StrEnum):
    """The five answers. Only REGRESSED is red; DESCRIPTIVE concludes nothing, because nothing could."""

    REGRESSED = "regressed"
    IMPROVED = "improved"
    SAME = "same"
    INCONCLUSIVE = "inconclusive"
    DESCRIPTIVE = "descriptive"

    @classmethod
    def worst(cls, changes: "Iterable[Change]") -> "Change":
        """Regressed outranks inconclusive, that descriptive, that improved, that same; nothing is inconclusive."""
        order = [cls.SAME, cls.IMPROVED, cls.DESCRIPTIVE, cls.INCONCLUSIVE, cls.REGRESSED]
        return max(changes, key=order.index, default=cls.INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class MetricChange:
    """One metric on both sides, by merged counts, and what is concluded from the runs.

    `base` and `candidate` are ns, per second, or shares. `margin` is the change that may be (a ratio less one, or a
    difference of shares). `no_worse`: a change for the worse beyond the margin is ruled out, whatever else is open.
    `looked_at` metrics were judged together. `needed` runs a side (or pairs) would settle an inconclusive one, if all
    stays as it is.
    """

    metric: Metric
    gated: bool
    base: float | None
    candidate: float | None
    estimate: Estimate | None
    margin: float
    change: Change
    no_worse: bool
    looked_at: int
    needed: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Curve:
    """The ratio of response times, candidate over base, by quantile; bounds are `None` where there are none."""

    quantiles: Sequence[float]
    base_ns: Sequence[float]
    candidate_ns: Sequence[float]
    estimates: Sequence[Estimate]


@dataclass(frozen=True, slots=True)
class ScenarioComparison:
    """One scenario on both sides. `differences` are what the runs differ in although it should agree, a sentence each.

    `runs` are how many on each side; `paired` says that they were made and are judged in pairs.
    """

    scenario: str
    runs: tuple[int, int]
    paired: bool
    change: Change
    why: str
    metrics: Sequence[MetricChange]
    curve: Curve | None
    differences: Sequence[str]
    calibration: Calibration | None
    warnings: Sequence[str]
    environment: Mapping[str, tuple[str, str]]
    """Facts that need not agree, where they differ: builds, dates."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The whole; the change is the worst of its scenarios'."""

    base: Operand
    candidate: Operand
    change: Change
    why: str
    scenarios: Sequence[ScenarioComparison]
    warnings: Sequence[str] = ()


def exit_code(comparison: Comparison, *, strict: bool = False) -> int:
    """What the command line returns: 1 for a regression, 4 for an inconclusive comparison when `strict`, else 0."""
    if comparison.change is Change.REGRESSED:
        return 1
    return 4 if strict and comparison.change is Change.INCONCLUSIVE else 0
