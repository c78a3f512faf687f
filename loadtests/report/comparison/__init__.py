"""A comparison becomes a page; HTML, Markdown, JSON, JUnit and the terminal print it."""

from collections.abc import Mapping
from pathlib import Path

from loadtests.report import Format
from loadtests.report.comparison import html, jsondoc, junit, markdown
from loadtests.report.comparison.page import ComparisonPage, page_of
from loadtests.report.comparison.terminal import print_comparison
from loadtests.result.files import atomic_write

__all__ = ["FORMATS", "ComparisonPage", "page_of", "print_comparison", "write_comparison"]

FORMATS: Mapping[str, Format[ComparisonPage]] = {
    "json": Format("comparison.json", jsondoc.render),
    "html": Format("comparison.html", html.render),
    "markdown": Format("comparison.md", markdown.render),
    "junit": Format("junit.xml", junit.render),
}


def write_comparison(page: ComparisonPage, directory: Path) -> list[Path]:
    """Write every format into `directory` (made when missing), all rendered before the first; returns their paths."""
    texts = {directory / each.filename: each.render(page) for each in FORMATS.values()}
    directory.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        atomic_write(path, text)
    return list(texts)
