"""`loadtests report`: the report of a stored run, written again."""

from pathlib import Path

import click

from loadtests.errors import UsageError

__all__ = ["command"]


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path), required=False)
@click.option(
    "--format",
    "chosen",
    default="all",
    show_default=True,
    metavar="FORMATS",
    help="html, json, junit, markdown, several with commas, or all.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The directory to write to.  [default: RUN]")
@click.option(
    "--open", "opened", type=click.Choice(["yes", "no"]), default="no", show_default=True, help="Show it in a browser."
)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of report.json and end.")
def command(run: Path | None, *, chosen: str, output: Path | None, opened: str, schema: bool) -> None:
    """Judge the stored run in directory RUN by its own thresholds and write its report; prints the paths.

    Exits with 0 once the report is written, whatever the verdict: `loadtests judge` is the gate.
    """
    if schema:
        from loadtests.report.jsondoc import schema_text

        click.echo(schema_text(), nl=False)
        return
    if run is None:
        raise click.UsageError("expected the directory of a run, e.g. loadtests report reports/RUN")
    paths = _write(run, formats=_formats(chosen), directory=output or run)
    for path in paths:
        click.echo(str(path))
    if opened == "yes":
        _open(paths)


def _formats(chosen: str) -> list[str]:
    from loadtests.report import FORMATS

    names = [name.strip() for name in chosen.split(",") if name.strip()]
    unknown = [name for name in names if name not in FORMATS and name != "all"]
    if unknown or not names:
        got = ", ".join(unknown) or "nothing"
        raise UsageError(f"unknown report format (got {got}): expected {', '.join(FORMATS)} or all")
    return list(FORMATS) if "all" in names else list(dict.fromkeys(names))


def _write(run: Path, *, formats: list[str], directory: Path) -> list[Path]:
    from loadtests.judge.judgement import judge_run
    from loadtests.report import write_reports
    from loadtests.result.rundir import read_run

    return write_reports(judge_run(read_run(run)), directory, formats=formats)


def _open(paths: list[Path]) -> None:
    page = next((path for path in paths if path.suffix == ".html"), None)
    if page is None:
        raise UsageError("there is no page to open: --open yes needs the html format")
    click.launch(page.resolve().as_uri())
