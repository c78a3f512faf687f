"""`python -m benchmarks.peers`: closed loop beside other tools, then the open model, as Markdown tables.

Exit code 1 when a goal was missed, 3 when the machine was too busy to tell; a peer that is not installed fails nothing.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.goals import goals_table, worst_exit_code
from benchmarks.machine import machine_lines
from benchmarks.peers.comparison import OURS, OURS_UNLIKE, closed_table, goals, open_table
from benchmarks.peers.nginx import Nginx, serving
from benchmarks.peers.ours import OpenFigures, measure_closed, measure_open
from benchmarks.peers.outside import MARGIN_S, Pace, measure
from benchmarks.peers.tools import PEERS, Peer, paced_peers
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
    chosen = [peer for peer in PEERS if not only or peer.name in only]
    paced = [peer for peer in paced_peers(rate) if rate and (not only or peer.name in only)]
    versions, paced_versions = _versions(chosen), _versions(paced)
    turns = _Turns(rounds, connections, seconds)
    before = Moment.now()
    try:
        with serving(_SERVER_CORE) as server:
            paces = turns.closed(server, [peer for peer in chosen if versions[peer.name]])
            found = [peer for peer in paced if paced_versions[peer.name]]
            opened, kept = turns.open(server, rate, found) if rate else ([], {})
    except LoadtestsError as error:
        raise click.ClickException(str(error)) from error
    others = cores_taken_by_others(before, Moment.now())
    reached = goals(paces, opened, kept, others_cores=others)
    parts = [closed_table(paces, {OURS: __version__, OURS_UNLIKE: __version__, **versions})]
    if opened:
        parts += [f"Open model at {rate:,.0f}/s:", open_table(opened, kept, paced_versions)]
    parts.append(goals_table(reached))
    if others > BUSY_CORES:
        parts.append(f"Other programs kept {others:.2f} cores busy meanwhile: trust the ratios little, the rest not.")
    print("\n\n".join(parts))
    if write:
        what = f"{connections} connections, {rounds} rounds of {seconds:g} s in turn (`python -m benchmarks.peers`)."
        known = {name: version for name, version in {**versions, **paced_versions}.items() if version and name != OURS}
        write_section("Peers", "\n\n".join(["\n".join(machine_lines(known)), what, *parts]))
    sys.exit(worst_exit_code(reached))


def _versions(peers: Sequence[Peer]) -> dict[str, str | None]:
    return {OURS: __version__, **{peer.name: peer.version() for peer in peers}}


@dataclass(frozen=True, slots=True)
class _Turns:
    """Every tool once a round, so that a change of the machine's speed meets them all."""

    rounds: int
    connections: int
    seconds: float

    def closed(self, server: Nginx, peers: Sequence[Peer]) -> dict[str, list[Pace | None]]:
        """As fast as each can."""
        found: dict[str, list[Pace | None]] = {}
        for number in range(self.rounds):
            print(f"round {number + 1} of {self.rounds}", file=sys.stderr, flush=True)
            for name, work in ((OURS, server.work), (OURS_UNLIKE, server.unlike)):
                ours = measure_closed(server, work, self.connections, core=_GENERATOR_CORE, seconds=self.seconds)
                found.setdefault(name, []).append(ours)
            for peer in peers:
                self._take(server, peer, into=found)
        return found

    def open(
        self, server: Nginx, rate: float, peers: Sequence[Peer]
    ) -> tuple[list[OpenFigures], dict[str, list[Pace | None]]]:
        """At `rate` a second."""
        opened: list[OpenFigures] = []
        kept: dict[str, list[Pace | None]] = {}
        where = {"core": _GENERATOR_CORE, "elsewhere": _SERVER_CORE}
        for number in range(self.rounds):
            print(f"open model at {rate:,.0f}/s, {number + 1} of {self.rounds}", file=sys.stderr, flush=True)
            opened.append(measure_open(server, server.work, rate, **where, seconds=self.seconds))
            for peer in peers:
                self._take(server, peer, into=kept)
        return opened, kept

    def _take(self, server: Nginx, peer: Peer, *, into: dict[str, list[Pace | None]]) -> None:
        """One turn of a peer; where it fails it has no pace in that round, and the others go on."""
        turns = into.setdefault(peer.name, [])
        command = peer.command(server.url, self.connections, round(self.seconds + MARGIN_S))
        try:
            measured = measure(command, server, core=_GENERATOR_CORE, seconds=self.seconds, cwd=_ROOT)
        except GeneratorFault as fault:
            print(f"{peer.name}: {fault}", file=sys.stderr)
            turns.append(None)
        else:
            turns.append(measured.pace)


if __name__ == "__main__":
    command()
