"""`python -m benchmarks.peers.users`: the same users by Locust and by us, against a server of known behaviour.

98 of 100 answers take 5 ms, two take 100 ms, and the server notes what each truly took. Each tool has one core, the
server another. What a tool says is set beside what was so; CPU is what the kernel charged to the tool and its children.
"""

import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.accuracy.behaviour import MS, Behaviour, Step
from benchmarks.accuracy.experiment import cores, truth_server
from benchmarks.accuracy.ledger import Ledger, rank_value
from benchmarks.machine import machine_lines
from benchmarks.pinning import pinned
from benchmarks.quiet import BUSY_CORES, Moment, cores_taken_by_others
from benchmarks.results import write_section
from benchmarks.table import markdown_table
from loadtests.errors import GeneratorFault

__all__ = ["command", "locust_says", "suite_says"]

_ROOT = Path(__file__).parents[2]
_USERS = (1000, 2000)
_SPAWN_S = 5
_LAW = Behaviour((Step(5 * MS, 98), Step(100 * MS, 2)))
_QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class _Task:
    """What a tool is to do: so many users against the server at `port`, files in `here`."""

    here: Path
    port: int
    users: int
    seconds: int

    @property
    def spawn_rate(self) -> int:
        return self.users // _SPAWN_S


@dataclass(frozen=True, slots=True)
class Said:
    """What a tool reports: times in ms at the quantiles, and what it says of itself."""

    times_ms: Sequence[float]
    itself: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What a tool said, what the server did meanwhile, and what it cost."""

    said: Said
    truth_ms: Sequence[float]
    requests_per_s: float
    cpu_us_per_request: float
    cpu_cores: float


@click.command("peers-users")
@click.option("--seconds", default=15, show_default=True, help="Measured seconds of each tool, after spawning.")
@click.option("--write", is_flag=True, help="Write the table into benchmarks/RESULTS.md.")
def command(*, seconds: int, write: bool) -> None:
    """Run a thousand users, then two thousand, by each tool in turn."""
    before = Moment.now()
    found = {(users, name): _measured(tool, users, seconds) for users in _USERS for name, tool in _TOOLS.items()}
    others = cores_taken_by_others(before, Moment.now())
    parts = [_table(found)]
    if others > BUSY_CORES:
        parts.append(f"Other programs kept {others:.2f} cores busy meanwhile: trust the figures little.")
    print("\n\n".join(parts))
    if write:
        lines = machine_lines({"locust": metadata.version("locust")})
        what = (
            f"Users spawned within {_SPAWN_S} s, who think 0.4 s to 0.6 s; {seconds} s, one core for the tool "
            "(`python -m benchmarks.peers.users`). The truth is by the server's own notes."
        )
        write_section("Peers: users who think", "\n\n".join(["\n".join(lines), what, *parts]))


def _measured(tool: Callable[[_Task], Said], users: int, seconds: int) -> Measured:
    with tempfile.TemporaryDirectory(prefix="peers-users-") as scratch:
        here = Path(scratch)
        with truth_server("server", _LAW.to_wire(), here / "ledger.npz") as port:
            spent, began = _children_s(), time.monotonic()
            said = tool(_Task(here, port, users, seconds))
            cpu_s, elapsed_s = _children_s() - spent, time.monotonic() - began
        ledger = Ledger.load(here / "ledger.npz")
    steady = (ledger.sent_ns > 0) & (ledger.received_ns >= ledger.received_ns[0] + round(_SPAWN_S * 1e9))
    took = (ledger.sent_ns - ledger.received_ns)[steady]
    span_s = float(np.ptp(ledger.received_ns[steady])) / 1e9
    return Measured(
        said,
        [rank_value(took, quantile) / 1e6 for quantile in _QUANTILES],
        len(took) / span_s,
        cpu_s / ledger.count() * 1e6,
        cpu_s / elapsed_s,
    )


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ended(command: Sequence[str], *, good: Sequence[int]) -> str:
    """Run a tool on its core; what it printed."""
    done = subprocess.run(
        command, cwd=_ROOT, capture_output=True, text=True, check=False, preexec_fn=pinned(*cores()[1]), timeout=180
    )
    if done.returncode not in good:
        raise GeneratorFault(f"{command[2]} ended with exit code {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout + done.stderr


def _locust(task: _Task) -> Said:
    shape = ["-u", str(task.users), "-r", str(task.spawn_rate), "-t", f"{_SPAWN_S + task.seconds}s", "--reset-stats"]
    file = str(Path(__file__).with_name("thinkers.py"))
    where = ["--host", f"http://127.0.0.1:{task.port}", "--csv", str(task.here / "said")]
    quiet = ["--headless", "--only-summary"]
    printed = _ended([sys.executable, "-m", "locust", "-f", file, *quiet, *shape, *where], good=(0, 1))
    with (task.here / "said_stats.csv").open() as file_:
        warned = "CPU usage above" in printed
        return Said(locust_says(list(csv.DictReader(file_))), "warns of its CPU" if warned else "nothing")


def locust_says(rows: Sequence[Mapping[str, str]]) -> list[float]:
    """The quantiles of all requests in Locust's CSV, in ms."""
    total = next(row for row in rows if row["Name"] == "Aggregated")
    return [float(total[f"{quantile * 100:g}%"]) for quantile in _QUANTILES]


