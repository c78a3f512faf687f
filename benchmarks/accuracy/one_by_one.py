"""A command that runs cases one by one, each again while it cannot be measured, and prints a row per figure."""

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol, TypeVar

import click

from benchmarks.accuracy.comparison import Row, State, worst_exit_code
from benchmarks.accuracy.table import cells
from benchmarks.machine import machine_lines
from benchmarks.results import write_section
from benchmarks.table import markdown_table

__all__ = ["NamedCase", "case_command", "refuse_partial"]


class NamedCase(Protocol):
    """What is known of a case here."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def sentence(self) -> str:
        """What it shows."""


_Case = TypeVar("_Case", bound=NamedCase)


def case_command(
    module: str, cases: Sequence[_Case], experiment: Callable[[_Case], list[Row]], *, about: str, section: str
) -> click.Command:
    """The command of `python -m module`, whose table goes into that section of the results."""

    @click.command(module.rpartition(".")[2], help=about)
    @click.option("--only", multiple=True, metavar="NAME", help="A case to run; may be given more than once.")
    @click.option("--tries", default=3, show_default=True, help="Runs of a case at most, while it cannot be measured.")
    @click.option("--write", is_flag=True, help="Write the table into benchmarks/RESULTS.md.")
    @click.option("--brief", is_flag=True, help="Print only rows that do not hold.")
    def command(only: tuple[str, ...], *, tries: int, write: bool, brief: bool) -> None:
        refuse_partial(write=write, narrowed=bool(only))
        names = [case.name for case in cases]
        if unknown := [name for name in only if name not in names]:
            raise click.UsageError(f"no case is called {', '.join(unknown)}; the cases are {', '.join(names)}")
        found: list[tuple[str, Row]] = []
        for case in cases:
            if not only or case.name in only:
                print(f"{case.name}: {case.sentence}", file=sys.stderr, flush=True)
                found += [(case.name, row) for row in _best_of(tries, partial(experiment, case))]
        print(_table((name, row) for name, row in found if not brief or row.state is not State.OK))
        if write:
            write_section(section, "\n".join([*machine_lines(), "", f"`python -m {module}`", "", _table(found)]))
        sys.exit(worst_exit_code(row for _, row in found))

    return command


def refuse_partial(*, write: bool, narrowed: bool) -> None:
    """Results of some cases must not take the place of those of all; raises `click.UsageError`."""
    if write and narrowed:
        raise click.UsageError("--write takes all cases: some would take the place of all in RESULTS.md")


def _table(found: Iterable[tuple[str, Row]]) -> str:
    lines = [(name, *cells(row)) for name, row in found]
    return markdown_table(("case", "quantity", "truth", "reported", "error", "allowed", "ok?"), lines, left=2)


def _best_of(tries: int, experiment: Callable[[], list[Row]]) -> list[Row]:
    """Its rows; made again, at most so often, while nothing is wrong but something could not be measured."""
    rows = experiment()
    for _ in range(1, tries):
        if worst_exit_code(rows) != 3:
            break
        rows = experiment()
    return rows
