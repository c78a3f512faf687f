"""`python -m benchmarks.capacity`: what the load loop itself can do, how it scales, and what it holds on to.

The null driver dispatches and records without any traffic, so what it reaches is the engine's own limit. Then the same
work is shared by two processes, round after round in turn. Last, a load over twenty operations goes on for minutes
against a mirror (`loadtests.target.mirror`) while the resident memory of every process of ours is looked at once a
second: it must not grow once all is warm.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click
import psutil

from benchmarks.goals import Goal, at_least, at_most, goals_table, in_company, worst_exit_code
from benchmarks.machine import machine_lines
from benchmarks.quiet import Moment, cores_taken_by_others
from benchmarks.results import write_section
from benchmarks.running import run_command
from loadtests.cli.ceiling import mirror
from loadtests.errors import GeneratorFault
from loadtests.result.run import ScenarioRun, pooled
from loadtests.result.rundir import read_run
from loadtests.result.window import COMPLETED_OK, CUT_OFF, OFFERED, OK, Tally

__all__ = ["Memory", "command", "growth"]

_ROOT = Path(__file__).parents[1]
_GOAL_RATE, _GOAL_SCALING, _GOAL_GROWTH, _GOAL_BYTES = 200_000, 1.8, 0.05, 200e6
_WARM_S = 60.0
_OPERATIONS, _RATE = 20, 5_000
_USERS = 64

Samples = list[tuple[float, int]]


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident bytes of one process: once warm, at the end (medians of ten samples), and at most."""

    name: str
    warm: float
    last: float
    most: int

    @property
    def grown(self) -> float:
        """Growth after the warm minute, as a share."""
        return self.last / self.warm - 1


@click.command("capacity")
@click.option("--rounds", default=3, show_default=True, help="Rounds of one process and two in turn.")
@click.option("--seconds", default=5, show_default=True, help="Measured seconds of each round.")
@click.option("--minutes", default=30.0, show_default=True, help="How long memory is watched; 0 leaves it out.")
@click.option("--write", is_flag=True, help="Write the table into benchmarks/RESULTS.md.")
def command(*, rounds: int, seconds: int, minutes: float, write: bool) -> None:
    """Measure the engine without a target, on one and two processes, and its memory over time."""
    before = Moment.now()
    speed = in_company(_speed(rounds, seconds), cores_taken_by_others(before, Moment.now()))
    reached = [*speed, *(_flatness(minutes) if minutes else [])]
    text = goals_table(reached)
    print(text)
    if write:
        what = (
            f"Medians of {rounds} rounds of {seconds} s; memory over {minutes:g} min (`python -m benchmarks.capacity`)."
        )
        write_section("Capacity", "\n".join([*machine_lines(), "", what, "", text]))
    sys.exit(worst_exit_code(reached))


def _speed(rounds: int, seconds: int) -> list[Goal]:
    pairs = [(_outcomes_per_s(1, seconds), _outcomes_per_s(2, seconds)) for _ in range(rounds)]
    one, scaling = median(first for first, _ in pairs), median(second / first for first, second in pairs)
    return [
        at_least("null driver, outcomes dispatched and recorded a second", _GOAL_RATE, one),
        at_least("two processes beside one", _GOAL_SCALING, scaling, form="{:.2f} ×"),
    ]


def _outcomes_per_s(processes: int, seconds: int) -> float:
    """Users who never pause, over two operations; every execution must be accounted for."""
    load = {"users": _USERS * processes, "duration": f"{seconds + 1}s"}
    operations = [{"name": name, "law": "0s", "weight": weight} for name, weight in (("often", 3), ("seldom", 1))]
    scenario = {"driver": "null", "load": load, "warmup": "1s", "operations": operations, "thresholds": ["errors < 1%"]}
    with tempfile.TemporaryDirectory(prefix="capacity-") as scratch:
        with _running({}, scenario, Path(scratch), f"--processes={processes}") as process:
            process.wait()
        run = _stored(Path(scratch))
    whole = Tally.merge(run.by_second(run.total_names()).values())
    if whole.count(OFFERED) != whole.count(OK) + whole.failed + whole.count(CUT_OFF):
        raise GeneratorFault(f"{whole.count(OFFERED):,} executions began, and not all of them have an end")
    return pooled(run.by_second(run.total_names()), run.seconds()).count(COMPLETED_OK) / len(run.seconds())


