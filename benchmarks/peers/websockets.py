"""`python -m benchmarks.peers.websockets`: round trips over held connections, and connections that only idle.

Beside ours stand the raw loops of two client libraries, which record nothing: what a loop of one's own would reach. The
server has one core, each client the other. k6 and Locust are not compared yet.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import click

from benchmarks.accuracy.experiment import cores
from benchmarks.goals import Goal, at_least, at_most, goals_table, in_company, worst_exit_code
from benchmarks.machine import machine_lines
from benchmarks.pinning import pinned
from benchmarks.quiet import Moment, cores_taken_by_others
from benchmarks.results import write_section
from benchmarks.running import run_command
from benchmarks.table import markdown_table
from loadtests.errors import GeneratorFault
from loadtests.result.run import ScenarioRun, pooled
from loadtests.result.rundir import read_run
from loadtests.result.window import COMPLETED_OK, OK, Tally

__all__ = ["command"]

_ROOT = Path(__file__).parents[2]
_ECHO = "benchmarks.peers.websocket_echo"
_TALKING, _IDLE = 500, 10_000
_SPAWN = 2500
_GOAL_MESSAGES, _GOAL_OPENED, _GOAL_KIB = 60_000, 2_000, 12.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What one tool reached; `None` where it was not asked."""

    messages_per_s: float | None = None
    cpu_s: float | None = None
    opened_per_s: float | None = None
    bytes_each: float | None = None


@click.command("peers-websockets")
@click.option("--seconds", default=5, show_default=True, help="Measured seconds of each round.")
@click.option("--rounds", default=3, show_default=True, help="Rounds in turn; medians are shown.")
@click.option("--write", is_flag=True, help="Write the tables into benchmarks/RESULTS.md.")
def command(*, seconds: int, rounds: int, write: bool) -> None:
    """Compare our WebSocket driver with the raw loops of picows and websockets."""
    before = Moment.now()
    talking: dict[str, list[Figures]] = {}
    for _ in range(rounds):
        with _echo_server() as url:
            for name in ("picows", "websockets"):
                talking.setdefault(name, []).append(_raw(name, url, _TALKING, seconds))
            for match in ("order", "json"):
                talking.setdefault(f"loadtests, by {match}", []).append(_ours_talking(url, match, seconds))
    with _echo_server() as url:
        idle = {name: _raw(name, url, _IDLE, 0) for name in ("picows", "websockets")}
        idle["loadtests"] = _ours_idle(url)
    reached = in_company(_goals(talking, idle["loadtests"]), cores_taken_by_others(before, Moment.now()))
    text = "\n".join([_talking_table(talking), "", _idle_table(idle), "", goals_table(reached)])
    print(text)
    if write:
        what = f"Median of {rounds} rounds of {seconds} s (`python -m benchmarks.peers.websockets`)."
        write_section("WebSocket peers", "\n".join([*machine_lines(), "", what, "", text]))
    sys.exit(worst_exit_code(reached))


def _goals(talking: Mapping[str, list[Figures]], idle: Figures) -> list[Goal]:
    """What was promised, and what was reached in this run."""
    by_json = median(one.messages_per_s or 0 for one in talking["loadtests, by json"])
    return [
        at_least(f"round trips/s over {_TALKING} connections, by json", _GOAL_MESSAGES, by_json),
        at_least(f"connections opened a second, of {_IDLE:,}", _GOAL_OPENED, idle.opened_per_s or 0),
        at_most("memory of an idle connection", _GOAL_KIB, (idle.bytes_each or 0) / 1024, form="{:.1f} KiB"),
    ]


def _talking_table(found: Mapping[str, list[Figures]]) -> str:
    floor = [one.messages_per_s or 0 for one in found["picows"]]
    lines = []
    for name, rounds in found.items():
        rates = [one.messages_per_s or 0 for one in rounds]
        ratio = median(rate / least for rate, least in zip(rates, floor, strict=True))
        cpu = median((one.cpu_s or 0) * 1e6 for one in rounds)
        span = f"{min(rates):,.0f} .. {max(rates):,.0f}"
        lines.append((_named(name), f"{median(rates):,.0f}", span, f"{cpu:.1f}", f"{ratio:.2f}"))
    headings = (f"{_TALKING} connections", "round trips/s", "lowest .. highest", "CPU µs each", "of raw picows")
    return markdown_table(headings, lines)


