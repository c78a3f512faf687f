"""Between what is kept of a run and its rows: written and read back without loss."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from loadtests.history.kept import QUANTILES, KeptOperation, KeptRun, KeptScenario, KeptThreshold, Role
from loadtests.history.plain import (
    PARTS,
    dependence_from,
    dependence_to,
    gauges_from,
    gauges_to,
    health_from,
    health_to,
    parts_of,
    processes_from,
    processes_to,
    with_total,
)
from loadtests.history.tables import HistogramRow, OperationRow, RunRow, ScenarioRow, ThresholdRow
from loadtests.judge.quantiles import QuantileFigure
from loadtests.judge.verdict import Outcome
from loadtests.result import hlog
from loadtests.result.histogram import Histogram
from loadtests.result.run import Environment
from loadtests.result.window import COMPLETED_OK, DROPPED, OFFERED, OK, Tally

__all__ = ["kept_of", "rows_of"]


def rows_of(kept: KeptRun) -> RunRow:
    """The rows of a run, as one tree."""
    return RunRow(
        id=kept.id,
        started_at=kept.started_at,
        recorded_at=datetime.now(UTC),
        build=kept.build,
        branch=kept.branch,
        status=kept.status,
        outcome=kept.outcome.value,
        why=kept.why,
        comparability=kept.comparability,
        path=kept.path,
        plan=dict(kept.plan),
        environment={"machine": dict(kept.environment.machine), "versions": dict(kept.environment.versions)},
        warnings=list(kept.warnings),
        scenarios=[_scenario_row(found, position) for position, found in enumerate(kept.scenarios)],
    )


def _scenario_row(kept: KeptScenario, position: int) -> ScenarioRow:
    return ScenarioRow(
        position=position,
        name=kept.name,
        driver=kept.driver,
        outcome=kept.outcome.value,
        why=kept.why,
        status=kept.status,
        started_at=kept.started_at,
        ended_s=kept.ended_s,
        stop_reason=kept.stop_reason,
        judged_s=kept.judged_s,
        comparability=kept.comparability,
        health=health_to(kept.health),
        processes=processes_to(kept.expected_processes, kept.processes),
        gauges=gauges_to(kept.gauges),
        operations=[_operation_row(found, number) for number, found in enumerate(kept.operations)],
        thresholds=[_threshold_row(found, number) for number, found in enumerate(kept.thresholds)],
    )


def _operation_row(kept: KeptOperation, position: int) -> OperationRow:
    counts = kept.steady
    row = OperationRow(
        position=position,
        name=kept.name,
        role=kept.role,
        offered=counts.count(OFFERED),
        ok=counts.count(OK),
        failed=counts.failed,
        dropped=counts.count(DROPPED),
        completed_ok=counts.count(COMPLETED_OK),
        counters={part: dict(tally.counters) for part, tally in parts_of(kept).items()},
        dependence=dependence_to(kept.dependence),
        histograms=list(_histogram_rows(kept)),
    )
    for label, figure in kept.quantiles.items():
        setattr(row, f"{label}_ns", figure.observed)
        setattr(row, f"{label}_low_ns", figure.low)
        setattr(row, f"{label}_high_ns", figure.high)
    return row


def _histogram_rows(kept: KeptOperation) -> Iterator[HistogramRow]:
    for part, tally in parts_of(kept).items():
        for name, found in tally.histograms.items():
            payload = hlog.encode(found).decode()
            yield HistogramRow(part=part, name=name, total=found.total, clamped=found.clamped, payload=payload)


def _threshold_row(kept: KeptThreshold, position: int) -> ThresholdRow:
    return ThresholdRow(position=position, **asdict(kept) | {"outcome": kept.outcome.value})


def kept_of(row: RunRow) -> KeptRun:
    """What `rows_of` wrote."""
    return KeptRun(
        id=row.id,
        started_at=row.started_at,
        build=row.build,
        branch=row.branch,
        status=row.status,  # type: ignore[arg-type] # as it was written
        outcome=Outcome(row.outcome),
        why=row.why,
        comparability=row.comparability,
        path=row.path,
        plan=row.plan,
        environment=Environment(row.environment["machine"], row.environment["versions"]),
        warnings=tuple(row.warnings),
        scenarios=tuple(map(_scenario_of, row.scenarios)),
    )


def _scenario_of(row: ScenarioRow) -> KeptScenario:
    expected, ends = processes_from(row.processes)
    return KeptScenario(
        name=row.name,
        driver=row.driver,
        outcome=Outcome(row.outcome),
        why=row.why,
        status=row.status,  # type: ignore[arg-type] # as it was written
        started_at=row.started_at,
        ended_s=row.ended_s,
        stop_reason=row.stop_reason,
        judged_s=row.judged_s,
        comparability=row.comparability,
        health=health_from(row.health),
        expected_processes=expected,
        processes=ends,
        operations=with_total([_operation_of(found) for found in row.operations]),
        thresholds=tuple(map(_threshold_of, row.thresholds)),
        gauges=gauges_from(row.gauges),
    )


def _operation_of(row: OperationRow) -> KeptOperation:
    steady, rest = (_tally_of(row.counters.get(part, {}), row.histograms, part) for part in PARTS)
    role: Role = row.role  # type: ignore[assignment] # as it was written
    return KeptOperation(row.name, role, steady, rest, _quantiles_of(row), dependence_from(row.dependence))


def _tally_of(counters: Mapping[str, Any], rows: Sequence[HistogramRow], part: str) -> Tally:
    chosen = [row for row in rows if row.part == part]
    decoded = hlog.decode_many([row.payload.encode() for row in chosen])
    return Tally(
        counters,
        {
            row.name: Histogram(found.indices, found.counts, row.clamped)
            for row, found in zip(chosen, decoded, strict=True)
        },
    )


def _quantiles_of(row: OperationRow) -> dict[str, QuantileFigure]:
    found = {}
    for label in QUANTILES:
        observed, low, high = (getattr(row, f"{label}{bound}_ns") for bound in ("", "_low", "_high"))
        if observed is not None:
            found[label] = QuantileFigure(observed, low, high)
    return found


def _threshold_of(row: ThresholdRow) -> KeptThreshold:
    named = {field.name: getattr(row, field.name) for field in fields(KeptThreshold)}
    return KeptThreshold(**named | {"outcome": Outcome(row.outcome)})
