"""Which charts a scenario has, each where there is any of it. Those over time share their seconds, cursor and zoom."""

from collections.abc import Mapping, Sequence

from loadtests.report.chart import Chart, Course, Drawn, Heatmap, Mark, Point, Stroke, Unit
from loadtests.report.page import Gauge, ScenarioPage

__all__ = ["charts_of", "generator_of", "slowest_of"]

Spans = tuple[tuple[float, float], ...]
Values = Sequence[float | None]

_TONES = ("a", "b", "d", "e", "f", "c")
_STROKES: tuple[Stroke, ...] = ("solid", "dashed", "dotted")
_MOST_KINDS = len(_TONES)
_IN_VIEW = 4.0
"""A limit up to this many times the highest value is drawn on its chart; farther off it would only press that flat."""


def charts_of(scenario: ScenarioPage) -> tuple[Drawn, ...]:
    """The charts over the seconds of a run."""
    if not scenario.series.second:
        return ()
    sent = _sent(scenario) if scenario.sends else []
    blocks = [chart for block in scenario.blocks for chart in block.charts]
    return (*sent[:1], *_held(scenario), *sent[1:], *blocks, *_target(scenario))


def slowest_of(scenario: ScenarioPage) -> tuple[Drawn, ...]:
    """The p99 of the slowest operations over the run."""
    slow = _lines({one.row.name: one.p99s for one in scenario.slowest})
    return (_over_time(scenario, "p99 of the slowest operations", "ms", slow),) if slow else ()


def generator_of(scenario: ScenarioPage) -> tuple[Drawn, ...]:
    """What the generator itself was doing."""
    found = scenario.series.generator
    lateness = _present({
        "start lag p99": found.lag_p99_ms, "loop lag max": found.loop_lag_max_ms,
        "garbage collection max": found.gc_pause_max_ms,
    })  # fmt: skip
    cpu = _present({"busiest engine process": found.cpu})
    flying = _present({"in flight": found.in_flight})
    charts = [
        _over_time(scenario, "Lateness of the generator", "ms", _lines(lateness)) if lateness else None,
        _over_time(scenario, "CPU of the generator, share of a core", "ratio", _lines(cpu)) if cpu else None,
        _over_time(scenario, "Executions in flight", "number", _lines(flying)) if flying and scenario.sends else None,
    ]
    return tuple(chart for chart in charts if chart is not None)


def _held(scenario: ScenarioPage) -> list[Drawn]:
    held = scenario.series.open_connections
    courses = [Course("open connections", held, stroke="area")]
    return [_over_time(scenario, "Open connections", "number", courses, judged=True)] if held else []


def _sent(scenario: ScenarioPage) -> list[Drawn]:
    series = scenario.series
    sent = [
        Course("offered", series.offered, "soft", "dashed"),
        Course("OK", series.ok, "a", "area"),
        Course("failed", series.failed, "fail"),
    ]
    if any(series.dropped):
        sent.append(Course("dropped", series.dropped, "f", "dotted"))
    charts: list[Drawn] = [_response(scenario), _over_time(scenario, "Requests per second", "per_s", sent)]
    if series.failures:
        charts.append(_over_time(scenario, "Failures per second, by kind", "per_s", _lines(_few(series.failures))))
    return [*charts, *_heat(scenario), *_distribution(scenario)]


def _response(scenario: ScenarioPage) -> Chart:
    series = scenario.series
    courses = [
        Course("p50", series.p50_ms, "a"),
        Course("p90", series.p90_ms, "e"),
        Course("p95", series.p95_ms, "f"),
        Course("p99", series.p99_ms, "b"),
        Course("max", series.max_ms, "soft", "dots"),
    ]
    highest = max((value for value in series.p99_ms if value is not None), default=0.0)
    limits: dict[float, list[str]] = {}
    for row in scenario.thresholds:
        if row.quantile is not None and row.limit.value and row.limit.value <= _IN_VIEW * highest:
            limits.setdefault(row.limit.value, []).append(row.text)
    levels = [Mark(limit, ", ".join(texts), "soft") for limit, texts in limits.items()]
    return _over_time(scenario, "Response time of OK answers", "ms", courses, levels=levels)


