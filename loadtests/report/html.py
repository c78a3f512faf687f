"""report.html: the page as one file that needs no network and no other file."""

from loadtests.report.bar import bar_of
from loadtests.report.document import document
from loadtests.report.drawings import charts_of
from loadtests.report.latency import LATENCY_COLUMNS
from loadtests.report.page import Page

__all__ = ["render"]


def render(page: Page) -> str:
    """The whole document; every name and message in it is escaped and on one line, except the plan."""
    drawings = [
        (scenario, charts_of(scenario), [(row, bar_of(row)) for row in scenario.thresholds])
        for scenario in page.scenarios
    ]
    return document("report.html.j2", page=page, drawings=drawings, columns=LATENCY_COLUMNS)
