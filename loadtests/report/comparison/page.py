"""The page of a comparison: everything it says, computed and worded once. The formats only print it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtests import __version__
from loadtests.judge.comparison.calibration import POWER, Calibration, detectable
from loadtests.judge.comparison.estimate import Basis
from loadtests.judge.comparison.verdict import Change, Comparison, Curve, MetricChange, ScenarioComparison
from loadtests.judge.comparison.wording import bounds_text, change_text, margin_text, value_text
from loadtests.judge.operands import Operand
from loadtests.judge.wording import counted
from loadtests.report.wording import ABSENT, Figure, Sign, visible

__all__ = ["ChangeRow", "ComparisonPage", "ScenarioPart", "Side", "page_of"]

_SIGNS = {
    Change.REGRESSED: Sign("regressed", "✘", "REGRESSED"),
    Change.IMPROVED: Sign("improved", "✔", "IMPROVED"),
    Change.SAME: Sign("same", "✔", "SAME"),
    Change.INCONCLUSIVE: Sign("inconclusive", "?", "INCONCLUSIVE"),
    Change.DESCRIPTIVE: Sign("descriptive", "–", "DESCRIPTIVE"),
}
_BASES = {
    Basis.RUNS: "Each run is one observation; bounds come from how much the runs of a side differ.",
    Basis.CALIBRATION: "Each run is one observation; how much equal runs differ here is known from a calibration.",
    Basis.PAIRS: "Runs were made in pairs, in random order; an exact sign-flip test on the differences decides.",
    Basis.WINDOWS: "One run a side: bounds come from the seconds within them, and speak of these two runs only.",
}
_MERGED = (
    "Base and candidate are of all runs merged, the change is the mean over runs: one slow run weighs more in the "
    "former, so they may disagree by a little."
)
_NAMES = {"build": "build", "started_at": "started", "run_id": "runs"}
_MOST_RUNS = 8
_SCALES = {"time": 1e6, "rate": 1.0, "share": 1.0}


@dataclass(frozen=True, slots=True)
class Side:
    """One operand: the name asked for, its builds, its runs."""

    name: str
    builds: str
    runs: int
    run_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One metric: `change` is a ratio less one, or a difference of shares; values are ms, per second, or shares."""

    name: str
    kind: str
    operation: str | None
    gated: bool
    sign: Sign
    base: Figure
    candidate: Figure
    change: Figure
    low: Figure
    high: Figure
    bounds_text: str
    margin: Figure
    detectable: Figure
    needed: int | None
    why: str

    @property
    def is_ratio(self) -> bool:
        """Whether the change is one of ratio."""
        return self.kind != "share"


@dataclass(frozen=True, slots=True)
class CurvePoints:
    """Response times by quantile on both sides (ms), and their ratio less one with its band."""

    quantiles: Sequence[float]
    base_ms: Sequence[float]
    candidate_ms: Sequence[float]
    change: Sequence[float]
    low: Sequence[float | None]
    high: Sequence[float | None]
    margin: float


@dataclass(frozen=True, slots=True)
class ScenarioPart:
    """One scenario. `differences` should not be, `environment` may be: (what, base, candidate)."""

    name: str
    sign: Sign
    why: str
    runs_text: str
    method: str
    rows: Sequence[ChangeRow]
    curve: CurvePoints | None
    differences: Sequence[str]
    environment: Sequence[tuple[str, str, str]]
    warnings: Sequence[str]
    calibration: str | None

    @property
    def gated(self) -> Sequence[ChangeRow]:
        """The rows that decide."""
        return [row for row in self.rows if row.gated]

    @property
    def others(self) -> Sequence[ChangeRow]:
        """The rows that decide nothing."""
        return [row for row in self.rows if not row.gated]


@dataclass(frozen=True, slots=True)
class ComparisonPage:
    """The whole."""

    sign: Sign
    why: str
    base: Side
    candidate: Side
    scenarios: Sequence[ScenarioPart]
    warnings: Sequence[str]
    version: str


