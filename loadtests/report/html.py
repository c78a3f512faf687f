"""report.html: the page as one file that needs no network and no other file."""

from loadtests.report.bar import bar_of, ranges_of
from loadtests.report.document import document
from loadtests.report.drawings import charts_of, generator_of, slowest_of
from loadtests.report.latency import LATENCY_COLUMNS
from loadtests.report.page import Page, ScenarioPage

__all__ = ["render"]


def render(page: Page) -> str:
    """The whole document; every name and message in it is escaped and on one line, except the plan."""
    return document(
        "report.html.j2", page=page, drawings=[_drawings(one) for one in page.scenarios], columns=LATENCY_COLUMNS
    )


def _drawings(scenario: ScenarioPage) -> dict[str, object]:
    return {
        "scenario": scenario,
        "thresholds": [(row, bar_of(row)) for row in scenario.thresholds],
        "over_time": charts_of(scenario),
        "slowest": slowest_of(scenario),
        "generator": generator_of(scenario),
        "ranges": ranges_of(scenario.slowest),
    }
