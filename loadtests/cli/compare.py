"""`loadtests compare`: the runs of one build against those of another."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtests.cli.options import database_option

if TYPE_CHECKING:
    from loadtests.judge.comparison.calibration import Calibration
    from loadtests.judge.comparison.verdict import Comparison
    from loadtests.judge.operands import Operand

__all__ = ["command"]


@click.command("compare")
@click.argument("base", metavar="BASE")
@click.argument("candidate", metavar="CANDIDATE")
@click.option("--paired", is_flag=True, help="The runs were made in pairs: judge the differences within them.")
@click.option(
    "--margin",
    "margins",
    multiple=True,
    metavar="[METRIC=]SHARE",
    help="The change that may be, such as 5% or p99=10%.  [default: 5%, and half a point for shares]",
)
@click.option(
    "--gate",
    "gates",
    multiple=True,
    metavar="METRIC",
    help='A metric that decides, such as p95 or "execute: p99"; instead of the usual ones.',
)
@click.option("--unlike", is_flag=True, help="Compare runs that were not made alike; the report says so.")
@click.option("--no-calibration", is_flag=True, help="Leave calibrations of this set-up aside.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="The directory for the report.  [default: reports/comparisons/<id>]",
)
@click.option("--strict", is_flag=True, help="Exit 4 when the comparison is inconclusive.")
@database_option
def command(
    base: str,
    candidate: str,
    *,
    paired: bool,
    margins: tuple[str, ...],
    gates: tuple[str, ...],
    unlike: bool,
    no_calibration: bool,
    output: Path | None,
    strict: bool,
    database: str | None,
) -> None:
    """Compare CANDIDATE with BASE: by how much did it change, how sure is that, and is it worse?

    \b
    Each is one of
      a run directory                       reports/20260101-120000-api-1a2b
      a directory of runs, or a pattern     'reports/*-api-*'
      all recorded runs of a build          build:1.2.0
      an accepted baseline                  baseline:main
      a recorded run                        history:20260101-120000
      several of these with commas          a,b,c

    Several runs a side, or a calibration, are needed to conclude anything.

    Exit codes: 0 the same, improved, or nothing concluded; 1 regressed; 2 usage error, or runs that were not made
    alike; 3 one of the runs is INVALID; 4 inconclusive with --strict.
    """
    from loadtests.cli.operands import operand
    from loadtests.cli.terms import terms_of
    from loadtests.judge.comparison.compare import compare

    terms = terms_of(margins, gates, unlike=unlike)
    sides = (operand(base, database=database), operand(candidate, database=database))
    calibrations = None if no_calibration else _calibrations(*sides)
    comparison = compare(*sides, terms=terms, calibrations=calibrations, paired=paired)
    sys.exit(concluded(comparison, output=output, strict=strict))


def _calibrations(*sides: "Operand") -> "dict[str, Calibration]":
    from loadtests.cli.calibrations import read_calibrations

    return read_calibrations(record.comparability for side in sides for record in side.records)


def concluded(comparison: "Comparison", *, output: Path | None, strict: bool) -> int:
    """Print the comparison, write its report, name it, and return the exit code."""
    from loadtests.judge.comparison.verdict import exit_code
    from loadtests.report.comparison import page_of, print_comparison, write_comparison
    from loadtests.result.rundir import new_run_id

    page = page_of(comparison)
    print_comparison(page, stream=sys.stdout)
    directory = output or Path("reports") / "comparisons" / new_run_id("compare")
    paths = write_comparison(page, directory)
    click.echo(f"report: {next(path for path in paths if path.suffix == '.html')}")
    return exit_code(comparison, strict=strict)