def _heat(scenario: ScenarioPage) -> list[Drawn]:
    found = scenario.spread
    if found is None:
        return []
    return [
        Heatmap(
            "Response times, how many and when", "ms", found.second, found.step_s, found.edges_ms, found.counts,
            "answers", shaded=_not_judged(scenario), link=scenario.name,
        )
    ]  # fmt: skip


def _distribution(scenario: ScenarioPage) -> list[Drawn]:
    """The response times over their quantiles, with the limits that hold there."""
    if not scenario.curves:
        return []
    quantiles = max((curve.quantiles for curve in scenario.curves), key=len)
    courses = _lines({curve.label: _padded(curve.ms, len(quantiles)) for curve in scenario.curves})
    points = [
        Point(row.quantile, row.limit.value, row.text, row.sign.key)
        for row in scenario.thresholds
        if row.quantile is not None and row.limit.value
    ]
    highest = max(curve.ms[-1] for curve in scenario.curves)
    near = [point for point in points if point.value <= _IN_VIEW * highest and point.x <= quantiles[-1]]
    return [
        Chart(
            "Response time by quantile", "ms", quantiles, courses, axis="quantile", points=near, logarithmic=True,
        )
    ]  # fmt: skip


def _target(scenario: ScenarioPage) -> list[Drawn]:
    """One chart a unit, so that shares stand beside shares."""
    gauges = [
        one for one in scenario.series.gauges if one.source == "target" and any(v is not None for v in one.values)
    ]
    units: dict[Unit, list[Gauge]] = {}
    for gauge in gauges:
        units.setdefault(gauge.unit, []).append(gauge)
    return [
        _over_time(
            scenario,
            "Target: " + ", ".join(one.label for one in found),
            unit,
            _lines({one.label: one.values for one in found}, bridged=True),
        )
        for unit, found in units.items()
    ]


def _over_time(
    scenario: ScenarioPage,
    title: str,
    unit: Unit,
    courses: Sequence[Course],
    *,
    levels: Sequence[Mark] = (),
    judged: bool = False,
) -> Chart:
    """`judged` is all of it, where the whole run counts."""
    shaded = () if judged else _not_judged(scenario)
    second = scenario.series.second
    return Chart(title, unit, second, courses, shaded=shaded, levels=levels, link=scenario.name)


def _not_judged(scenario: ScenarioPage) -> Spans:
    """The stretches before and after the steady interval."""
    series = scenario.series
    end = max(series.second[-1] + series.step_s, scenario.length_s)
    start, stop = min(scenario.steady_s[0], end), min(max(scenario.steady_s), end)
    return tuple(span for span in ((0.0, start), (stop, end)) if span[1] > span[0])


def _lines(named: Mapping[str, Values], *, bridged: bool = False) -> list[Course]:
    """A line for each, told apart by colour and, from the second on, by dashes."""
    return [
        Course(label, values, _TONES[number % len(_TONES)], _STROKES[number % len(_STROKES)], bridged)
        for number, (label, values) in enumerate(named.items())
    ]


def _few(kinds: Mapping[str, Values]) -> dict[str, Values]:
    """The most frequent kinds, and the rest as one."""
    order = sorted(kinds, key=lambda kind: sum(value or 0.0 for value in kinds[kind]), reverse=True)
    if len(order) <= _MOST_KINDS:
        return {kind: kinds[kind] for kind in order}
    kept, rest = order[: _MOST_KINDS - 1], order[_MOST_KINDS - 1 :]
    others = [
        None if all(value is None for value in at) else sum(value or 0.0 for value in at)
        for at in zip(*(kinds[kind] for kind in rest), strict=True)
    ]
    return {kind: kinds[kind] for kind in kept} | {f"{len(rest)} other kinds": others}


def _present(named: Mapping[str, Values]) -> dict[str, Values]:
    return {label: values for label, values in named.items() if any(value is not None for value in values)}


def _padded(values: Sequence[float], length: int) -> list[float | None]:
    return [*values, *[None] * (length - len(values))]