def _suite(driver: Mapping[str, object], think: Mapping[str, str]) -> Callable[[_Task], Said]:
    def run(task: _Task) -> Said:
        here, duration = task.here, f"{_SPAWN_S + task.seconds}s"
        load = {"users": task.users, "spawn_rate": f"{task.spawn_rate}/s", "duration": duration, **think}
        scenario = {"load": load, "timeout": "10s", "thresholds": ["p95 < 100ms", "p99 < 500ms"], **driver}
        target = {"http": f"http://127.0.0.1:{task.port}"}
        (here / "thinkers.py").write_text(Path(__file__).with_name("thinkers.py").read_text())
        (here / "plan.yaml").write_text(json.dumps({"version": 1, "target": target, "scenarios": {"users": scenario}}))
        where = ["-f", str(here / "plan.yaml"), "-o", str(here / "run"), "--no-history"]
        _ended([sys.executable, "-m", "loadtests", "run", *where], good=(0, 1, 3, 4))
        return suite_says(json.loads((here / "run" / "report.json").read_text()))

    return run


def suite_says(report: Mapping[str, Any]) -> Said:
    """The quantiles of all requests in a report of ours, and whether it stands by them."""
    (scenario,) = report["scenarios"]
    times = scenario["total"]["response_ms"]
    health = scenario["health"]
    itself = "valid" if health["valid"] else f"INVALID: {health['reasons'][0]}"
    return Said([times[f"p{quantile * 100:g}"] for quantile in _QUANTILES], itself)


_TOOLS: Mapping[str, Callable[[_Task], Said]] = {
    "loadtests, driver http": _suite(
        {"driver": "http", "operations": [{"name": "answer", "request": "GET /answer", "check": {"status": 200}}]},
        {"think": "0.4s..0.6s"},
    ),
    "Locust FastHttpUser": _locust,
    "loadtests, driver locust": _suite({"driver": "locust", "locust": {"locustfile": "thinkers.py"}}, {}),
}


def _table(found: Mapping[tuple[int, str], Measured]) -> str:
    heads = [
        "users",
        "tool",
        *(f"p{quantile * 100:g}" for quantile in _QUANTILES),
        "truth",
        "requests/s",
        "CPU µs/request",
    ]
    rows = [
        [
            f"{users:,}",
            name,
            *(f"{value:,.1f} ms" for value in one.said.times_ms),
            " · ".join(f"{value:,.1f}" for value in one.truth_ms) + " ms",
            f"{one.requests_per_s:,.0f}",
            f"{one.cpu_us_per_request:,.0f}",
            f"{one.cpu_cores:.2f}",
            one.said.itself,
        ]
        for (users, name), one in found.items()
    ]
    return markdown_table([*heads, "cores used", "says of itself"], rows, left=2)


if __name__ == "__main__":
    command()
