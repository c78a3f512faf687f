"""`python -m benchmarks.peers.database`: pgbench's own scripts by pgbench, by us, and by a bare loop on asyncpg.

One PostgreSQL on core 0, one generator on core 1, taking turns. Closed loop with the same clients, then the open model
beside `pgbench -R`. Exit codes as of `benchmarks.peers`.
"""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median

import click

from benchmarks.goals import Goal, goals_table, in_company, worst_exit_code
from benchmarks.machine import machine_lines
from benchmarks.peers.comparison import OURS, closed_table, ratio_goal
from benchmarks.peers.ours import OpenFigures, measure_closed, measure_open
from benchmarks.peers.outside import MARGIN_S, Measured, Pace, measure
from benchmarks.peers.postgres import SELECT_ONLY, TPCB, Postgres, Script, serving_postgres
from benchmarks.quiet import BUSY_CORES, Moment, cores_taken_by_others
from benchmarks.results import write_section
from benchmarks.table import markdown_table
from loadtests import __version__
from loadtests.errors import LoadtestsError
from loadtests.units import format_duration

__all__ = ["Opened", "command", "goals", "lag_of_pgbench", "open_table"]

_ROOT = Path(__file__).parents[2]
_SERVER_CORE, _GENERATOR_CORE = 0, 1
_PGBENCH, _ASYNCPG = "pgbench", "asyncpg, a bare loop"
_OF_PGBENCH, _CORES, _ACHIEVED = 0.8, 0.25, 0.99


@dataclass(frozen=True, slots=True)
class Opened:
    """One tool at a fixed rate; `lag` is what is known of how late it started queries, in words."""

    pace: Pace
    lag: str


@click.command("peers-database")
@click.option("--seconds", default=5.0, show_default=True, help="Measured seconds of each run.")
@click.option("--rounds", default=3, show_default=True, help="Times each tool takes its turn.")
@click.option("--clients", default=16, show_default=True, help="Clients of the closed loop.")
@click.option("--rate", default=5_000.0, show_default=True, help="Queries a second of the open model.")
@click.option("--write", is_flag=True, help="Write the tables into benchmarks/RESULTS.md.")
def command(*, seconds: float, rounds: int, clients: int, rate: float, write: bool) -> None:
    """Run pgbench's scripts by every tool, in turn, and compare."""
    if (os.cpu_count() or 1) < 2:
        raise click.UsageError("this benchmark needs two cores: one for the server, one for the generator")
    os.sched_setaffinity(0, {_SERVER_CORE})
    before = Moment.now()
    try:
        with serving_postgres() as server:
            versions = {OURS: __version__, _PGBENCH: server.version(), _ASYNCPG: metadata.version("asyncpg")}
            selects: dict[str, list[Pace]] = {}
            writes: dict[str, list[Pace]] = {}
            for number in range(rounds):
                print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
                _round(server, SELECT_ONLY, clients, seconds=seconds, into=selects)
                _round(server, TPCB, clients, seconds=seconds, into=writes)
            opened = _open(server, rate, clients, seconds=seconds, rounds=rounds)
    except LoadtestsError as error:
        raise click.ClickException(str(error)) from error
    others = cores_taken_by_others(before, Moment.now())
    reached = in_company(goals(selects, opened, rate), others)
    parts = [
        "Select-only:",
        closed_table(selects, versions, beside=_PGBENCH, each="query"),
        "TPC-B-like, a transaction of five statements that read and write:",
        closed_table(writes, {name: versions[name] for name in (OURS, _PGBENCH)}, beside=_PGBENCH, each="transaction"),
        f"Open model, select-only at {rate:,.0f}/s:",
        open_table(opened),
        goals_table(reached),
    ]
    if others > BUSY_CORES:
        parts.append(f"Other programs kept {others:.2f} cores busy meanwhile: trust the ratios little, the rest not.")
    print("\n\n".join(parts))
    if write:
        what = f"{clients} clients, {rounds} rounds of {seconds:g} s in turn (`python -m benchmarks.peers.database`)."
        write_section("Database peers", "\n\n".join(["\n".join(machine_lines()), what, *parts]))
    sys.exit(worst_exit_code(reached))


