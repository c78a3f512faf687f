"""comparison.json: the page for programs. Schema `loadtests.comparison/1`; its JSON Schema is `comparison.schema.json`.

History of versions:

    1   first
"""

from pathlib import Path
from typing import Any

import orjson

from loadtests.report.comparison.page import ChangeRow, ComparisonPage, CurvePoints, ScenarioPart, Side

__all__ = ["SCHEMA", "document", "render", "schema_text"]

SCHEMA = "loadtests.comparison/1"

_UNITS = {"time": "ms", "rate": "per_s", "share": "ratio"}


def render(page: ComparisonPage) -> str:
    """The document as text."""
    return orjson.dumps(document(page), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def schema_text() -> str:
    """The JSON Schema of the document."""
    return Path(__file__).with_name("comparison.schema.json").read_text(encoding="utf-8")


def document(page: ComparisonPage) -> dict[str, Any]:
    """The document as plain data."""
    return {
        "schema": SCHEMA,
        "verdict": page.sign.key,
        "why": page.why,
        "base": _side(page.base),
        "candidate": _side(page.candidate),
        "scenarios": [_scenario(part) for part in page.scenarios],
        "warnings": list(page.warnings),
        "version": page.version,
    }


def _side(side: Side) -> dict[str, Any]:
    return {"name": side.name, "builds": side.builds, "runs": list(side.run_ids)}


def _scenario(part: ScenarioPart) -> dict[str, Any]:
    return {
        "name": part.name,
        "verdict": part.sign.key,
        "why": part.why,
        "runs": part.runs_text,
        "method": part.method,
        "calibration": part.calibration,
        "metrics": [_metric(row) for row in part.rows],
        "by_quantile": None if part.curve is None else _curve(part.curve),
        "differences": list(part.differences),
        "environment": [
            {"what": name, "base": base, "candidate": candidate} for name, base, candidate in part.environment
        ],
        "warnings": list(part.warnings),
    }


def _metric(row: ChangeRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "operation": row.operation,
        "unit": _UNITS[row.kind],
        "gated": row.gated,
        "verdict": row.sign.key,
        "base": row.base.value,
        "candidate": row.candidate.value,
        "scale": "ratio" if row.is_ratio else "difference",
        "change": row.change.value,
        "interval": [row.low.value, row.high.value],
        "margin": row.margin.value,
        "detectable": row.detectable.value,
        "needed": row.needed,
        "why": row.why,
    }


def _curve(curve: CurvePoints) -> dict[str, Any]:
    return {
        "quantile": list(curve.quantiles),
        "base_ms": list(curve.base_ms),
        "candidate_ms": list(curve.candidate_ms),
        "change": list(curve.change),
        "low": list(curve.low),
        "high": list(curve.high),
    }
