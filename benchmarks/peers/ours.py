"""Our own suite at the same work, all features on: answers checked, response and service time recorded."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.peers.outside import MARGIN_S, Counter, Pace, measure
from benchmarks.running import run_command
from loadtests.errors import GeneratorFault
from loadtests.result.run import ScenarioRun, pooled
from loadtests.result.rundir import read_run
from loadtests.result.window import DROPPED, OK, Tally

__all__ = ["OpenFigures", "Work", "measure_closed", "measure_open"]

_ROOT = Path(__file__).parents[2]
_ENGINE = "loadtests.drive.process"


@dataclass(frozen=True, slots=True)
class Work:
    """What our plan says of the work: where it is, and the driver with its operation."""

    target: Mapping[str, Any]
    scenario: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OpenFigures:
    """The open model at a fixed rate. Lag is actual minus intended start, in ns, over the steady interval."""

    offered_per_s: float
    pace: Pace
    lag_p50_ns: float
    lag_p99_ns: float
    dropped: int


def measure_closed(server: Counter, work: Work, connections: int, *, core: int, seconds: float) -> Pace:
    """As many users as connections, no thinking; everything of ours, coordinator included, on `core`."""
    with tempfile.TemporaryDirectory(prefix="peers-ours-") as scratch:
        command = _command(Path(scratch), work, {"users": connections}, seconds=seconds)
        measured = measure(command, server, core=core, seconds=seconds, cwd=_ROOT)
        _verified(Path(scratch) / "run", measured.requests)
    return measured.pace


def measure_open(server: Counter, work: Work, rate: float, *, core: int, elsewhere: int, seconds: float) -> OpenFigures:
    """Constant arrivals at `rate`, the engine process alone on `core`, all else `elsewhere`."""

    def part(tool: psutil.Process) -> None:
        for child in tool.children(recursive=True):
            if _ENGINE in child.cmdline():
                os.sched_setaffinity(child.pid, {core})

    with tempfile.TemporaryDirectory(prefix="peers-ours-") as scratch:
        load = {"rate": f"{rate:g}/s", "max_in_flight": 2000}
        command = _command(Path(scratch), work, load, seconds=seconds)
        measured = measure(command, server, core=elsewhere, seconds=seconds, cwd=_ROOT, begun=part)
        run = _verified(Path(scratch) / "run", measured.requests)
    lag = Tally.merge(tally for s in run.seconds() for tally in run.generator_by_second().get(s, ())).histogram(
        "start lag"
    )
    total = pooled(run.by_second(run.total_names()), run.seconds())
    p50, p99 = (lag.quantile_us(quantile) or 0 for quantile in (0.5, 0.99))
    return OpenFigures(rate, measured.pace, p50 * 1e3, p99 * 1e3, total.count(DROPPED))


def _command(here: Path, work: Work, load: Mapping[str, Any], *, seconds: float) -> list[str]:
    scenario = {
        "load": {"duration": f"{seconds + MARGIN_S}s", **load},
        "warmup": "1s",
        "thresholds": ["errors < 1%"],
        **work.scenario,
    }
    plan = {"version": 1, "target": work.target, "scenarios": {"work": scenario}}
    (here / "plan.yaml").write_text(json.dumps(plan))
    return run_command(here)


def _verified(run: Path, served: int) -> ScenarioRun:
    """The run, once its own count has been found equal to the server's and nothing failed."""
    found = read_run(run).scenarios[0]
    whole = Tally.merge(found.by_second(found.total_names()).values())
    if whole.failed or whole.count(OK) != served:
        raise GeneratorFault(
            f"our run reports {whole.count(OK)} good answers and {whole.failures or 'no failures'}, "
            f"but the server counted {served}"
        )
    return found
