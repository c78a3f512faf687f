"""`python -m benchmarks.peers.agents`: what an event of a stream costs, beside httpx; and 2,000 streams on one core.

The server (`benchmarks.accuracy.agent_server`) has one core, the client the other. Exit code 1 when a goal is missed, 3
when the machine was too busy to tell.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.accuracy.agent_behaviour import AgentBehaviour
from benchmarks.accuracy.agents import AgentCase, measured, noted
from benchmarks.accuracy.behaviour import MS, S, Step
from benchmarks.accuracy.experiment import cores, truth_server
from benchmarks.accuracy.ledger import rank_value
from benchmarks.goals import Goal, goals_table, worst_exit_code
from benchmarks.machine import machine_lines
from benchmarks.pinning import pinned
from benchmarks.quiet import BUSY_CORES
from benchmarks.results import write_section
from benchmarks.table import markdown_table
from loadtests.result.run import ScenarioRun, pooled
from loadtests.result.window import Tally
from loadtests.units import format_duration

__all__ = ["command"]

_ROOT = Path(__file__).parents[2]
_FEW = 40
_BEHAVIOUR = AgentBehaviour((Step(100 * MS),), tokens=100)
_MANY = {"users": 2000, "spawn_rate": "1000/s", "duration": "10s"}
_COLUMNS = ("client", "streams", "events/s", "CPU µs an event", "gap p99")


@click.command("peers-agents")
@click.option("--seconds", default=6, show_default=True, help="Seconds of each run.")
@click.option("--write", is_flag=True, help="Write the tables into benchmarks/RESULTS.md.")
def command(*, seconds: int, write: bool) -> None:
    """Compare what reading streams costs us with httpx, and see whether 2,000 of them are read truly."""
    rows = [_httpx(seconds)]
    few = AgentCase("few", "", _BEHAVIOUR, {}, {"users": _FEW, "duration": f"{seconds}s"})
    many = AgentCase("many", "", _BEHAVIOUR, {}, _MANY, engine_alone=True)
    goals: list[Goal] = []
    for case in (few, many):
        row, found = _ours(case)
        rows.append(row)
        goals += found if case is many else []
    text = "\n".join([markdown_table(_COLUMNS, rows), "", goals_table(goals)])
    print(text)
    if write:
        what = "Streams of 50 tokens a second each (`python -m benchmarks.peers.agents`)."
        write_section("Agent peers", "\n".join([*machine_lines(), "", what, "", text]))
    sys.exit(worst_exit_code(goals))


def _httpx(seconds: int) -> tuple[str, ...]:
    with TemporaryDirectory(prefix="peers-") as scratch:
        ledger = Path(scratch) / "ledger.npz"
        with truth_server("agent_server", _BEHAVIOUR.to_wire(), ledger) as port:
            url = f"http://127.0.0.1:{port}/api/agent/execute"
            arguments = [sys.executable, "-m", "benchmarks.peers.agent_httpx", url, str(_FEW), str(seconds)]
            pin = pinned(*cores()[1])
            done = subprocess.run(arguments, cwd=_ROOT, capture_output=True, text=True, check=True, preexec_fn=pin)
    found = json.loads(done.stdout)
    return _row("httpx", _FEW, found["events"] / seconds, found["cpu_s"] / found["events"], found["gap_p99_ns"])


def _ours(case: AgentCase) -> tuple[tuple[str, ...], list[Goal]]:
    found, ledger, _ = measured(case)
    first, gaps = noted(ledger)
    run = found.run
    steady, generator = pooled(run.by_second(run.total_names()), run.seconds()), _generator(run)
    whole = Tally.merge(run.by_second(run.total_names()).values()).histogram("token gap").total
    cpu_ns, elapsed_ns = generator.count("cpu_ns"), generator.count("elapsed_ns")
    gap_ns = (steady.histogram("token gap").quantile_us(0.99) or 0.0) * 1e3
    streams = int(case.load["users"])
    row = _row("loadtests", streams, whole / (elapsed_ns / S), cpu_ns / S / whole, gap_ns)
    busy = found.others > BUSY_CORES or bool(found.distrust)
    goals = []
    for what, quantile, histogram, left, relative in (
        ("TTFT p95", 0.95, "ttft", first, 0.02),
        ("token gap p99", 0.99, "token gap", gaps, 0.0),
    ):
        truth = rank_value(left, quantile)
        error = (steady.histogram(histogram).quantile_us(quantile) or 0.0) * 1e3 - truth
        allowed = relative * truth + 1 * MS
        reached = f"{'-' if error < 0 else ''}{format_duration(abs(error))} of {format_duration(truth)}"
        wanted = f"within {format_duration(allowed)}"
        goals.append(Goal(f"{streams:,} streams: {what}, error", wanted, reached, abs(error) <= allowed, busy))
    return row, goals


def _generator(run: ScenarioRun) -> Tally:
    return Tally.merge(tally for tallies in run.generator_by_second().values() for tally in tallies)


def _row(client: str, streams: int, per_s: float, cpu_s: float, gap_ns: float) -> tuple[str, ...]:
    return client, f"{streams:,}", f"{per_s:,.0f}", f"{cpu_s * 1e6:.1f}", format_duration(gap_ns)


if __name__ == "__main__":
    command()
