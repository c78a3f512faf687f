"""`loadtests history`: scenarios over their runs; and what goes into the history and out of it."""

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtests.cli.options import MOMENT, address, database_option
from loadtests.errors import RunUnreadable, UsageError

if TYPE_CHECKING:
    from loadtests.history.store import Selection
    from loadtests.history.trend import Trend

__all__ = ["command"]

_ROWS = 20


class _TrendByDefault(click.Group):
    """A group whose first word may be a scenario: then it is that of `show`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group("history", cls=_TrendByDefault, subcommand_metavar="[SCENARIO] [OPTIONS] | COMMAND [ARGS]...")
def command() -> None:
    """A scenario over its runs: percentiles with bounds by build, changes of level, verdicts.

    Without SCENARIO every scenario in one line. All options of that: loadtests history show --help.
    """


@command.command("show")
@click.argument("scenario", required=False)
@click.option("--operation", metavar="NAME", help="One operation instead of all together.")
@click.option("--branch", help="Only runs of this branch.")
@click.option("--build", help="Only runs of this build.")
@click.option("--since", type=MOMENT, help="Only runs from this day on, or not older than this (30d, 8w).")
@click.option("--last", "newest", type=click.IntRange(min=1), metavar="N", help="Only the newest N runs.")
@click.option("--by", type=click.Choice(["run", "build"]), default="run", show_default=True, help="What a point is.")
@click.option(
    "--rows", type=click.IntRange(min=1), default=_ROWS, show_default=True, help="Runs listed in the terminal."
)
@click.option("--format", "shape", type=click.Choice(["text", "json", "csv"]), default="text", show_default=True)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it as a page.")
@database_option
def show(
    scenario: str | None,
    *,
    operation: str | None,
    branch: str | None,
    build: str | None,
    since: datetime | None,
    newest: int | None,
    by: str,
    rows: int,
    shape: str,
    html: Path | None,
    database: str | None,
) -> None:
    """SCENARIO over its runs, or every scenario in one line."""
    from loadtests.history.store import Selection

    selection = Selection(scenario=scenario, branch=branch, build=build, since=since, newest=newest)
    if scenario is None:
        if operation or html or shape != "text":
            raise UsageError("expected a SCENARIO with --operation, --html or --format; without one all are listed")
        _overview(selection, database)
        return
    from loadtests.history.trend import QUICK

    quick = shape == "text" and html is None
    trend = _trend(selection, operation, database, builds=by == "build", searched=QUICK if quick else None)
    if html is not None:
        _write(trend, html)
    if shape != "text":
        _print_file(trend, shape)
    elif html is None:
        from loadtests.report.trend import page_of_trend
        from loadtests.report.trend_terminal import print_trend

        print_trend(page_of_trend(trend), rows=rows)


def _overview(selection: "Selection", database: str | None) -> None:
    from loadtests.history.listing import scenarios_of
    from loadtests.history.store import History
    from loadtests.report.trend_terminal import print_scenarios

    history = History.existing(address(database))
    scenarios = scenarios_of(history, selection)
    if not scenarios:
        raise UsageError(f"no run is recorded in {history.address} as asked for")
    print_scenarios(scenarios)


def _trend(
    selection: "Selection", operation: str | None, database: str | None, *, builds: bool, searched: int | None
) -> "Trend":
    from loadtests.history.listing import read_trend
    from loadtests.history.store import History

    return read_trend(History.existing(address(database)), selection, operation, builds=builds, searched=searched)


def _write(trend: "Trend", file: Path) -> None:
    from loadtests.report.trend import page_of_trend
    from loadtests.report.trend_html import render_trend
    from loadtests.result.files import atomic_write

    file.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(file, render_trend(page_of_trend(trend)))
    click.echo(str(file), err=True)


def _print_file(trend: "Trend", shape: str) -> None:
    from loadtests.report.trend_files import as_csv, as_json

    shapes: dict[str, Callable[[Trend], str]] = {"csv": as_csv, "json": as_json}
    click.echo(shapes[shape](trend), nl=False)


@command.command("add")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Record anew what is there already, as it is judged now.")
@database_option
def add(runs: tuple[Path, ...], *, replace: bool, database: str | None) -> None:
    """Record stored runs, by their directories; one that is there already is left as it is.

    A directory that cannot be read is told, does not keep the others out, and makes the exit code 2.
    """
    from loadtests.history.recording import record
    from loadtests.judge.judgement import judge_run
    from loadtests.result.rundir import read_run

    where, unreadable = address(database), None
    for directory in runs:
        try:
            verdict = judge_run(read_run(directory))
            fresh = record(verdict, where, replace=replace)
        except RunUnreadable as error:
            click.echo(f"loadtests: {error}", err=True)
            unreadable = error
        else:
            click.echo(f"{verdict.run.id}  {'recorded' if fresh else 'was there already'}")
    if unreadable is not None:
        sys.exit(unreadable.exit_code)


@command.command("prune")
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="Keep the newest N runs of every scenario.")
@click.option("--since", type=MOMENT, help="Keep what began on this day or later, or is not older than this (90d).")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@database_option
def prune(*, keep: int | None, since: datetime | None, dry_run: bool, database: str | None) -> None:
    """Forget old runs, and say which. Run directories and accepted baselines are not touched."""
    if (keep is None) is (since is None):
        raise UsageError("expected either --keep N or --since MOMENT: what stays in the history")
    from loadtests.history.listing import scenarios_of
    from loadtests.history.retention import surplus
    from loadtests.history.store import History, Selection

    history = History.existing(address(database))
    gone = surplus(scenarios_of(history, Selection()), newest=keep, since=since)
    for point in gone.values():
        click.echo(f"{point.run_id}  {point.started_at:%Y-%m-%d %H:%M}  {point.build}  {point.outcome}")
    removed = 0 if dry_run else history.remove(list(gone))
    plural = "" if len(gone) == 1 else "s"
    click.echo(f"{len(gone):,} run{plural} would go" if dry_run else f"{removed:,} run{plural} forgotten")


@command.command("otava")
@click.argument("scenario")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("otava"), show_default=True
)
@database_option
def otava(scenario: str, *, output: Path, database: str | None) -> None:
    """Write SCENARIO's runs for Apache Otava: a CSV file, and the configuration that reads it.

    Afterwards: OTAVA_CONFIG=otava/otava.yaml otava analyze SCENARIO
    """
    from loadtests.history.replay import records_of
    from loadtests.history.store import History, Selection
    from loadtests.report.otava import otava_config, otava_csv
    from loadtests.result.files import atomic_write

    history = History.existing(address(database))
    kept = history.runs(Selection(scenario=scenario))
    records = [record for run in kept for record in records_of(run) if record.scenario == scenario]
    if not records:
        raise UsageError(f"no run of {scenario} is recorded in {history.address}")
    output.mkdir(parents=True, exist_ok=True)
    files = {output / f"{scenario}.csv": otava_csv(records)}
    files[output / "otava.yaml"] = otava_config(records, str(output / f"{scenario}.csv"))
    for path, text in files.items():
        atomic_write(path, text)
        click.echo(str(path))
