"""A self-contained page: its style, script and data in one file, under a policy that lets nothing else in or run.

Every HTML report of the suite is a template that extends `document.html.j2` and is rendered here. Charts are put up
with `{% from "charts.j2" import chart %}` and `{{ chart(drawn, "an-id") }}`.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtests.report.chart import Drawn, payload
from loadtests.report.wording import visible

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["document"]

_HERE = Path(__file__).parent
_SCRIPTS = ("uplot/uPlot.iife.min.js", "words.js", "charts.js", "page.js")
_STYLES = ("uplot/uPlot.min.css", "page.css")


def document(template: str, **values: Any) -> str:
    """The page that `template` makes of `values`; every text is escaped and on one line unless it says `lines`."""
    return (
        _environment()
        .get_template(template)
        .render(values, style=_joined(_STYLES), script=_joined(_SCRIPTS), policy=_policy())
    )


@cache
def _joined(names: tuple[str, ...]) -> Any:
    from markupsafe import Markup

    return Markup("\n".join((_HERE / "assets" / name).read_text(encoding="utf-8").strip() for name in names))


@cache
def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_joined(_SCRIPTS).encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["lines"] = _lines
    environment.filters["payload"] = _payload
    return environment


def _payload(drawn: Drawn) -> Any:
    from markupsafe import Markup

    return Markup(payload(drawn))


def _shown(value: Any) -> Any:
    from markupsafe import Markup

    if value is None:
        return ""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _lines(text: str) -> Any:
    from markupsafe import Markup, escape

    return Markup("\n").join(escape(visible(line)) for line in text.split("\n"))
