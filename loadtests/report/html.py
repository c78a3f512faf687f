"""report.html: the page as one file that needs no network, no script and no other file."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtests.report import chart
from loadtests.report.page import LATENCY_COLUMNS, Page
from loadtests.report.wording import visible

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["render"]

_TEMPLATES = Path(__file__).with_name("templates")


def render(page: Page) -> str:
    """The whole document; every name and message in it is escaped and on one line, except the plan."""
    drawings = [
        (scenario, chart.charts_of(scenario), [(row, chart.bar_of(row)) for row in scenario.thresholds])
        for scenario in page.scenarios
    ]
    template = _environment().get_template("report.html.j2")
    return template.render(page=page, drawings=drawings, columns=LATENCY_COLUMNS, chart=chart)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["lines"] = _lines
    return environment


def _shown(value: Any) -> Any:
    from markupsafe import Markup

    if value is None:
        return ""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _lines(text: str) -> Any:
    from markupsafe import Markup, escape

    return Markup("\n").join(escape(visible(line)) for line in text.split("\n"))
