"""Comparisons by the thousand, of builds whose true difference is known."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.statistics.drawn import Truth, draw_record, draw_run
from loadtests.judge.comparison.calibration import calibrated
from loadtests.judge.comparison.compare import concluded
from loadtests.judge.comparison.margins import Terms
from loadtests.judge.comparison.questions import answered, questions_of
from loadtests.judge.comparison.verdict import Change, MetricChange
from loadtests.judge.record import RunRecord

__all__ = ["Findings", "Study", "study"]


@dataclass(frozen=True, slots=True)
class Study:
    """`comparisons` of so many runs a side (or pairs), the candidate slower by the factor `slowdown`.

    `base` is the number of base runs where it differs; `calibration` runs are made before each comparison.
    """

    name: str
    pairs: int
    comparisons: int
    paired: bool = False
    base: int | None = None
    slowdown: float = 1.0
    calibration: int = 0
    windows: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """How many comparisons came to what; `found` counts regressions by metric.

    `coverage` is how often each one-sided bound of each metric held the truth: `p95 low`, `p95 high`, …
    """

    comparisons: int
    regressed: int
    improved: int
    same: int
    inconclusive: int
    found: Mapping[str, int]
    coverage: Mapping[str, float]


def study(of: Study, truth: Truth) -> Findings:
    """Draw and compare; the same for the same study."""
    changes: Counter[Change] = Counter()
    found: Counter[str] = Counter()
    covered: Counter[str] = Counter()
    bounded: Counter[str] = Counter()
    for number in range(of.comparisons):
        change, rows = _compared(of, truth, np.random.default_rng([number, of.pairs]))
        changes[change] += 1
        for row in (each for each in rows if each.gated):
            found[row.metric.key] += row.change is Change.REGRESSED
            _count(row, of, covered, bounded)
    return Findings(
        comparisons=of.comparisons,
        regressed=changes[Change.REGRESSED],
        improved=changes[Change.IMPROVED],
        same=changes[Change.SAME],
        inconclusive=changes[Change.INCONCLUSIVE] + changes[Change.DESCRIPTIVE],
        found=found,
        coverage={key: covered[key] / bounded[key] for key in bounded},
    )


def _compared(of: Study, truth: Truth, random: np.random.Generator) -> tuple[Change, list[MetricChange]]:
    draw = draw_run if of.windows else draw_record

    def drawn(build: str, count: int, of_what: Truth) -> list[RunRecord]:
        return [draw(random, of_what, name=f"{build}-{number}") for number in range(count)]

    known = calibrated(drawn("cal", of.calibration, truth), made_at="2026-01-01") if of.calibration else None
    base = drawn("old", of.base or of.pairs, truth)
    candidate = drawn("new", of.pairs, replace(truth, slowdown=truth.slowdown * of.slowdown))
    rows = answered(questions_of(base, candidate, terms=Terms(), calibration=known, paired=of.paired))
    return concluded(rows)[0], rows


def _count(row: MetricChange, of: Study, covered: Counter[str], bounded: Counter[str]) -> None:
    estimate = row.estimate
    if estimate is None or estimate.low is None or estimate.high is None:
        return
    true = float(np.log(of.slowdown)) if row.metric.kind == "time" else 0.0
    for end, holds in (("low", estimate.low <= true + 1e-12), ("high", estimate.high >= true - 1e-12)):
        covered[f"{row.metric.key} {end}"] += holds
        bounded[f"{row.metric.key} {end}"] += 1
