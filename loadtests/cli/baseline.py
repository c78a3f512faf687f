"""`loadtests baseline`: the runs that others are compared with."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtests.cli.kept import kept_run
from loadtests.cli.options import database_option

if TYPE_CHECKING:
    from loadtests.history.kept import KeptRun

__all__ = ["command"]


@click.group("baseline")
def command() -> None:
    """Accepted baselines, one file each under reports/baselines/, to be committed."""


@command.command("accept")
@click.argument("run", metavar="RUN")
@click.option("--name", default="main", show_default=True, help="What the baseline is called, such as a branch.")
@click.option("--force", is_flag=True, help="Accept a run that failed or is INVALID; the file says so.")
@click.option("--replace", is_flag=True, help="Take the place of the baseline that has this name.")
@database_option
def accept(run: str, *, name: str, force: bool, replace: bool, database: str | None) -> None:
    """Make RUN, a run directory or history:RUN_ID, a baseline: compare with it as baseline:NAME."""
    from loadtests.history.baseline import accept as accept_baseline

    file, made = accept_baseline(_run(run, database), name, force=force, replace=replace)
    click.echo(f"{file}: run {made.kept.id} of build {made.kept.build}")
    if made.forced is not None:
        click.echo(f"warning: accepted though {made.forced}", err=True)


@command.command("list")
def listed() -> None:
    """All baselines by name."""
    from loadtests.history.baseline import baselines
    from loadtests.report.baseline_terminal import print_baselines

    found = baselines()
    if not found:
        click.echo("no baseline is accepted yet: loadtests baseline accept RUN")
    else:
        print_baselines(found, stream=sys.stdout)


@command.command("show")
@click.argument("name", default="main")
def show(name: str) -> None:
    """The baseline NAME as its run was judged.  [default: main]"""
    from loadtests.history.baseline import read_baseline
    from loadtests.history.replay import judge_again
    from loadtests.report.baseline_terminal import print_baselines
    from loadtests.report.terminal import print_verdict

    found = read_baseline(name)
    print_baselines([found], stream=sys.stdout)
    click.echo()
    print_verdict(judge_again(found.kept), stream=sys.stdout)


def _run(text: str, database: str | None) -> "KeptRun":
    from loadtests.history.merging import keep
    from loadtests.judge.judgement import judge_run
    from loadtests.result.rundir import read_run

    found = kept_run(text, database)
    return keep(judge_run(read_run(Path(text)))) if found is None else found
