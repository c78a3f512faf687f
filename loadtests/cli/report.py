"""`loadtests report`: the report of a stored run, written again."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtests.errors import UsageError

if TYPE_CHECKING:
    from loadtests.report.page import Page

__all__ = ["command"]


_STDOUT = Path("-")
_ANNOTATIONS = "github"


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path), required=False)
@click.option(
    "--format",
    "chosen",
    default="json,html,junit,markdown",
    show_default=True,
    metavar="FORMATS",
    help="Several with commas: json, html, junit, markdown, ctrf, csv, openmetrics (files), github (annotations, "
    "printed); or all files.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The directory to write to; - prints.  [default: RUN]"
)
@click.option(
    "--open", "opened", type=click.Choice(["yes", "no"]), default="no", show_default=True, help="Show it in a browser."
)
@click.option("--github", is_flag=True, help="Also print GitHub annotations and add to the summary of the job.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of report.json and end.")
def command(run: Path | None, *, chosen: str, output: Path | None, opened: str, github: bool, schema: bool) -> None:
    """Judge the stored run in directory RUN by its own thresholds and write its report; prints the paths.

    Exits with 0 once the report is written, whatever the verdict: `loadtests judge` is the gate.
    """
    if schema:
        from loadtests.report.jsondoc import schema_text

        click.echo(schema_text(), nl=False)
        return
    if run is None:
        raise click.UsageError("expected the directory of a run, e.g. loadtests report reports/RUN")
    formats = _formats(chosen)
    page = _page(run)
    paths = _written(page, [name for name in formats if name != _ANNOTATIONS], directory=output or run)
    if github:
        _announce(page)
    elif _ANNOTATIONS in formats:
        _print_annotations(page)
    if opened == "yes":
        _open(paths)


def _formats(chosen: str) -> list[str]:
    from loadtests.report import FORMATS

    names = [name.strip() for name in chosen.split(",") if name.strip()]
    known = [*FORMATS, _ANNOTATIONS]
    unknown = [name for name in names if name not in (*known, "all")]
    if unknown or not names:
        got = ", ".join(unknown) or "nothing"
        raise UsageError(f"unknown report format (got {got}): expected {', '.join(known)} or all")
    return list(dict.fromkeys(one for name in names for one in (FORMATS if name == "all" else [name])))


def _page(run: Path) -> "Page":
    from loadtests.judge.judgement import judge_run
    from loadtests.report import page_of
    from loadtests.result.rundir import read_run

    return page_of(judge_run(read_run(run)))


def _written(page: "Page", formats: list[str], *, directory: Path) -> list[Path]:
    """The paths of what was written, each of them printed; with `-` the reports themselves are."""
    from loadtests.report import FORMATS, write_reports

    if directory == _STDOUT:
        for name in formats:
            click.echo(FORMATS[name].render(page), nl=False)
        return []
    paths = write_reports(page, directory, formats=formats)
    for path in paths:
        click.echo(str(path))
    return paths


def _print_annotations(page: "Page") -> None:
    from loadtests.report.github import render

    click.echo(render(page), nl=False)


def _announce(page: "Page") -> None:
    import sys

    from loadtests.report.github import announce

    announce(page, sys.stdout)


def _open(paths: list[Path]) -> None:
    page = next((path for path in paths if path.suffix == ".html"), None)
    if page is None:
        raise UsageError("there is no page to open: --open yes needs the html format")
    click.launch(page.resolve().as_uri())
