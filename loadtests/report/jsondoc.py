"""report.json: the page for programs. Versioned, described by a published JSON Schema, absence is null.

Times are milliseconds, shares 0..1, rates per second, sizes bytes; keys are only ever added within a version.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadtests.report.blocks import BLOCKS
from loadtests.report.page import (
    ClauseRow,
    Curve,
    FailureRow,
    Gauge,
    MessageFacts,
    OperationRow,
    Page,
    ScenarioPage,
    ThresholdRow,
)
from loadtests.report.wording import plain, values_of

__all__ = ["SCHEMA_ID", "render", "schema_text"]

SCHEMA_ID = "loadtests.report/1"

_SCHEMA = Path(__file__).with_name("report.schema.json")


def schema_text() -> str:
    """The published JSON Schema of report.json."""
    return _SCHEMA.read_text(encoding="utf-8")


def render(page: Page) -> str:
    """The document, indented, in a fixed order of keys; never NaN or infinity."""
    return plain(json.dumps(_document(page), ensure_ascii=False, allow_nan=False, indent=1)) + "\n"


def _document(page: Page) -> dict[str, Any]:
    run = page.run
    return {
        "schema": SCHEMA_ID,
        "generator": f"loadtests {page.version}",
        "verdict": page.sign.key,
        "why": page.why,
        "run": {
            "id": run.id,
            "started_at": run.started_at,
            "status": run.status,
            "build": run.build,
            "comparability": run.comparability,
            "duration_ms": run.duration.value,
            "warnings": list(run.warnings),
        },
        "scenarios": [_scenario(scenario) for scenario in page.scenarios],
        "clauses": [_clause(row) for row in page.clauses],
        "environment": {"machine": dict(page.machine), "versions": dict(page.versions)},
        "plan": page.plan_yaml,
    }


def _scenario(scenario: ScenarioPage) -> dict[str, Any]:
    return {
        "name": scenario.name,
        "driver": scenario.driver,
        "verdict": scenario.sign.key,
        "why": scenario.why,
        "started_at": scenario.started_at,
        "status": scenario.status,
        "stop_reason": scenario.stop_reason,
        "steady": {"from_s": scenario.steady_s[0], "to_s": scenario.steady_s[1]},
        "load": _load(scenario),
        "health": _health(scenario),
        "operations": [_operation(row) for row in scenario.operations],
        "total": _operation(scenario.total),
        "thresholds": [_threshold(row) for row in scenario.thresholds],
        "resources": _resources(scenario),
        "failure_samples": [_failure(row) for row in scenario.failures],
        "failure_samples_left_out": scenario.failures_left_out,
        "series": _series(scenario),
        "curves": [_curve(one) for one in scenario.curves],
        **dict.fromkeys(BLOCKS),
        **{block.key: block.document() for block in scenario.blocks},
    }


def _load(scenario: ScenarioPage) -> dict[str, Any]:
    load = scenario.load
    return {
        "model": load.model,
        "offered_per_s": load.offered_per_s.value,
        "achieved_per_s": load.achieved_per_s.value,
        "offered": load.offered.value,
        "dropped": load.dropped.value,
        "lag_ms": values_of(load.lag),
    }


def _health(scenario: ScenarioPage) -> dict[str, Any]:
    health = scenario.health
    return {
        "valid": health.valid,
        "reasons": list(health.reasons),
        "warnings": list(health.warnings),
        "cpu": health.cpu.value,
        "gc_pause_max_ms": health.gc_pause_max.value,
        "loop_lag_max_ms": health.loop_lag_max.value,
        "core_wait": health.core_wait.value,
        "processes": health.processes,
    }


def _operation(row: OperationRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "journey": row.journey,
        "offered": row.offered.value,
        "requests": row.requests.value,
        "ok": row.ok.value,
        "failed": row.failed.value,
        "failed_share": row.failed_share.value,
        "dropped": row.dropped.value,
        "cut_off": row.cut_off.value,
        "failures": values_of(row.failures),
        "throughput_per_s": row.throughput.value,
        "response_ms": row.response.document(),
        "service_ms": row.service.document(),
        "all_outcomes_ms": row.all_outcomes.document(),
        "phases_ms": {name: found.document() for name, found in row.phases.items()},
        "messages": None if row.messages is None else _messages(row.messages),
    }


def _messages(messages: MessageFacts) -> dict[str, Any]:
    return {
        "late": messages.late.value,
        "duplicated": messages.duplicated.value,
        "out_of_order": messages.out_of_order.value,
        "unexpected": messages.unexpected.value,
        "expected": messages.expected.value,
        "received": messages.received.value,
        "reach": messages.reach.value,
    }


def _threshold(row: ThresholdRow) -> dict[str, Any]:
    return {
        "text": row.text,
        "clause": row.clause,
        "operation": row.operation,
        "verdict": row.sign.key,
        "comparison": row.comparison,
        "observed": row.observed.value,
        "limit": row.limit.value,
        "unit": row.unit,
        "interval": None if row.interval is None else [end and end.value for end in row.interval],
        "samples": row.samples.value,
        "needed": row.needed.value,
        "why": row.why,
    }


def _resources(scenario: ScenarioPage) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {"target": {}, "generator": {}}
    for row in scenario.resources:
        found.setdefault(row.source, {})[row.name] = {
            "mean": row.mean.value,
            "max": row.max.value,
            "samples": row.samples,
        }
    return found


def _failure(row: FailureRow) -> dict[str, Any]:
    return {"operation": row.operation, "kind": row.kind, "at_ms": row.at.value, "message": row.message}


def _series(scenario: ScenarioPage) -> dict[str, Any]:
    series = scenario.series
    return {
        "step_s": series.step_s,
        "second": list(series.second),
        "offered_per_s": list(series.offered),
        "ok_per_s": list(series.ok),
        "failed_per_s": list(series.failed),
        "dropped_per_s": list(series.dropped),
        "failures_per_s": {kind: list(values) for kind, values in series.failures.items()},
        "p50_ms": list(series.p50_ms),
        "p90_ms": list(series.p90_ms),
        "p95_ms": list(series.p95_ms),
        "p99_ms": list(series.p99_ms),
        "max_ms": list(series.max_ms),
        "resources": _gauges(series.gauges),
        "generator": {
            "cpu": list(series.generator.cpu),
            "in_flight": list(series.generator.in_flight),
            "lag_p99_ms": list(series.generator.lag_p99_ms),
            "loop_lag_max_ms": list(series.generator.loop_lag_max_ms),
            "gc_pause_max_ms": list(series.generator.gc_pause_max_ms),
        },
        "open_connections": list(series.open_connections),
    }


def _gauges(gauges: Sequence[Gauge]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for gauge in gauges:
        found.setdefault(gauge.source, {})[gauge.name] = {"unit": gauge.unit, "values": list(gauge.values)}
    return found


def _curve(curve: Curve) -> dict[str, Any]:
    return {"name": curve.label, "quantiles": list(curve.quantiles), "ms": list(curve.ms)}


def _clause(row: ClauseRow) -> dict[str, Any]:
    return {"name": row.name, "demand": row.demand, "verdict": row.sign.key, "thresholds": list(row.evidence)}