def page_of(comparison: Comparison) -> ComparisonPage:
    """The page of a comparison; pure."""
    return ComparisonPage(
        sign=_SIGNS[comparison.change],
        why=comparison.why,
        base=_side(comparison.base),
        candidate=_side(comparison.candidate),
        scenarios=tuple(_scenario(found) for found in comparison.scenarios),
        warnings=tuple(comparison.warnings),
        version=__version__,
    )


def _side(operand: Operand) -> Side:
    runs = list(dict.fromkeys(record.run_id for record in operand.records))
    return Side(operand.name, ", ".join(operand.builds), len(runs), tuple(runs))


def _scenario(found: ScenarioComparison) -> ScenarioPart:
    first, second = found.runs
    against = f"{counted(first, 'runs')} against {counted(second, 'runs')}"
    bases = {row.estimate.basis for row in found.metrics if row.estimate is not None and row.metric.is_ratio}
    return ScenarioPart(
        name=found.scenario,
        sign=_SIGNS[found.change],
        why=found.why,
        runs_text=counted(first, "pairs") if found.paired else against,
        method=" ".join(
            [*(text for basis, text in _BASES.items() if basis in bases), *([_MERGED] if max(found.runs) > 1 else [])]
        ),
        rows=tuple(_row(row, found) for row in found.metrics),
        curve=None if found.curve is None else _curve(found.curve, found.metrics),
        differences=tuple(found.differences),
        environment=tuple(
            (_NAMES[name], _listed(sides[0]), _listed(sides[1]))
            for name, sides in found.environment.items()
            if sides[0] != sides[1]
        ),
        warnings=tuple(found.warnings),
        calibration=None if found.calibration is None else _calibration(found.calibration),
    )


def _listed(text: str) -> str:
    parts = text.split(", ")
    more = len(parts) - _MOST_RUNS
    return text if more <= 0 else f"{', '.join(parts[:_MOST_RUNS])} and {more} more"


def _row(row: MetricChange, of: ScenarioComparison) -> ChangeRow:
    metric, found = row.metric, row.estimate
    scale = _SCALES[metric.kind]
    spread = None if of.calibration is None else of.calibration.spread(metric)
    least = None if spread is None else detectable(spread, of.runs, ratio=metric.is_ratio)

    def value(number: float | None) -> Figure:
        return Figure(None if number is None else number / scale, value_text(metric, number))

    def change(number: float | None) -> Figure:
        if number is None:
            return Figure(None, ABSENT)
        return Figure(_plain(number, ratio=metric.is_ratio), change_text(metric, number))

    return ChangeRow(
        name=metric.key,
        kind=metric.kind,
        operation=metric.operation,
        gated=row.gated,
        sign=_SIGNS[row.change],
        base=value(row.base),
        candidate=value(row.candidate),
        change=change(None if found is None else found.change),
        low=change(None if found is None else found.low),
        high=change(None if found is None else found.high),
        bounds_text=bounds_text(row),
        margin=Figure(row.margin, margin_text(metric, row.margin)),
        detectable=Figure(least, ABSENT if least is None else margin_text(metric, least)),
        needed=row.needed,
        why=row.why,
    )


def _plain(change: float, *, ratio: bool) -> float:
    return math.expm1(change) if ratio else change


def _curve(curve: Curve, metrics: Sequence[MetricChange]) -> CurvePoints:
    margins: Mapping[str, float] = {row.metric.key: row.margin for row in metrics}

    def changes(ends: Sequence[float | None]) -> list[float | None]:
        return [None if end is None else _plain(end, ratio=True) for end in ends]

    return CurvePoints(
        quantiles=curve.quantiles,
        base_ms=[value / 1e6 for value in curve.base_ns],
        candidate_ms=[value / 1e6 for value in curve.candidate_ns],
        change=[_plain(found.change, ratio=True) for found in curve.estimates],
        low=changes([found.low for found in curve.estimates]),
        high=changes([found.high for found in curve.estimates]),
        margin=margins.get("p95", 0.0),
    )


def _calibration(found: Calibration) -> str:
    return visible(
        f"calibrated on {found.made_at[:10]} by {counted(len(found.runs), 'runs')} of one build; what is called "
        f"detectable is found {POWER:.0%} of the time"
    )
