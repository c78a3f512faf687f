"""GitHub annotations: workflow commands that put the worst findings beside the job, the worst first.

GitHub shows ten of a kind and drops the rest in silence, so there are ten at most, and the last says what it leaves
out.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from loadtests.errors import GeneratorFault
from loadtests.report import markdown
from loadtests.report.page import Page
from loadtests.report.wording import visible

__all__ = ["MOST_ANNOTATIONS", "announce", "render"]

MOST_ANNOTATIONS = 10
_SUMMARY = "GITHUB_STEP_SUMMARY"

_ORDER = ("invalid", "fail", "inconclusive", "warning")
_LEVELS = {"invalid": "error", "fail": "error", "inconclusive": "warning", "warning": "warning"}


@dataclass(frozen=True, slots=True)
class _Finding:
    key: str
    title: str
    text: str


def render(page: Page) -> str:
    """One command a line; a single notice where all is well."""
    findings = sorted(_findings(page), key=lambda one: _ORDER.index(one.key))
    if not findings:
        return _command("notice", f"{page.sign.word} load test", page.why)
    shown = findings if len(findings) <= MOST_ANNOTATIONS else findings[: MOST_ANNOTATIONS - 1]
    lines = [_command(_LEVELS[one.key], one.title, one.text) for one in shown]
    rest = len(findings) - len(shown)
    if rest:
        level = _LEVELS[findings[len(shown)].key]
        lines.append(_command(level, f"{page.sign.word} load test", f"{rest} more findings are in the report"))
    return "".join(lines)


def announce(page: Page, out: TextIO) -> None:
    """Print the annotations, and add the summary to that of the job where there is one."""
    out.write(render(page))
    out.flush()
    place = os.environ.get(_SUMMARY)
    if not place:
        return
    try:
        with Path(place).open("a", encoding="utf-8") as summary:
            summary.write(markdown.render(page) + "\n")
    except OSError as error:
        raise GeneratorFault(
            f"cannot write the summary of the job to {place}: {(error.strerror or '').lower()}"
        ) from error


def _findings(page: Page) -> Iterator[_Finding]:
    told = False
    for scenario in page.scenarios:
        for reason in scenario.health.reasons:
            yield _Finding("invalid", f"INVALID {scenario.name}", reason)
        rows = scenario.thresholds if scenario.health.valid else ()
        for row in (row for row in rows if row.sign.key != "pass"):
            told = told or row.sign.key == page.sign.key
            yield _Finding(row.sign.key, f"{row.sign.word} {scenario.name}: {row.text}", row.why)
        if scenario.sign.key != "pass" and all(row.sign.key != scenario.sign.key for row in rows):
            told = True
            if scenario.health.valid:
                yield _Finding(scenario.sign.key, f"{scenario.sign.word} {scenario.name}", scenario.why)
        for warning in scenario.health.warnings:
            yield _Finding("warning", f"Warning {scenario.name}", warning)
    if page.sign.key != "pass" and not told:
        yield _Finding(page.sign.key, f"{page.sign.word} load test", page.why)
    for warning in page.run.warnings:
        yield _Finding("warning", "Warning", warning)


def _command(level: str, title: str, text: str) -> str:
    return f"::{level} title={_property(title)}::{_data(text)}\n"


def _data(text: str) -> str:
    """What is visible of it, on one line; `%` is the escape character of these commands."""
    return visible(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
