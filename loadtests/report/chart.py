"""Geometry of the page's two drawings: a threshold's interval against its limit, and the run over time.

Only positions are computed here, in the units of an SVG view box; the template draws them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.report.page import ScenarioPage, Series, ThresholdRow
from loadtests.units import format_duration

__all__ = ["Bar", "Line", "Tick", "TimeChart", "bar_of", "charts_of"]

BAR_WIDTH = 168.0
_BAR_EDGE = 6.0

WIDTH, HEIGHT = 920.0, 188.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 12.0, 10.0, 26.0
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Bar:
    """A threshold on a line: the allowed side, the interval, the observed value and the limit, as x positions.

    An interval that is open on one side runs to that end of the line.
    `zoomed`: the line does not begin at zero, because all of it lies close together.
    """

    limit: float
    allowed: tuple[float, float]
    observed: float | None
    interval: tuple[float, float] | None
    zoomed: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One course over time; broken where there is no value. `dots` are values without neighbours."""

    key: str
    label: str
    stretches: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class TimeChart:
    """Lines over the seconds of a run; `shaded` are the (x, width) stretches that are recorded but not judged."""

    title: str
    summary: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    shaded: tuple[tuple[float, float], ...]


def bar_of(row: ThresholdRow) -> Bar | None:
    """The bar of a threshold, or none when nothing was observed."""
    limit, observed = row.limit.value, row.observed.value
    if limit is None or observed is None:
        return None
    ends = _ends(row)
    present = [limit, observed, *(end for end in ends or () if end is not None)]
    low, high = min(present), max(present)
    zoomed = high > 0 and (high - low) < 0.25 * high
    room = 0.35 * (high - low) or 0.1 * high or 1.0
    start, stop = (low - room, high + room) if zoomed else (0.0, max(high * 1.15, 1e-12))

    def place(value: float) -> float:
        return round(_BAR_EDGE + (value - start) / (stop - start) * (BAR_WIDTH - 2 * _BAR_EDGE), 1)

    below = row.comparison in ("<", "<=")
    allowed = (place(start), place(limit)) if below else (place(limit), place(stop))
    interval = None
    if ends is not None:
        first, last = ends
        interval = place(start if first is None else first), place(stop if last is None else last)
    return Bar(place(limit), allowed, place(observed), interval, zoomed)


def _ends(row: ThresholdRow) -> tuple[float | None, float | None] | None:
    low, high = (None if end is None else end.value for end in row.interval or (None, None))
    return None if low is None and high is None else (low, high)


Course = tuple[str, str, Sequence[float | None]]


def charts_of(scenario: ScenarioPage) -> tuple[TimeChart, ...]:
    """Throughput, response time and open connections over the run, each where there is any of it."""
    series = scenario.series
    if not series.second:
        return ()
    end = float(max(series.second[-1] + series.step_s, math.ceil(scenario.length_s)))
    throughput = [("offered", "offered", series.offered), ("ok", "OK", series.ok), ("failed", "failed", series.failed)]
    latency = [("p50", "p50", series.p50_ms), ("p99", "p99", series.p99_ms)]
    shaded = _shaded(scenario.steady_s, end)
    charts = []
    if series.open_connections:
        held: list[Course] = [("held", "open connections", series.open_connections)]
        charts.append(_chart("Open connections", held, series, end, shaded=(), time=False))
    if scenario.sends:
        charts.append(_chart("Requests per second", throughput, series, end, shaded=shaded, time=False))
        charts.append(_chart("Response time of OK answers", latency, series, end, shaded=shaded, time=True))
    return tuple(charts)


def _chart(
    title: str,
    courses: list[Course],
    series: Series,
    end: float,
    *,
    shaded: tuple[tuple[float, float], ...],
    time: bool,
) -> TimeChart:
    highest = max((value for _, _, values in courses for value in values if value is not None), default=0.0)
    step = _nice(highest / 4) if highest else 1.0
    top = step * max(1, math.ceil(highest / step - 1e-9))
    centres = [second + series.step_s / 2 for second in series.second]
    lines = tuple(
        _line(key, label, list(zip(centres, values, strict=True)), end, top) for key, label, values in courses
    )
    y_ticks = tuple(Tick(_y(step * n, top), _level(step * n, time=time)) for n in range(round(top / step) + 1))
    summary = "; ".join(_summary(label, values, time=time) for _, label, values in courses)
    return TimeChart(title, summary, lines, _x_ticks(end), y_ticks, shaded)


def _line(key: str, label: str, points: list[tuple[float, float | None]], end: float, top: float) -> Line:
    stretches: list[list[tuple[float, float]]] = [[]]
    for second, value in points:
        if value is None:
            stretches.append([])
        else:
            stretches[-1].append((_x(second, end), _y(value, top)))
    drawn = tuple(" ".join(f"{x},{y}" for x, y in one) for one in stretches if len(one) > 1)
    return Line(key, label, drawn, tuple(one[0] for one in stretches if len(one) == 1))


def _summary(label: str, values: Sequence[float | None], *, time: bool) -> str:
    present = [value for value in values if value is not None]
    if not present:
        return f"{label}: nothing recorded"
    return f"{label}: {_level(min(present), time=time)} to {_level(max(present), time=time)}"


def _level(value: float, *, time: bool) -> str:
    if time:
        return format_duration(value * 1e6)
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.3g}"


def _x_ticks(end: float) -> tuple[Tick, ...]:
    step = next((one for one in _STEPS_S if end / one <= 8), _STEPS_S[-1])
    return tuple(Tick(_x(at, end), _clock(at, end)) for at in range(0, math.floor(end) + 1, step))


def _clock(at: int, end: float) -> str:
    if end < 120:
        return f"{at} s"
    minutes, seconds = divmod(at, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}" if end >= 3600 else f"{minutes}:{seconds:02}"


def _shaded(steady: tuple[float, float], end: float) -> tuple[tuple[float, float], ...]:
    start, stop = min(steady[0], end), min(max(steady), end)
    spans = ((0.0, start), (stop, end))
    return tuple((_x(low, end), round(_x(high, end) - _x(low, end), 1)) for low, high in spans if high > low)


def _x(second: float, end: float) -> float:
    return round(LEFT + second / end * (WIDTH - LEFT - RIGHT), 1)


def _y(value: float, top: float) -> float:
    return round(HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM), 1)


def _nice(least: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= least * (1 - 1e-9))
