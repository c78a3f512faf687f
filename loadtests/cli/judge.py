"""`loadtests judge`: a stored run against its own thresholds, or others."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtests.cli.kept import kept_run
from loadtests.cli.options import database_option
from loadtests.errors import UsageError

if TYPE_CHECKING:
    from loadtests.plan.model import Scenario, Threshold
    from loadtests.result.run import Run

    Choice = Callable[[Scenario], Sequence[Threshold]]

__all__ = ["command"]


@click.command("judge")
@click.argument("run", metavar="RUN")
@click.option(
    "--threshold",
    "texts",
    multiple=True,
    metavar="TEXT",
    help='Judge every scenario by this instead of its own thresholds, such as "p99 < 1s"; may be repeated.',
)
@click.option(
    "-f", "--file", "file", type=click.Path(path_type=Path), help="Judge by the thresholds of this plan file instead."
)
@click.option("--write", is_flag=True, help="Write the reports into the run directory too.")
@click.option("--strict", is_flag=True, help="Exit 4 when the verdict is inconclusive.")
@database_option
def command(
    run: str, *, texts: tuple[str, ...], file: Path | None, write: bool, strict: bool, database: str | None
) -> None:
    """Judge the stored run in directory RUN again and exit by the verdict; nothing is written unless asked.

    RUN may also be history:RUN_ID or baseline:NAME. Their windows are merged: what needs single seconds (means,
    rates, gauges, sliding intervals) keeps the verdict it had when it was recorded, or is invalid.

    Exit codes: 0 passed, 1 a threshold was missed, 2 usage error, 3 invalid, 4 inconclusive with --strict.
    """
    from loadtests.history.replay import judge_again
    from loadtests.judge.judgement import exit_code, judge_run
    from loadtests.report import write_reports
    from loadtests.report.terminal import print_verdict

    choose = _choice(texts, file)
    kept = kept_run(run, database)
    if kept is not None and write:
        raise UsageError(f"expected a run directory with --write, got {run}, which has none")
    verdict = judge_run(_stored(Path(run), choose)) if kept is None else judge_again(kept, choose)
    print_verdict(verdict, stream=sys.stdout)
    for path in write_reports(verdict, Path(run)) if write else ():
        click.echo(str(path))
    sys.exit(exit_code(verdict, strict=strict))


def _stored(directory: Path, choose: "Choice | None") -> "Run":
    """The run in a directory, with the chosen thresholds instead of its own."""
    from loadtests.result.rundir import read_run

    run = read_run(directory)
    return run if choose is None else _with_thresholds(run, choose)


def _choice(texts: Sequence[str], file: Path | None) -> "Choice | None":
    """Which thresholds to hold a scenario against; `None` for its own."""
    if texts and file is not None:
        raise UsageError("expected thresholds from --threshold or from --file, not from both")
    if file is not None:
        return _from_plan(file)
    if not texts:
        return None
    given = tuple(_parsed(text) for text in texts)
    return lambda _: given


def _parsed(text: str) -> "Threshold":
    from loadtests.plan.thresholds import ThresholdError, parse_threshold

    try:
        return parse_threshold(text)
    except ThresholdError as error:
        nearest = f"; did you mean {error.nearest}?" if error.nearest else ""
        raise UsageError(f"--threshold: {error.rule} (got {text}){nearest}") from error


def _from_plan(file: Path) -> "Choice":
    from loadtests.plan.loader import load_plan

    planned = load_plan(file).scenarios

    def thresholds_of(scenario: "Scenario") -> "Sequence[Threshold]":
        if scenario.name not in planned:
            listed = ", ".join(planned)
            raise UsageError(f"{file} has no scenario {scenario.name}, which the run holds; it has {listed}")
        return planned[scenario.name].thresholds

    return thresholds_of


def _with_thresholds(run: "Run", choose: "Choice") -> "Run":
    """The run as if it had been planned with the chosen thresholds."""
    scenarios = tuple(
        replace(found, scenario=replace(found.scenario, thresholds=tuple(choose(found.scenario))))
        for found in run.scenarios
    )
    planned = {**run.plan.scenarios, **{found.scenario.name: found.scenario for found in scenarios}}
    return replace(run, scenarios=scenarios, plan=replace(run.plan, scenarios=planned))
