"""`loadtests compare`: the runs of one build against those of another."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loadtests.cli.options import database_option
from loadtests.errors import UsageError

if TYPE_CHECKING:
    from loadtests.cli.interleaving import Interleaving
    from loadtests.judge.comparison.calibration import Calibration
    from loadtests.judge.comparison.margins import Terms
    from loadtests.judge.comparison.verdict import Comparison
    from loadtests.judge.operands import Operand
    from loadtests.plan.model import Plan

__all__ = ["command"]


@click.command("compare")
@click.argument("base", metavar="BASE")
@click.argument("candidate", metavar="CANDIDATE")
@click.argument("names", nargs=-1, metavar="[SCENARIO or SUITE]...")
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
@click.option(
    "--interleave", is_flag=True, help="BASE and CANDIDATE are commands that start a build; run both in turn."
)
@click.option(
    "-k",
    "--pairs",
    type=click.IntRange(1, 20),
    default=7,
    show_default=True,
    help="With --interleave: how many pairs of runs.",
)
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path),
    default=Path("scenarios.yaml"),
    show_default=True,
    help="With --interleave: the plan.",
)
@click.option("--set", "overrides", multiple=True, metavar="PATH=VALUE", help="… a value of the plan to override.")
@click.option("--address", metavar="URL", help="… where the builds serve.  [default: target.http of the plan]")
@click.option("--ready", default="/health", show_default=True, metavar="PATH", help="… what answers once one is ready.")
@click.option("--ready-within", type=click.FloatRange(0.1, 600), default=30.0, show_default=True, metavar="SECONDS")
@click.option("--builds", default="base,candidate", show_default=True, metavar="A,B", help="… what they are called.")
@click.option("--seed", default=0, show_default=True, help="… of the coin that says which goes first.")
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="… engine processes.")
def command(
    base: str,
    candidate: str,
    names: tuple[str, ...],
    *,
    paired: bool,
    margins: tuple[str, ...],
    gates: tuple[str, ...],
    unlike: bool,
    no_calibration: bool,
    output: Path | None,
    strict: bool,
    database: str | None,
    interleave: bool,
    **making: Any,
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
    With --interleave each is a command that starts a build; {host}, {port} and
    {url} in it are replaced, HOST and PORT are set:
      compare --interleave './old --port {port}' './new --port {port}' -k 7 api

    Several runs a side, or a calibration, are needed to conclude anything.

    Exit codes: 0 the same, improved, or nothing concluded; 1 regressed; 2 usage error, or runs that were not made
    alike; 3 one of the runs is INVALID; 4 inconclusive with --strict; 5 a build does not answer; 130 interrupted.
    """
    from loadtests.cli.operands import operand
    from loadtests.cli.terms import terms_of
    from loadtests.judge.comparison.compare import compare

    terms = terms_of(margins, gates, unlike=unlike)
    if interleave:
        sides, output = _made((base, candidate), names, terms, output=output, **making)
        paired = True
    elif names:
        raise UsageError(
            f"expected two sides to compare, got also {names[0]}; scenarios are named with --interleave only"
        )
    else:
        sides = (operand(base, database=database), operand(candidate, database=database))
    calibrations = None if no_calibration else _calibrations(*sides)
    comparison = compare(*sides, terms=terms, calibrations=calibrations, paired=paired)
    sys.exit(_concluded(comparison, output=output, strict=strict))


def _made(
    commands: tuple[str, str],
    names: tuple[str, ...],
    terms: "Terms",
    *,
    output: Path | None,
    file: Path,
    overrides: tuple[str, ...],
    address: str | None,
    pairs: int,
    **making: Any,
) -> "tuple[tuple[Operand, Operand], Path]":
    """Both sides by runs made now, and the directory they are in."""
    from loadtests.cli.interleaving import interleaved
    from loadtests.plan.loader import load_plan
    from loadtests.plan.selection import narrowed
    from loadtests.result.rundir import new_run_id

    plan = narrowed(load_plan(file, overrides=overrides, embedded=address), names)
    how = _interleaving(plan, commands, pairs=pairs, **making)
    _check_pairs(plan, terms, pairs)
    directory = output or Path("reports") / new_run_id("interleaved")
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise UsageError(f"the directory {directory} is not empty; choose another with -o, or remove it first")
    click.echo(f"{pairs} pairs of {', '.join(plan.scenarios)} -> {directory}", err=True)
    return interleaved(plan, how, directory), directory


def _interleaving(
    plan: "Plan",
    commands: tuple[str, str],
    *,
    pairs: int,
    ready: str,
    ready_within: float,
    builds: str,
    seed: int,
    processes: int,
) -> "Interleaving":
    from loadtests.cli.build import Address
    from loadtests.cli.interleaving import Build, Interleaving

    if plan.target.http is None:
        raise UsageError("the plan has no target.http at which the builds would serve; give it one, or --address")
    called = [name.strip() for name in builds.split(",") if name.strip()]
    if len(called) != 2:
        raise UsageError(f"--builds: expected two names with a comma between (got {builds})")
    first, second = (Build(name, command) for name, command in zip(called, commands, strict=True))
    return Interleaving((first, second), Address(plan.target.http, ready), pairs, seed, ready_within, processes)


def _check_pairs(plan: "Plan", terms: "Terms", pairs: int) -> None:
    """Refuses a number of pairs that could show nothing, before an hour is spent on them."""
    from loadtests.judge.comparison.margins import usual_gates
    from loadtests.judge.comparison.pairs import fewest_pairs

    looked_at = sum(len(terms.gates or usual_gates(scenario)) for scenario in plan.scenarios.values())
    if pairs < fewest_pairs(looked_at):
        raise UsageError(
            f"{pairs} pairs cannot show a change of one of {looked_at} metrics looked at together: make at least "
            f"{fewest_pairs(looked_at)} with -k, or let fewer decide with --gate"
        )


def _calibrations(*sides: "Operand") -> "dict[str, Calibration]":
    from loadtests.cli.calibrations import read_calibrations

    return read_calibrations(record.comparability for side in sides for record in side.records)


def _concluded(comparison: "Comparison", *, output: Path | None, strict: bool) -> int:
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
