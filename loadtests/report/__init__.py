"""The report room: a verdict becomes a page; files, annotations and the terminal print it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from loadtests.judge.verdict import Verdict
from loadtests.report import ctrf, html, jsondoc, junit, markdown, openmetrics, windows
from loadtests.report.compose import page_of
from loadtests.report.page import Page
from loadtests.report.terminal import print_verdict
from loadtests.result.files import atomic_write

__all__ = ["FORMATS", "USUAL", "Format", "Page", "page_of", "print_verdict", "write_reports"]


Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class Format(Generic[Shown]):
    """A kind of report file: its name in a directory, and how a page becomes its text."""

    filename: str
    render: Callable[[Shown], str]


FORMATS: Mapping[str, Format[Page]] = {
    "json": Format("report.json", jsondoc.render),
    "html": Format("report.html", html.render),
    "junit": Format("junit.xml", junit.render),
    "markdown": Format("summary.md", markdown.render),
    "ctrf": Format("ctrf.json", ctrf.render),
    "csv": Format("windows.csv", windows.render),
    "openmetrics": Format("openmetrics.txt", openmetrics.render),
}

USUAL = ("json", "html", "junit", "markdown")
"""What every run gets unasked."""


def write_reports(found: Verdict | Page, directory: Path, *, formats: Iterable[str] = USUAL) -> list[Path]:
    """Write the reports into `directory` (made when missing) and return their paths.

    All are rendered before the first is written, and each is written beside and renamed: no file is ever half there.
    """
    page = page_of(found) if isinstance(found, Verdict) else found
    texts = {directory / FORMATS[name].filename: FORMATS[name].render(page) for name in formats}
    directory.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        atomic_write(path, text)
    return list(texts)
