"""`loadtests judge`: a stored run against its own thresholds, or others."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtests.errors import UsageError

if TYPE_CHECKING:
    from loadtests.plan.model import Scenario, Threshold
    from loadtests.result.run import Run

__all__ = ["command"]


@click.command("judge")
@click.argument("directory", metavar="RUN", type=click.Path(path_type=Path))
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
def command(directory: Path, *, texts: tuple[str, ...], file: Path | None, write: bool, strict: bool) -> None:
    """Judge the stored run in directory RUN again and exit by the verdict; nothing is written unless asked.

    Exit codes: 0 passed, 1 a threshold was missed, 2 usage error, 3 invalid, 4 inconclusive with --strict.
    """
    from loadtests.judge.judgement import exit_code, judge_run
    from loadtests.report import write_reports
    from loadtests.report.terminal import print_verdict
    from loadtests.result.rundir import read_run

    choose = _choice(texts, file)
    run = read_run(directory)
    verdict = judge_run(run if choose is None else _with_thresholds(run, choose))
    print_verdict(verdict, stream=sys.stdout)
    if write:
        for path in write_reports(verdict, directory):
            click.echo(str(path))
    sys.exit(exit_code(verdict, strict=strict))


def _choice(texts: Sequence[str], file: Path | None) -> "Callable[[Scenario], Sequence[Threshold]] | None":
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


def _from_plan(file: Path) -> "Callable[[Scenario], Sequence[Threshold]]":
    from loadtests.plan.loader import load_plan

    planned = load_plan(file).scenarios

    def thresholds_of(scenario: "Scenario") -> "Sequence[Threshold]":
        if scenario.name not in planned:
            listed = ", ".join(planned)
            raise UsageError(f"{file} has no scenario {scenario.name}, which the run holds; it has {listed}")
        return planned[scenario.name].thresholds

    return thresholds_of


def _with_thresholds(run: "Run", choose: "Callable[[Scenario], Sequence[Threshold]]") -> "Run":
    """The run as if it had been planned with the chosen thresholds."""
    scenarios = tuple(
        replace(found, scenario=replace(found.scenario, thresholds=tuple(choose(found.scenario))))
        for found in run.scenarios
    )
    planned = {**run.plan.scenarios, **{found.scenario.name: found.scenario for found in scenarios}}
    return replace(run, scenarios=scenarios, plan=replace(run.plan, scenarios=planned))
