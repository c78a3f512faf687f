"""`loadtests calibrate`: how much equal runs differ on this set-up, and so what a comparison here can tell."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtests.errors import RunInterrupted, RunInvalid

if TYPE_CHECKING:
    from loadtests.judge.record import RunRecord

__all__ = ["command"]


@click.command("calibrate")
@click.argument("scenario")
@click.option("-n", "--runs", type=click.IntRange(3, 100), default=10, show_default=True, help="How many runs to make.")
@click.option(
    "-f", "--file", type=click.Path(path_type=Path), default=Path("scenarios.yaml"), show_default=True, help="The plan."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where the runs go.  [default: reports/<id>]")
@click.option("--embedded", is_flag=True, help="Start the embedded reference backend, afresh for each run.")
@click.option(
    "--target-option",
    "target_options",
    multiple=True,
    metavar="OPTION",
    help="With --embedded: an option of `loadtests target`.",
)
@click.option("--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override a value of the plan.")
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Engine processes.")
def command(
    scenario: str,
    *,
    runs: int,
    file: Path,
    output: Path | None,
    embedded: bool,
    target_options: tuple[str, ...],
    overrides: tuple[str, ...],
    processes: int,
) -> None:
    """Run SCENARIO again and again against one build, and keep how much the runs differ.

    With that, `loadtests compare` can judge one run against one, and refuses margins that this set-up cannot tell.
    It holds for this machine, this plan and these versions; `compare` finds it by itself.

    Exit codes: 0 done; 2 usage or plan error; 3 too many of the runs are INVALID; 5 target unreachable.
    """
    from loadtests.cli.calibrations import write_calibration
    from loadtests.judge.comparison.calibration import calibrated
    from loadtests.report.comparison.calibration import print_calibration
    from loadtests.result.rundir import new_run_id

    directory = output or Path("reports") / new_run_id(f"calibrate-{scenario}")
    maker = _Maker(scenario, file, embedded=embedded, options=target_options, overrides=overrides, processes=processes)
    records = maker.make(runs, directory)
    for name in dict.fromkeys(record.scenario for record in records):
        found = [record for record in records if record.scenario == name]
        made = calibrated(found, made_at=found[-1].started_at)
        path = write_calibration(made)
        print_calibration(made, found, stream=sys.stdout)
        click.echo(f"calibration: {path}")


class _Maker:
    """Makes equal runs, each of a target of its own where that is embedded."""

    def __init__(
        self,
        scenario: str,
        file: Path,
        *,
        embedded: bool,
        options: tuple[str, ...],
        overrides: tuple[str, ...],
        processes: int,
    ) -> None:
        self._scenario, self._file, self._embedded = scenario, file, embedded
        self._options, self._overrides, self._processes = options, overrides, processes

    def make(self, runs: int, directory: Path) -> "list[RunRecord]":
        """So many valid runs; raises `RunInvalid` once more runs were INVALID than asked for."""
        kept: list[RunRecord] = []
        invalid: list[tuple[str, str]] = []
        made = number = 0
        while made < runs:
            number += 1
            click.echo(f"run {made + 1} of {runs}", err=True)
            records = self._run(directory / f"run-{number:02}")
            reasons = [(record.run_id, record.invalid) for record in records if record.invalid is not None]
            if reasons:
                invalid += reasons
                click.echo(f"{reasons[0][0]} is INVALID and left out: {reasons[0][1]}", err=True)
            else:
                kept += records
                made += 1
            if number - made > runs:
                raise RunInvalid(invalid)
        return kept

    def _run(self, where: Path) -> "tuple[RunRecord, ...]":
        import contextlib

        from loadtests.cli.embedded import embedded_plan
        from loadtests.cli.session import run_plan
        from loadtests.drive.fleet import LocalCrew
        from loadtests.judge.record import records_of
        from loadtests.plan.loader import load_plan
        from loadtests.plan.selection import narrowed
        from loadtests.result.rundir import read_run

        names = (self._scenario,)
        with contextlib.ExitStack() as stack:
            if self._embedded:
                plan = stack.enter_context(
                    embedded_plan(self._file, names, overrides=self._overrides, options=self._options)
                )
            else:
                plan = narrowed(load_plan(self._file, overrides=self._overrides), names)
            crew = contextlib.nullcontext(LocalCrew(self._processes))
            _, stopped = run_plan(plan, where.name, output=where, crew=crew)
        if stopped:
            raise RunInterrupted(f"interrupted; no calibration was kept, the runs made are in {where.parent}")
        return records_of(read_run(where))
