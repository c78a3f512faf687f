"""`python -m benchmarks.peers`: closed loop beside other tools, then the open model, as Markdown tables.

Exit code 1 when a goal was missed, 3 when the machine was too busy to tell; a peer that is not installed fails nothing.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.goals import goals_table, worst_exit_code
from benchmarks.machine import machine_lines
from benchmarks.peers.comparison import OURS, closed_table, goals, open_table
from benchmarks.peers.nginx import Nginx, serving
from benchmarks.peers.ours import OpenFigures, measure_closed, measure_open
from benchmarks.peers.outside import MARGIN_S, Pace, measure
from benchmarks.peers.tools import PEERS, Peer
from benchmarks.quiet import BUSY_CORES, Moment, cores_taken_by_others
from benchmarks.results import write_section
from loadtests import __version__
from loadtests.errors import GeneratorFault, LoadtestsError

__all__ = ["command"]

_ROOT = Path(__file__).parents[2]
_SERVER_CORE, _GENERATOR_CORE = 0, 1


@click.command("peers")
@click.option("--seconds", default=5.0, show_default=True, help="Measured seconds of each run.")
@click.option("--rounds", default=3, show_default=True, help="Times each tool takes its turn.")
@click.option("--connections", default=64, show_default=True, help="Connections, or users, of the closed loop.")
@click.option(
    "--rate", default=20_000.0, show_default=True, help="Arrivals a second of the open model; 0 leaves it out."
)
@click.option("--only", multiple=True, metavar="TOOL", help="Only these peers, beside our own.")
@click.option("--write", is_flag=True, help="Write the tables into benchmarks/RESULTS.md.")
def command(*, seconds: float, rounds: int, connections: int, rate: float, only: tuple[str, ...], write: bool) -> None:
    """Run the same work by every tool found, in turn, and compare."""
    if (os.cpu_count() or 1) < 2:
        raise click.UsageError("this benchmark needs two cores: one for the server, one for the generator")
    os.sched_setaffinity(0, {_SERVER_CORE})
    peers = [peer for peer in PEERS if not only or peer.name in only]
    versions = {OURS: __version__, **{peer.name: peer.version() for peer in peers}}
    before = Moment.now()
    try:
        with serving(_SERVER_CORE) as server:
            paces = _rounds(server, [peer for peer in peers if versions[peer.name]], connections, rounds, seconds)
            figures = _open(server, rate, seconds=seconds) if rate else None
    except LoadtestsError as error:
        raise click.ClickException(str(error)) from error
    others = cores_taken_by_others(before, Moment.now())
    reached = goals(paces, figures, others_cores=others)
    parts = [closed_table(paces, versions), *([open_table(figures)] if figures else []), goals_table(reached)]
    if others > BUSY_CORES:
        parts.append(f"Other programs kept {others:.2f} cores busy meanwhile: trust the ratios little, the rest not.")
    print("\n\n".join(parts))
    if write:
        what = f"{connections} connections, {rounds} rounds of {seconds:g} s in turn (`python -m benchmarks.peers`)."
        known = {name: version for name, version in versions.items() if version and name != OURS}
        write_section("Peers", "\n\n".join(["\n".join(machine_lines(known)), what, *parts]))
    sys.exit(worst_exit_code(reached))


def _rounds(
    server: Nginx, peers: Sequence[Peer], connections: int, rounds: int, seconds: float
) -> dict[str, list[Pace]]:
    """Every tool once a round, so that a change of the machine's speed meets them all."""
    found: dict[str, list[Pace]] = {}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        found.setdefault(OURS, []).append(
            measure_closed(server, server.work, connections, core=_GENERATOR_CORE, seconds=seconds)
        )
        for peer in peers:
            _take_turn(server, peer, connections, seconds=seconds, into=found)
    return found


def _take_turn(server: Nginx, peer: Peer, connections: int, *, seconds: float, into: dict[str, list[Pace]]) -> None:
    """One turn of a peer; one that fails gives up its place, and the others go on."""
    command = peer.command(server.url, connections, round(seconds + MARGIN_S))
    try:
        measured = measure(command, server, core=_GENERATOR_CORE, seconds=seconds, cwd=_ROOT)
    except GeneratorFault as fault:
        print(f"{peer.name}: {fault}", file=sys.stderr)
        return
    into.setdefault(peer.name, []).append(measured.pace)


def _open(server: Nginx, rate: float, *, seconds: float) -> OpenFigures:
    print(f"open model at {rate:,.0f}/s", file=sys.stderr, flush=True)
    return measure_open(server, server.work, rate, core=_GENERATOR_CORE, elsewhere=_SERVER_CORE, seconds=seconds)


if __name__ == "__main__":
    command()
