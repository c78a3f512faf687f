"""A trend for programs: JSON with everything, and CSV with one row a run.

The JSON has schema `loadtests.trend/1`; its JSON Schema is `trend.schema.json`.
"""

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

from loadtests.history.kept import QUANTILES
from loadtests.history.trend import Change, Point, Trend

__all__ = ["SCHEMA", "as_csv", "as_json", "schema_text"]

SCHEMA = "loadtests.trend/1"
_MS = 1e6


def as_json(trend: Trend) -> str:
    """Times in ms, shares 0..1, the oldest run first."""
    points = trend.points
    data = {
        "schema": SCHEMA,
        "scenario": trend.scenario,
        "operation": trend.operation,
        "of": trend.of,
        "runs": [_row(point) | {"why": point.why} for point in points],
        "changes": [_change(change, points[change.index]) for change in trend.changes],
        "breaks": [{"run": points[one.index].run_id, "differs": list(one.differs)} for one in trend.breaks],
        "limits": [{"metric": one.metric, "text": one.text} for one in trend.levels],
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def schema_text() -> str:
    """The JSON Schema of what `as_json` writes."""
    return Path(__file__).with_name("trend.schema.json").read_text(encoding="utf-8")


def as_csv(trend: Trend) -> str:
    """A header and one row a run; empty where there is no figure; `changed` names the metrics that changed level."""
    out = StringIO()
    rows = [
        _row(point) | {"changed": " ".join(change.metric for change in trend.changes_at(index))}
        for index, point in enumerate(trend.points)
    ]
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _row(point: Point) -> dict[str, Any]:
    row: dict[str, Any] = {
        "time": point.started_at.isoformat(),
        "run": point.run_id,
        "build": point.build,
        "branch": point.branch,
        "verdict": point.outcome.value,
        "comparability": point.comparability,
    }
    for label in QUANTILES:
        found = point.quantiles.get(label)
        ends = (None, None, None) if found is None else (found.observed, found.low, found.high)
        row |= {f"{label}{end}_ms": _ms(value) for end, value in zip(("", "_low", "_high"), ends, strict=True)}
    return row | {
        "ok": point.ok,
        "failed": point.failed,
        "failed_share": point.failed_share,
        "offered": point.offered,
        "dropped": point.dropped,
        "throughput_per_s": point.throughput,
    }


def _ms(value_ns: float | None) -> float | None:
    return None if value_ns is None else value_ns / _MS


def _change(change: Change, point: Point) -> dict[str, Any]:
    scale = _MS if change.metric in QUANTILES else 1.0
    return {
        "metric": change.metric,
        "run": point.run_id,
        "build": point.build,
        "before": change.found.before / scale,
        "after": change.found.after / scale,
        "change": change.found.change,
        "p_value": change.found.p_value,
    }
