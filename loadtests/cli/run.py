"""`loadtests run`: drive, judge, report."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtests.cli.options import address, database_option, plan_options
from loadtests.errors import RunInterrupted, UsageError

if TYPE_CHECKING:
    from loadtests.plan.model import Plan

__all__ = ["command"]


@click.command("run")
@click.argument("names", nargs=-1, metavar="[SCENARIO or SUITE]...")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The run directory to make.  [default: reports/<run id>]"
)
@plan_options()
@click.option("--strict", is_flag=True, help="Exit 4 when the verdict is inconclusive.")
@click.option("--github", is_flag=True, help="Also print GitHub annotations and add to the summary of the job.")
@click.option("--no-history", is_flag=True, help="Do not record the run in the history.")
@database_option
def command(
    names: tuple[str, ...],
    *,
    file: Path,
    output: Path | None,
    embedded: bool,
    target_options: tuple[str, ...],
    overrides: tuple[str, ...],
    processes: int,
    strict: bool,
    github: bool,
    no_history: bool,
    database: str | None,
) -> None:
    """Drive the scenarios of a plan, judge them, write the report, and exit by the verdict.

    Exit codes: 0 passed, 1 a threshold was missed, 2 usage or plan error, 3 invalid (cannot be judged),
    4 inconclusive with --strict, 5 target unreachable, 70 internal error, 130 interrupted.
    """
    from loadtests.cli.embedded import embedded_plan
    from loadtests.cli.session import run_plan
    from loadtests.drive.fleet import LocalCrew
    from loadtests.plan.loader import load_plan
    from loadtests.plan.selection import narrowed
    from loadtests.report.conclusion import conclude

    history = None if no_history else address(database)
    with contextlib.ExitStack() as stack:
        if embedded:
            plan = stack.enter_context(embedded_plan(file, names, overrides=overrides, options=target_options))
        else:
            plan = narrowed(load_plan(file, overrides=overrides), names)
        _warn(plan, processes=processes)
        crew = contextlib.nullcontext(LocalCrew(processes))
        directory, interrupted = run_plan(plan, "-".join(names) or file.stem, output=output, crew=crew)
    code = conclude(directory, strict=strict, github=github, history=history)
    sys.exit(RunInterrupted.exit_code if interrupted else code)


def _warn(plan: "Plan", *, processes: int) -> None:
    """Say so where the plan comes near what this machine was found to offer (`loadtests calibrate --generator`)."""
    from loadtests.result.ceiling import advice, read_ceilings
    from loadtests.result.environment import capture

    try:
        ceilings = read_ceilings(capture())
    except UsageError as error:
        click.echo(f"warning: {error}", err=True)
        return
    for sentence in advice(plan, ceilings, processes=processes):
        click.echo(f"warning: {sentence}", err=True)