def _flatness(minutes: float) -> list[Goal]:
    found = _watched(minutes)
    load = f"{_RATE:,}/s over {_OPERATIONS} operations for {minutes:g} min"
    grown, most = max(one.grown for one in found), max(one.most for one in found)
    return [
        at_most(f"growth of memory, {load}", _GOAL_GROWTH, grown, form="{:.1%}"),
        at_most("memory of a process, at most", _GOAL_BYTES / 1e6, most / 1e6, form="{:.0f} MB"),
    ]


def _watched(minutes: float) -> list[Memory]:
    operations = [
        {
            "name": f"read {number}",
            "request": f"GET /{number}?u={{{{user}}}}",
            "check": {"status": 200, "json": {"ok": True}},
        }
        for number in range(_OPERATIONS)
    ]
    scenario = {
        "driver": "http",
        "load": {"rate": f"{_RATE}/s", "duration": f"{minutes * 60:.0f}s"},
        "warmup": "1s",
        "operations": operations,
        "data": {"user": {"sequence": "1..10000"}},
        "thresholds": ["errors < 1%"],
    }
    with tempfile.TemporaryDirectory(prefix="capacity-") as scratch, mirror() as port:
        with _running({"http": f"http://127.0.0.1:{port}"}, scenario, Path(scratch)) as process:
            samples = _sampled(process, seconds=minutes * 60)
            process.wait()
        run = _stored(Path(scratch))
    if Tally.merge(run.by_second(run.total_names()).values()).failed:
        raise GeneratorFault("some of the requests failed, so this was not the load that was meant")
    return [growth(name, found) for name, found in samples.items()]


def growth(name: str, samples: Samples) -> Memory:
    """The memory of one process from its samples, (seconds, bytes) in order; of a short run its second half is warm."""
    later = [held for _, held in samples[len(samples) // 2 :]]
    warm = [held for at, held in samples if at >= _WARM_S] or later
    return Memory(name, median(warm[:10]), median(warm[-10:]), max(held for _, held in samples))


def _sampled(process: "subprocess.Popen[bytes]", *, seconds: float) -> Mapping[str, Samples]:
    """Resident bytes of the coordinator and its engine, once a second while the load goes on."""
    coordinator, began = psutil.Process(process.pid), time.monotonic()
    samples: dict[str, Samples] = {"coordinator": [], "engine": []}
    while process.poll() is None and time.monotonic() < began + seconds:
        try:
            engines = [child for child in coordinator.children() if "loadtests.drive.process" in child.cmdline()]
            for name, one in (("coordinator", coordinator), *(("engine", engine) for engine in engines)):
                samples[name].append((time.monotonic() - began, one.memory_info().rss))
        except psutil.Error:
            continue
        time.sleep(1)
    return samples


@contextmanager
def _running(
    target: Mapping[str, str], scenario: Mapping[str, Any], here: Path, *options: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """`loadtests run` of that scenario, its run in `here`."""
    plan = {"version": 1, "target": dict(target), "scenarios": {"work": dict(scenario)}}
    (here / "plan.yaml").write_text(json.dumps(plan))
    quiet = subprocess.DEVNULL
    with subprocess.Popen(run_command(here, *options), cwd=_ROOT, stdout=quiet, stderr=quiet) as process:
        try:
            yield process
        finally:
            process.terminate()


def _stored(here: Path) -> ScenarioRun:
    run = read_run(here / "run").scenarios[0]
    if run.status != "complete":
        raise GeneratorFault(f"our own run is {run.status}: {run.stop_reason or 'it says nothing'}")
    return run


if __name__ == "__main__":
    command()