def _idle_table(found: Mapping[str, Figures]) -> str:
    lines = [
        (_named(name), f"{one.opened_per_s or 0:,.0f}", f"{(one.bytes_each or 0) / 1024:.1f}")
        for name, one in found.items()
    ]
    return markdown_table((f"{_IDLE:,} idle connections", "opened/s", "KiB each"), lines)


def _named(name: str) -> str:
    return name if name.startswith("loadtests") else f"{name} {metadata.version(name)}, nothing recorded"


@contextmanager
def _echo_server() -> Iterator[str]:
    command = [sys.executable, "-m", _ECHO, "server"]
    pin = pinned(*cores()[0])
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=pin) as server:
        try:
            assert server.stdout is not None
            yield f"ws://127.0.0.1:{int(server.stdout.readline())}/"
        finally:
            server.kill()


def _raw(tool: str, url: str, connections: int, seconds: int) -> Figures:
    command = [sys.executable, "-m", _ECHO, tool, url, str(connections), str(seconds)]
    ended = _pinned_run(command)
    return Figures(**json.loads(ended.splitlines()[-1]))


def _ours_talking(url: str, match: str, seconds: int) -> Figures:
    operation = {"name": "echo", "send": {"json": {"id": "{{message}}", "text": "hello world"}}}
    how = {"match": {"json": "id"}} if match == "json" else {}
    load = {"connections": _TALKING, "spawn_rate": "1000/s", "duration": f"{seconds + 3}s"}
    run = _ours(url, {"load": load, "warmup": "2s", "websocket": how, "operations": [operation]})
    total = pooled(run.by_second(run.total_names()), run.seconds())
    generator = [t for s in run.seconds() for t in run.generator_by_second().get(s, ())]
    done = total.count(COMPLETED_OK)
    if total.failed or not done:
        raise GeneratorFault(f"our own run failed: {total.failures or 'no answers'}")
    cpu_s = sum(tally.count("cpu_ns") for tally in generator) / 1e9
    return Figures(messages_per_s=done / len(run.seconds()), cpu_s=cpu_s / done)


def _ours_idle(url: str) -> Figures:
    """Memory is what a run with them all has more than one with a hundred.

    The time is that of the last one due, had it been the slowest of all to connect.
    """
    few, many = (_held(url, connections) for connections in (100, _IDLE))
    tally = Tally.merge(many.connections_by_second().values())
    if tally.count(OK) != _IDLE:
        raise GeneratorFault(f"only {tally.count(OK):,} of {_IDLE:,} connections were established")
    assert many.scenario.load.connections is not None
    last_s = many.scenario.load.connections.spawn_ns / 1e9 + (tally.histogram("connect").max_us or 0) / 1e6
    return Figures(opened_per_s=_IDLE / last_s, bytes_each=(_memory(many) - _memory(few)) / (_IDLE - 100))


def _held(url: str, connections: int) -> ScenarioRun:
    return _ours(url, {"load": {"connections": connections, "spawn_rate": f"{_SPAWN}/s", "duration": "8s"}})


def _memory(run: ScenarioRun) -> int:
    """The most that the engine process has held."""
    return max(tally.count("rss_bytes") for found in run.generator_by_second().values() for tally in found)


def _ours(url: str, scenario: Mapping[str, Any]) -> ScenarioRun:
    given = {"driver": "websocket", "thresholds": ["drops < 1%"], **scenario}
    with tempfile.TemporaryDirectory(prefix="peers-ours-") as scratch:
        here = Path(scratch)
        plan = {"version": 1, "target": {"websocket": url}, "scenarios": {"work": given}}
        (here / "plan.yaml").write_text(json.dumps(plan))
        _pinned_run(run_command(here), accepted=(0, 1, 3))
        return read_run(here / "run").scenarios[0]


def _pinned_run(command: list[str], accepted: tuple[int, ...] = (0,)) -> str:
    pin = pinned(*cores()[1])
    ended = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False, preexec_fn=pin)
    if ended.returncode not in accepted:
        raise GeneratorFault(f"{' '.join(command[2:4])} ended with {ended.returncode}: {ended.stderr[-500:]}")
    return ended.stdout


if __name__ == "__main__":
    command()
