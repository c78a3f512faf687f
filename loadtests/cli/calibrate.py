"""`loadtests calibrate`: what this set-up can tell: how much equal runs differ, and how much load it can offer."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtests.cli.options import plan_options
from loadtests.errors import RunInterrupted, RunInvalid, UsageError

if TYPE_CHECKING:
    from loadtests.judge.record import RunRecord

__all__ = ["command"]


@click.command("calibrate")
@click.argument("scenario", required=False)
@click.option("-n", "--runs", type=click.IntRange(3, 100), default=10, show_default=True, help="How many runs to make.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where the runs go.  [default: reports/<id>]")
@plan_options()
@click.option("--generator", is_flag=True, help="Instead: find what this machine can offer with each driver.")
@click.option("--driver", "drivers", multiple=True, metavar="NAME", help="With --generator: only this driver.")
def command(
    scenario: str | None,
    *,
    runs: int,
    output: Path | None,
    generator: bool,
    drivers: tuple[str, ...],
    file: Path,
    embedded: bool,
    target_options: tuple[str, ...],
    overrides: tuple[str, ...],
    processes: int,
) -> None:
    """Run SCENARIO again and again against one build, and keep how much the runs differ.

    With that, `loadtests compare` can judge one run against one, and refuses margins that this set-up cannot tell.
    It holds for this machine, this plan and these versions; `compare` finds it by itself.

    With --generator it looks, driver by driver, for the highest rate that a process of this machine offers on time
    against a target that answers at once. `run` then warns of plans that ask for more than 70% of it.

    Exit codes: 0 done; 2 usage or plan error; 3 too many of the runs are INVALID; 5 target unreachable.
    """
    if generator == (scenario is not None):
        raise UsageError("expected a scenario, or --generator, and not both")
    if generator:
        _measure_generator(drivers)
    else:
        maker = _Maker(
            str(scenario), file, embedded=embedded, options=target_options, overrides=overrides, processes=processes
        )
        _calibrate(maker, runs, output)


def _measure_generator(drivers: Sequence[str]) -> None:
    """Find and keep the ceiling of each driver, one after the other, so that an early end loses only the last."""
    from loadtests.cli.ceiling import DRIVERS, measure_ceiling
    from loadtests.plan.suggest import nearest
    from loadtests.result.ceiling import CEILINGS, keep_ceilings
    from loadtests.result.environment import capture
    from loadtests.units import format_duration, format_rate

    for driver in drivers:
        if driver not in DRIVERS:
            near = nearest(driver, DRIVERS)
            hint = "" if near is None else f"; did you mean {near}?"
            raise UsageError(f"no driver {driver} can be measured: expected one of {', '.join(DRIVERS)}{hint}")
    environment = capture()
    for driver in drivers or DRIVERS:
        found = measure_ceiling(driver, lambda said: click.echo(f"  {said}", err=True))
        keep_ceilings([found], environment)
        lag = format_duration(found.lag_p99_ns)
        click.echo(f"{driver}: {format_rate(found.rate_per_s)} a process, start lag p99 {lag}")
    click.echo(f"generator: {CEILINGS}")


def _calibrate(maker: "_Maker", runs: int, output: Path | None) -> None:
    """Make the runs, and keep how much they differ, scenario by scenario."""
    from loadtests.cli.calibrations import write_calibration
    from loadtests.judge.comparison.calibration import calibrated
    from loadtests.report.comparison.calibration import print_calibration
    from loadtests.result.rundir import new_run_id

    records = maker.make(runs, output or Path("reports") / new_run_id(f"calibrate-{maker.scenario}"))
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
        self.scenario, self._file, self._embedded = scenario, file, embedded
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

        names = (self.scenario,)
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
