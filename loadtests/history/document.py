"""What is kept of a run as one document of plain data, as a baseline file holds it; read back without loss.

Figures that people read are in ms; everything else is as in `kept`. Where the run's directory was is left out: the
document is for other machines too.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from loadtests.history.kept import KeptOperation, KeptRun, KeptScenario, KeptThreshold
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
from loadtests.judge.quantiles import QuantileFigure
from loadtests.judge.verdict import Outcome
from loadtests.result import hlog
from loadtests.result.histogram import Histogram
from loadtests.result.run import Environment
from loadtests.result.window import Tally

__all__ = ["kept_from", "kept_to"]

Plain = dict[str, Any]

_MS = 1e6


def kept_to(kept: KeptRun) -> Plain:
    """The document of a run."""
    return {
        "run": {
            "id": kept.id,
            "started_at": kept.started_at.isoformat(),
            "build": kept.build,
            "branch": kept.branch,
            "status": kept.status,
            "verdict": kept.outcome.value,
            "why": kept.why,
            "comparability": kept.comparability,
            "warnings": list(kept.warnings),
        },
        "environment": {"machine": dict(kept.environment.machine), "versions": dict(kept.environment.versions)},
        "scenarios": [_scenario_to(found) for found in kept.scenarios],
        "plan": dict(kept.plan),
    }


def kept_from(data: Mapping[str, Any]) -> KeptRun:
    """What `kept_to` wrote; `KeyError`, `TypeError` or `ValueError` for anything else."""
    run, environment = data["run"], data["environment"]
    return KeptRun(
        id=run["id"],
        started_at=datetime.fromisoformat(run["started_at"]),
        build=run["build"],
        branch=run["branch"],
        status=run["status"],
        outcome=Outcome(run["verdict"]),
        why=run["why"],
        comparability=run["comparability"],
        path=None,
        plan=data["plan"],
        environment=Environment(environment["machine"], environment["versions"]),
        warnings=tuple(run["warnings"]),
        scenarios=tuple(map(_scenario_from, data["scenarios"])),
    )


def _scenario_to(kept: KeptScenario) -> Plain:
    plain = {
        "name": kept.name,
        "driver": kept.driver,
        "verdict": kept.outcome.value,
        "why": kept.why,
        "status": kept.status,
        "started_at": kept.started_at.isoformat(),
        "ended_s": kept.ended_s,
        "stop_reason": kept.stop_reason,
        "judged_s": kept.judged_s,
        "comparability": kept.comparability,
    }
    return plain | {
        "thresholds": [asdict(found) | {"outcome": found.outcome.value} for found in kept.thresholds],
        "figures": [_figures_to(found) for found in kept.operations if found.role != "generator"],
        "gauges": gauges_to(kept.gauges),
        "health": health_to(kept.health),
        "processes": processes_to(kept.expected_processes, kept.processes),
        "operations": [_operation_to(found) for found in kept.operations],
    }


def _figures_to(kept: KeptOperation) -> Plain:
    """For people: one line an operation. Programs read `operations`."""
    return {"name": kept.name, "ok": kept.steady.count("ok"), "failed": kept.steady.failed} | {
        f"{label}_ms": found.observed / _MS for label, found in kept.quantiles.items()
    }


def _operation_to(kept: KeptOperation) -> Plain:
    parts = parts_of(kept)
    return {
        "name": kept.name,
        "role": kept.role,
        "quantiles": {label: [found.observed, found.low, found.high] for label, found in kept.quantiles.items()},
        "dependence": dependence_to(kept.dependence),
        "counters": {part: dict(tally.counters) for part, tally in parts.items()},
        "histograms": {
            part: {
                name: {"total": found.total, "clamped": found.clamped, "payload": hlog.encode(found).decode()}
                for name, found in tally.histograms.items()
            }
            for part, tally in parts.items()
        },
    }


def _scenario_from(data: Mapping[str, Any]) -> KeptScenario:
    expected, ends = processes_from(data["processes"])
    return KeptScenario(
        name=data["name"],
        driver=data["driver"],
        outcome=Outcome(data["verdict"]),
        why=data["why"],
        status=data["status"],
        started_at=datetime.fromisoformat(data["started_at"]),
        ended_s=data["ended_s"],
        stop_reason=data["stop_reason"],
        judged_s=data["judged_s"],
        comparability=data["comparability"],
        health=health_from(data["health"]),
        expected_processes=expected,
        processes=ends,
        operations=with_total([_operation_from(found) for found in data["operations"]]),
        thresholds=tuple(map(_threshold_from, data["thresholds"])),
        gauges=gauges_from(data["gauges"]),
    )


def _operation_from(data: Mapping[str, Any]) -> KeptOperation:
    steady, rest = (_tally_from(data["counters"].get(part, {}), data["histograms"].get(part, {})) for part in PARTS)
    quantiles = {label: QuantileFigure(*found) for label, found in data["quantiles"].items()}
    dependence = dependence_from(data["dependence"])
    return KeptOperation(data["name"], data["role"], steady, rest, quantiles, dependence)


def _tally_from(counters: Mapping[str, int], histograms: Mapping[str, Mapping[str, Any]]) -> Tally:
    decoded = hlog.decode_many([found["payload"].encode() for found in histograms.values()])
    pairs = zip(histograms.items(), decoded, strict=True)
    return Tally(counters, {name: Histogram(h.indices, h.counts, found["clamped"]) for (name, found), h in pairs})


def _threshold_from(data: Mapping[str, Any]) -> KeptThreshold:
    named = {field.name: data[field.name] for field in fields(KeptThreshold)}
    return KeptThreshold(**named | {"outcome": Outcome(data["outcome"])})