def goals(selects: Mapping[str, Sequence[Pace]], opened: Mapping[str, Sequence[Opened]], rate: float) -> list[Goal]:
    """What was promised, and what was reached in this run."""
    paces = [one.pace for one in opened[OURS]]
    achieved = median(pace.requests_per_s for pace in paces) / rate
    cores = median(pace.cpu_cores for pace in paces)
    what = f"open model at {rate:,.0f}/s"
    return [
        ratio_goal("select-only beside pgbench, closed loop", _OF_PGBENCH, selects, _PGBENCH),
        Goal(f"{what}, achieved", f"≥ {_ACHIEVED:.0%}", f"{achieved:.1%}", achieved >= _ACHIEVED),
        Goal(f"{what}, of a core", f"< {_CORES:.0%}", f"{cores:.1%}", cores < _CORES),
    ]


def open_table(opened: Mapping[str, Sequence[Opened]]) -> str:
    """A line per tool: medians over the rounds, and the lag of the last."""
    lines = [
        (
            name,
            f"{median(one.pace.requests_per_s for one in rounds):,.0f}",
            f"{median(one.pace.cpu_us_per_request for one in rounds):.1f}",
            f"{median(one.pace.cpu_cores for one in rounds):.3f}",
            rounds[-1].lag,
        )
        for name, rounds in opened.items()
    ]
    return markdown_table(("tool", "queries/s", "CPU µs/query", "cores used", "started late"), lines)


def lag_of_pgbench(output: str) -> str:
    """What pgbench says of its schedule, in our words."""
    found = re.search(r"rate limit schedule lag: avg ([\d.]+) \(max ([\d.]+)\) ms", output)
    return "?" if found is None else f"mean {_ms(found[1])}, max {_ms(found[2])}"


def _ms(text: str) -> str:
    return format_duration(float(text) * 1e6)


def _round(server: Postgres, script: Script, clients: int, *, seconds: float, into: dict[str, list[Pace]]) -> None:
    """Every tool once, so that a change of the machine's speed meets them all."""
    server.script = script
    server.tidy()
    ours = measure_closed(server, server.work(), clients, core=_GENERATOR_CORE, seconds=seconds)
    into.setdefault(OURS, []).append(ours)
    server.tidy()
    into.setdefault(_PGBENCH, []).append(_by(server.pgbench(clients, seconds + MARGIN_S), server, seconds).pace)
    if script is SELECT_ONLY:
        bare = [sys.executable, "-m", "benchmarks.peers.asyncpg_loop", server.dsn, str(clients)]
        command = [*bare, f"{seconds + MARGIN_S}", str(server.accounts)]
        into.setdefault(_ASYNCPG, []).append(_by(command, server, seconds).pace)


def _open(server: Postgres, rate: float, clients: int, *, seconds: float, rounds: int) -> dict[str, list[Opened]]:
    print(f"open model at {rate:,.0f}/s", file=sys.stderr, flush=True)
    server.script = SELECT_ONLY
    found: dict[str, list[Opened]] = {OURS: [], f"{_PGBENCH} -R": []}
    work = server.work(pool=clients)
    for _ in range(rounds):
        ours = measure_open(server, work, rate, core=_GENERATOR_CORE, elsewhere=_SERVER_CORE, seconds=seconds)
        found[OURS].append(Opened(ours.pace, _lag_in_words(ours)))
        theirs = _by(server.pgbench(clients, seconds + MARGIN_S, rate=rate), server, seconds)
        found[f"{_PGBENCH} -R"].append(Opened(theirs.pace, lag_of_pgbench(theirs.output)))
    return found


def _by(command: Sequence[str], server: Postgres, seconds: float) -> Measured:
    return measure(command, server, core=_GENERATOR_CORE, seconds=seconds, cwd=_ROOT)


def _lag_in_words(figures: OpenFigures) -> str:
    return f"p50 {format_duration(figures.lag_p50_ns)}, p99 {format_duration(figures.lag_p99_ns)}"


if __name__ == "__main__":
    command()
