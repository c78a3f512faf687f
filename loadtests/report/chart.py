"""A chart as a value: what is drawn and how it is said, whatever the page it stands on.

A page puts one up with the macro `chart` of `templates/charts.j2`; `assets/charts.js` draws it. Values are in the units
of report.json (ms, share, per second, bytes, a count); `None` is a gap, not a zero.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from loadtests.report.wording import figure, visible

__all__ = ["Axis", "Band", "Chart", "Course", "Drawn", "Heatmap", "Mark", "Point", "Stroke", "Unit", "payload"]

Unit = Literal["ms", "ratio", "per_s", "bytes", "number"]
Axis = Literal["seconds", "quantile", "named"]
Stroke = Literal["solid", "dashed", "dotted", "dots", "area"]

_BASE = {"ms": "ns", "ratio": "ratio", "per_s": "per_s", "bytes": "bytes", "number": "number"}
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Course:
    """One line: a value for every x. `tone` names a colour of page.css: `a` to `f`, `soft`, or that of an outcome.

    `bridged` draws on over a single missing value, as of a gauge that was looked at a little late.
    """

    label: str
    values: Sequence[float | None]
    tone: str = "a"
    stroke: Stroke = "solid"
    bridged: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """The space between two courses (by position), such as an interval around a third."""

    low: int
    high: int
    tone: str = "a"


@dataclass(frozen=True, slots=True)
class Mark:
    """A straight line across the chart with a few words: upright at an x, or level at a value."""

    at: float
    text: str
    tone: str = "ink"


@dataclass(frozen=True, slots=True)
class Point:
    """A single spot with a few words, such as a limit that holds at one quantile only."""

    x: float
    value: float
    text: str
    tone: str = "ink"


@dataclass(frozen=True, slots=True)
class Chart:
    """Courses over one x axis.

    `axis`: seconds of a run; quantiles 0 ≤ q < 1, drawn so that every further nine takes as much room; or `names` of
    the positions 0, 1, 2, … such as builds. `shaded` are stretches of x that are recorded but not judged. Charts of one
    `link` share their cursor and their zoom. `logarithmic`: the value axis to begin with; a reader may change it where
    all is above zero.
    """

    title: str
    unit: Unit
    x: Sequence[float]
    courses: Sequence[Course]
    axis: Axis = "seconds"
    names: Sequence[str] = ()
    bands: Sequence[Band] = ()
    shaded: Sequence[tuple[float, float]] = ()
    uprights: Sequence[Mark] = ()
    levels: Sequence[Mark] = ()
    points: Sequence[Point] = ()
    link: str = ""
    logarithmic: bool = False
    note: str = ""

    @property
    def summary(self) -> str:
        """The chart in a sentence, for those who do not see it."""
        return "; ".join(_range_of(course, self.unit) for course in self.courses)


@dataclass(frozen=True, slots=True)
class Heatmap:
    """How many values fell where: `counts[i]` over x[i], by the stretches between `edges` (ascending, one more)."""

    title: str
    unit: Unit
    x: Sequence[float]
    step: float
    edges: Sequence[float]
    counts: Sequence[Sequence[int]]
    of: str
    shaded: Sequence[tuple[float, float]] = ()
    link: str = ""
    note: str = ""

    @property
    def summary(self) -> str:
        """Where most of the values are, for those who do not see it."""
        rows = [sum(column[row] for column in self.counts) for row in range(len(self.edges) - 1)]
        total = sum(rows)
        if not total:
            return f"no {self.of}"
        most = rows.index(max(rows))
        low, high = (_said(edge, self.unit) for edge in self.edges[most : most + 2])
        return f"{total:,} {self.of}, most of them between {low} and {high}"


Drawn = Chart | Heatmap


def payload(drawn: Drawn) -> str:
    """What `charts.js` needs of a chart, as JSON that is safe inside a script element."""
    data = _heatmap(drawn) if isinstance(drawn, Heatmap) else _chart(drawn)
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _chart(chart: Chart) -> dict[str, Any]:
    return _common(chart) | {
        "kind": "courses",
        "axis": chart.axis,
        "names": [visible(name) for name in chart.names],
        "courses": [
            {
                "label": visible(course.label),
                "tone": course.tone,
                "stroke": course.stroke,
                "bridged": course.bridged,
                "values": _numbers(course.values),
            }
            for course in chart.courses
        ],
        "bands": [{"low": band.low, "high": band.high, "tone": band.tone} for band in chart.bands],
        "uprights": [{"at": mark.at, "text": visible(mark.text), "tone": mark.tone} for mark in chart.uprights],
        "levels": [{"at": mark.at, "text": visible(mark.text), "tone": mark.tone} for mark in chart.levels],
        "points": [
            {"x": point.x, "value": point.value, "text": visible(point.text), "tone": point.tone}
            for point in chart.points
        ],
        "logarithmic": chart.logarithmic,
    }


def _heatmap(heatmap: Heatmap) -> dict[str, Any]:
    return _common(heatmap) | {
        "kind": "heatmap",
        "axis": "seconds",
        "step": heatmap.step,
        "edges": _numbers(heatmap.edges),
        "counts": heatmap.counts,
        "of": heatmap.of,
    }


def _common(drawn: Drawn) -> dict[str, Any]:
    return {
        "title": visible(drawn.title),
        "unit": drawn.unit,
        "link": visible(drawn.link),
        "x": _numbers(drawn.x, digits=9),
        "shaded": drawn.shaded,
    }


def _numbers(values: Sequence[float | None], *, digits: int = _DIGITS) -> list[float | int | None]:
    return [_short(value, digits) for value in values]


def _short(value: float | None, digits: int) -> float | int | None:
    if value is None or not math.isfinite(value):
        return None
    shorter = value if isinstance(value, int) else float(f"{value:.{digits}g}")
    return int(shorter) if shorter == int(shorter) else shorter


def _range_of(course: Course, unit: Unit) -> str:
    present = [value for value in course.values if value is not None]
    if not present:
        return f"{course.label}: nothing recorded"
    return f"{course.label}: {_said(min(present), unit)} to {_said(max(present), unit)}"


def _said(value: float, unit: Unit) -> str:
    return figure(value * 1e6 if unit == "ms" else value, _BASE[unit]).text
