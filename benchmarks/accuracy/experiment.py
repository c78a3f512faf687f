"""One experiment: start the truth server, let the suite measure it as a user would, and read what it reports."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.accuracy.behaviour import Behaviour, S
from benchmarks.accuracy.cases import WARMUP_NS, Case, Closed, Offer, Open
from benchmarks.accuracy.comparison import Row, compare
from benchmarks.accuracy.ledger import Ledger
from benchmarks.accuracy.server import PATH
from benchmarks.accuracy.truth import Executions, closed, open_model
from benchmarks.pauses import watching
from benchmarks.pinning import before_others, pinned
from benchmarks.quiet import BUSY_CORES, Moment, cores_taken_by_others
from benchmarks.running import run_command
from loadtests.errors import GeneratorFault
from loadtests.plan.model import Scenario
from loadtests.plan.profile import arrivals
from loadtests.result.rundir import read_run

__all__ = ["Finding", "cores", "distrust_of", "measure", "plan_text", "run_experiment", "truth_server"]

_ROOT = Path(__file__).parents[2]
_START_WITHIN_S = 20.0
_NAME = "truth"
_ENGINE = "loadtests.drive.process"
_PRIORITY = 5
"""Of the engine process and the truth server: before all other programs, after the strangers."""
_SLEEPING = ("server", "websocket_server")
"""Truth servers that leave their core to others at times: one that never sleeps must not go before them."""
_JUDGED = (0, 1, 3, 4)
"""Exit codes of `loadtests run` after which there is a run to read."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One case under one load: its rows, and what must be known to trust them."""

    case: Case
    offer: Offer
    rows: Sequence[Row]
    distrust: Sequence[str]
    server_late_ns: tuple[int, int]
    """How late the server itself was against its law: p50 and p99.9."""
    others_cores: float
    """How many cores programs with no part in this kept busy meanwhile."""
    stranger_late_ns: tuple[int, int]
    """How late a stranger on the same cores was woken: p50 and p99.9."""


def run_experiment(case: Case, offer: Offer, *, seconds: float) -> Finding:
    """Measure `case` under `offer` for `seconds` after the warm-up. Raises `GeneratorFault` when there is no run."""
    duration_ns = WARMUP_NS + round(seconds * S)
    before = Moment.now()
    with tempfile.TemporaryDirectory(prefix="accuracy-") as scratch:
        here = Path(scratch)
        with watching() as strangers, truth_server("server", case.behaviour.to_wire(), here / "ledger.npz") as port:
            (here / "plan.yaml").write_text(plan_text(offer, port=port, duration_ns=duration_ns))
            measure(here)
        ledger = Ledger.load(here / "ledger.npz")
        run = read_run(here / "run").scenarios[0]
        distrust = distrust_of(here / "run")
    others = cores_taken_by_others(before, Moment.now())
    truth = _truth(case.behaviour, offer, run.scenario, duration_ns=duration_ns)
    rows = [
        replace(row, distrusted=bool(distrust), disturbed=others > BUSY_CORES)
        for row in compare(case, offer, run, truth=truth, ledger=ledger, strangers=strangers, cores=cores()[1])
    ]
    server_late = ledger.late_ns(0.5), ledger.late_ns(0.999)
    stranger_late = strangers.lateness_ns(0.5), strangers.lateness_ns(0.999)
    return Finding(case, offer, rows, distrust, server_late, others, stranger_late)


def plan_text(offer: Offer, *, port: int, duration_ns: int) -> str:
    """The plan file (JSON is YAML) that puts the server at `port` under that load."""
    scenario = {
        "driver": "http",
        "load": {"duration": f"{duration_ns}ns", **_load(offer)},
        "warmup": f"{WARMUP_NS}ns",
        "timeout": "60s",
        "operations": [{"name": "answer", "request": f"GET {PATH}", "check": {"status": 200, "contains": "42"}}],
        "thresholds": ["p50 < 1h"],
    }
    return json.dumps({"version": 1, "target": {"http": f"http://127.0.0.1:{port}"}, "scenarios": {_NAME: scenario}})


def _load(offer: Offer) -> dict[str, str | int]:
    if isinstance(offer, Open):
        return {"rate": f"{offer.rate:g}/s", "max_in_flight": offer.room}
    pacing: dict[str, str | int] = {} if offer.pacing_ns is None else {"pacing": f"{offer.pacing_ns}ns"}
    return {"users": offer.users, "spawn_rate": f"{offer.spawn_rate:g}/s", **pacing}


def _truth(behaviour: Behaviour, offer: Offer, scenario: Scenario, *, duration_ns: int) -> Executions:
    if isinstance(offer, Closed):
        return closed(
            behaviour,
            offer.users,
            duration_ns=duration_ns,
            spawn_rate=offer.spawn_rate,
            pacing_ns=offer.pacing_ns,
        )
    due = np.concatenate([chunk.due_ns for chunk in arrivals(scenario)])
    return open_model(behaviour, due.tolist(), room=offer.room)


@contextmanager
def truth_server(module: str, behaviour: dict[str, Any], ledger: Path) -> Iterator[int]:
    """The server's port; at the end of the block it has written its ledger and is gone."""
    command = [sys.executable, "-m", f"benchmarks.accuracy.{module}", json.dumps(behaviour), str(ledger)]
    pipe, core = subprocess.PIPE, cores()[0]
    with subprocess.Popen(command, cwd=_ROOT, stdin=pipe, stdout=pipe, text=True, preexec_fn=pinned(*core)) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            if not line:
                raise GeneratorFault("the truth server did not start; its error is above")
            if module in _SLEEPING:
                before_others(server.pid, priority=_PRIORITY)
            yield int(line)
            server.stdin.close()
            server.wait(_START_WITHIN_S)
        finally:
            server.kill()


def cores() -> tuple[set[int], set[int]]:
    """One core for the server, the others for the suite, as if the target were another machine; all for both if one."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others) or {first}


def measure(here: Path, *, engine_alone: bool = False) -> None:
    """Run the plan in `here` as a user would; raises `GeneratorFault` when that leaves no run.

    The engine process goes before what else the machine does. With `engine_alone` it has the cores to itself, and its
    coordinator is where the server is.
    """
    theirs, ours = cores()
    pin, pipe = pinned(*(theirs if engine_alone else ours)), subprocess.PIPE
    with subprocess.Popen(run_command(here), cwd=_ROOT, stdout=pipe, stderr=pipe, text=True, preexec_fn=pin) as process:
        _prefer_engine(psutil.Process(process.pid), ours)
        printed = "".join(process.communicate())
    if process.returncode not in _JUDGED:
        last = "\n".join(printed.splitlines()[-15:])
        raise GeneratorFault(f"loadtests run ended with exit code {process.returncode} and left no run:\n{last}")


def _prefer_engine(tool: psutil.Process, cores: set[int]) -> None:
    """Wait for the engine process of a run; it goes before other programs on those cores."""
    until = time.monotonic() + _START_WITHIN_S
    while time.monotonic() < until and tool.is_running() and tool.status() != psutil.STATUS_ZOMBIE:
        with contextlib.suppress(psutil.Error):  # a process that ends while it is looked at
            for child in tool.children():
                if _ENGINE in child.cmdline():
                    child.cpu_affinity(sorted(cores))
                    before_others(child.pid, priority=_PRIORITY)
                    return
        time.sleep(0.01)


def distrust_of(run: Path) -> Sequence[str]:
    """Why the suite called its own run invalid; empty when it stands by its figures."""
    report = json.loads((run / "report.json").read_text())
    health = report["scenarios"][0]["health"]
    return () if health["valid"] else tuple(health["reasons"])
