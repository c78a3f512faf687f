"""Runs of two builds in turn, so that whatever drifts on the machine meets both alike.

Each pair is a run of either build, one after the other, the first of them chosen by a coin (seeded). A pair with an
INVALID run is left out, and another made for it, as long as no more pairs fail than were asked for.
"""

import contextlib
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from loadtests.cli.build import Address, served
from loadtests.cli.session import run_plan
from loadtests.drive.fleet import LocalCrew
from loadtests.errors import RunInterrupted, RunInvalid
from loadtests.judge.operands import Operand
from loadtests.judge.record import RunRecord, records_of
from loadtests.plan.model import Plan
from loadtests.result.rundir import read_run

__all__ = ["Build", "Interleaving", "interleaved", "order_of"]

_SIDES = ("base", "candidate")


@dataclass(frozen=True, slots=True)
class Build:
    """A build by its name and the command that starts it."""

    name: str
    command: str


@dataclass(frozen=True, slots=True)
class Interleaving:
    """How runs are made in turn; `within_s` is how long a build may take until it answers."""

    builds: tuple[Build, Build]
    address: Address
    pairs: int
    seed: int
    within_s: float
    processes: int


def interleaved(plan: Plan, of: Interleaving, directory: Path) -> tuple[Operand, Operand]:
    """Make the runs, each in a directory of its own, and return both sides in the order of their pairs.

    Raises `RunInterrupted` when the user ends it: all runs made until then stay readable, the last as interrupted.
    """
    kept: list[tuple[Sequence[RunRecord], Sequence[RunRecord]]] = []
    invalid: list[tuple[str, str]] = []
    for number, order in enumerate(order_of(of.seed)):
        pair = _pair(plan, of, directory, number=number + 1, order=order)
        reasons = [(each.run_id, each.invalid) for side in pair for each in side if each.invalid is not None]
        if reasons:
            invalid += reasons
            click.echo(f"pair {number + 1} is left out: {reasons[0][0]} is INVALID: {reasons[0][1]}", err=True)
            for side in _SIDES:  # out of the way of `pair-*`
                _where(directory, number + 1, side).rename(directory / f"left-out-{number + 1:02}-{side}")
        else:
            kept.append(pair)
        if len(kept) == of.pairs:
            break
        if number + 1 - len(kept) > of.pairs:
            raise RunInvalid(invalid)
    base, candidate = ([record for pair in kept for record in pair[side]] for side in (0, 1))
    return Operand(of.builds[0].name, base), Operand(of.builds[1].name, candidate)


def order_of(seed: int) -> Iterator[tuple[int, int]]:
    """Which side goes first, pair by pair, without end."""
    coin = random.Random(seed)
    while True:
        first = coin.randrange(2)
        yield first, 1 - first


def _pair(
    plan: Plan, of: Interleaving, directory: Path, *, number: int, order: tuple[int, int]
) -> tuple[Sequence[RunRecord], Sequence[RunRecord]]:
    found: list[Sequence[RunRecord]] = [(), ()]
    for side in order:
        build, where = of.builds[side], _where(directory, number, _SIDES[side])
        click.echo(f"pair {number} of {of.pairs}: {_SIDES[side]} ({build.name})", err=True)
        log = where.with_suffix(".log")
        with served(build.command, of.address, log=log, within_s=of.within_s):
            crew = contextlib.nullcontext(LocalCrew(of.processes))
            _, stopped = run_plan(plan, where.name, output=where, crew=crew, build=build.name)
        if stopped:
            print(f"the runs made so far are in {directory}", file=sys.stderr)
            raise RunInterrupted(f"interrupted in pair {number}; compare what there is with --paired")
        found[side] = records_of(read_run(where))
    return found[0], found[1]


def _where(directory: Path, number: int, side: str) -> Path:
    return directory / f"pair-{number:02}-{side}"
