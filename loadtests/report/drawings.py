"""Which charts a scenario has: the run over time, each where there is any of it."""

from loadtests.report.chart import Chart, Course, Drawn
from loadtests.report.page import ScenarioPage

__all__ = ["charts_of"]

Spans = tuple[tuple[float, float], ...]


def charts_of(scenario: ScenarioPage) -> tuple[Drawn, ...]:
    """The charts of a scenario, all over the same seconds."""
    series = scenario.series
    if not series.second:
        return ()
    shaded = _not_judged(scenario)
    charts: list[Drawn] = []
    if series.open_connections:
        held = [Course("open connections", series.open_connections, stroke="area")]
        charts.append(Chart("Open connections", "number", series.second, held, link=scenario.name))
    if scenario.sends:
        charts += [_throughput(scenario, shaded), _response(scenario, shaded)]
    return (*charts, *(chart for block in scenario.blocks for chart in block.charts))


def _not_judged(scenario: ScenarioPage) -> Spans:
    """The stretches before and after the steady interval."""
    series = scenario.series
    end = max(series.second[-1] + series.step_s, scenario.length_s)
    start, stop = min(scenario.steady_s[0], end), min(max(scenario.steady_s), end)
    return tuple(span for span in ((0.0, start), (stop, end)) if span[1] > span[0])


def _throughput(scenario: ScenarioPage, shaded: Spans) -> Chart:
    series = scenario.series
    courses = [
        Course("offered", series.offered, "soft", "dashed"),
        Course("OK", series.ok, "a"),
        Course("failed", series.failed, "fail"),
    ]
    return Chart("Requests per second", "per_s", series.second, courses, shaded=shaded, link=scenario.name)


def _response(scenario: ScenarioPage, shaded: Spans) -> Chart:
    series = scenario.series
    courses = [Course("p50", series.p50_ms, "a"), Course("p99", series.p99_ms, "b")]
    return Chart("Response time of OK answers", "ms", series.second, courses, shaded=shaded, link=scenario.name)
