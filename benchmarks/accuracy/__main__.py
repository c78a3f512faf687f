"""`python -m benchmarks.accuracy`: every case as one table of truth, reported and error.

Exit code 0 when every figure is right, 1 when one is not, 3 when none is wrong but some could not be measured here.
"""

import sys
from collections.abc import Iterator, Sequence

import click

from benchmarks.accuracy.cases import Case, Offer, cases
from benchmarks.accuracy.comparison import State, worst_exit_code
from benchmarks.accuracy.experiment import Finding, run_experiment
from benchmarks.accuracy.one_by_one import refuse_partial
from benchmarks.accuracy.table import cells
from benchmarks.machine import machine_lines
from benchmarks.results import write_section
from benchmarks.table import markdown_table
from loadtests.errors import LoadtestsError
from loadtests.units import format_duration

__all__ = ["command", "table"]

_UNPROVED = 3
_HEADINGS = ("case", "model", "quantity", "truth", "reported", "error", "allowed", "ok?")


@click.command("accuracy")
@click.option("--only", multiple=True, metavar="NAME", help="A case to run; may be given more than once.")
@click.option("--model", type=click.Choice(["open", "closed", "paced"]), help="Only this load model.")
@click.option("--rate", default=2000.0, show_default=True, help="Requests a second.")
@click.option("--seconds", default=10.0, show_default=True, help="Compared seconds of each run, after 1 s of warm-up.")
@click.option("--tries", default=3, show_default=True, help="Runs of a case at most, while it cannot be measured.")
@click.option("--write", is_flag=True, help="Write the table into benchmarks/RESULTS.md.")
@click.option("--brief", is_flag=True, help="Print only rows that do not hold.")
def command(
    only: tuple[str, ...],
    *,
    model: str | None,
    rate: float,
    seconds: float,
    tries: int,
    write: bool,
    brief: bool,
) -> None:
    """Compare what the suite reports with a server of exactly known behaviour."""
    refuse_partial(write=write, narrowed=bool(only or model))
    chosen = _chosen(cases(rate, seconds), only)
    try:
        findings = list(_run(chosen, model, seconds=seconds, tries=tries))
    except LoadtestsError as error:
        raise click.ClickException(str(error)) from error
    print(table(findings, problems_only=brief))
    for note in _notes(findings):
        print(note)
    if write:
        what = f"At {rate:g} requests a second, {seconds:g} s each (`python -m benchmarks.accuracy`)."
        write_section("Accuracy", "\n".join([*machine_lines(), "", what, "", table(findings)]))
    sys.exit(worst_exit_code(row for finding in findings for row in finding.rows))


def table(findings: Sequence[Finding], *, problems_only: bool = False) -> str:
    """One line per figure, as Markdown."""
    lines = [
        (finding.case.name, finding.offer.model, *cells(row))
        for finding in findings
        for row in finding.rows
        if not problems_only or row.state is not State.OK
    ]
    return markdown_table(_HEADINGS, lines, left=3)


def _chosen(known: Sequence[Case], only: Sequence[str]) -> list[Case]:
    names = [case.name for case in known]
    unknown = [name for name in only if name not in names]
    if unknown:
        raise click.UsageError(f"no case is called {', '.join(unknown)}; the cases are {', '.join(names)}")
    return [case for case in known if not only or case.name in only]


def _run(chosen: Sequence[Case], model: str | None, *, seconds: float, tries: int) -> Iterator[Finding]:
    for case in chosen:
        for offer in case.offers:
            if model in (None, offer.model):
                print(f"{case.name}, {offer.model}: {case.sentence}", file=sys.stderr, flush=True)
                yield _best_of(tries, case, offer, seconds=seconds)


def _best_of(tries: int, case: Case, offer: Offer, *, seconds: float) -> Finding:
    """Again while nothing is wrong but something could not be measured: noise only ever makes figures worse."""
    finding = run_experiment(case, offer, seconds=seconds)
    for _ in range(1, tries):
        if worst_exit_code(finding.rows) != _UNPROVED:
            break
        finding = run_experiment(case, offer, seconds=seconds)
    return finding


def _notes(findings: Sequence[Finding]) -> Iterator[str]:
    """What a reader must know to trust the table."""
    for finding in findings:
        where = f"{finding.case.name}, {finding.offer.model}"
        middle, late = (format_duration(ns) for ns in finding.server_late_ns)
        stranger = format_duration(finding.stranger_late_ns[1])
        if any(row.state is not State.OK for row in finding.rows):
            busy = f"a stranger by {stranger} (p99.9); other programs kept {finding.others_cores:.2f} cores busy"
            yield f"{where}: the server itself was late by {middle} (p50) and {late} (p99.9), {busy}"
        yield from (f"{where}: the suite calls its run invalid: {reason}" for reason in finding.distrust)


if __name__ == "__main__":
    command()
