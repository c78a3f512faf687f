"""`python -m benchmarks.peers.users`: the same thousand users by Locust and by us, against a server of known behaviour.

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
_USERS, _SPAWN = 1000, 200
_SPAWN_S = _USERS / _SPAWN
_LAW = Behaviour((Step(5 * MS, 98), Step(100 * MS, 2)))
_QUANTILES = (0.5, 0.95, 0.99)


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
    """Run a thousand users by each tool in turn."""
    before = Moment.now()
    found = {name: _measured(tool, seconds) for name, tool in _TOOLS.items()}
    others = cores_taken_by_others(before, Moment.now())
    parts = [_table(found)]
    if others > BUSY_CORES:
        parts.append(f"Other programs kept {others:.2f} cores busy meanwhile: trust the figures little.")
    print("\n\n".join(parts))
    if write:
        lines = machine_lines({"locust": metadata.version("locust")})
        what = (
            f"{_USERS:,} users spawned at {_SPAWN}/s, who think 0.4 s to 0.6 s; {seconds} s, one core for the tool "
            "(`python -m benchmarks.peers.users`). The truth is by the server's own notes."
        )
        write_section("Peers: a thousand users", "\n\n".join(["\n".join(lines), what, *parts]))


def _measured(tool: Callable[[Path, int, int], Said], seconds: int) -> Measured:
    with tempfile.TemporaryDirectory(prefix="peers-users-") as scratch:
        here = Path(scratch)
        with truth_server("server", _LAW.to_wire(), here / "ledger.npz") as port:
            spent, began = _children_s(), time.monotonic()
            said = tool(here, port, seconds)
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


def _locust(here: Path, port: int, seconds: int) -> Said:
    shape = ["-u", str(_USERS), "-r", str(_SPAWN), "-t", f"{round(_SPAWN_S) + seconds}s", "--reset-stats"]
    file = str(Path(__file__).with_name("thinkers.py"))
    where = ["--host", f"http://127.0.0.1:{port}", "--csv", str(here / "said")]
    quiet = ["--headless", "--only-summary"]
    printed = _ended([sys.executable, "-m", "locust", "-f", file, *quiet, *shape, *where], good=(0, 1))
    with (here / "said_stats.csv").open() as file_:
        warned = "CPU usage above" in printed
        return Said(locust_says(list(csv.DictReader(file_))), "warns of its CPU" if warned else "nothing")


def locust_says(rows: Sequence[Mapping[str, str]]) -> list[float]:
    """The quantiles of all requests in Locust's CSV, in ms."""
    total = next(row for row in rows if row["Name"] == "Aggregated")
    return [float(total[f"{quantile * 100:g}%"]) for quantile in _QUANTILES]


def _suite(driver: Mapping[str, object], think: Mapping[str, str]) -> Callable[[Path, int, int], Said]:
    def run(here: Path, port: int, seconds: int) -> Said:
        load = {"users": _USERS, "spawn_rate": f"{_SPAWN}/s", "duration": f"{_SPAWN_S + seconds}s", **think}
        scenario = {"load": load, "timeout": "10s", "thresholds": ["p99 < 1h"], **driver}
        target = {"http": f"http://127.0.0.1:{port}"}
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


_TOOLS: Mapping[str, Callable[[Path, int, int], Said]] = {
    "loadtests, driver http": _suite(
        {"driver": "http", "operations": [{"name": "answer", "request": "GET /answer", "check": {"status": 200}}]},
        {"think": "0.4s..0.6s"},
    ),
    "Locust FastHttpUser": _locust,
    "loadtests, driver locust": _suite({"driver": "locust", "locust": {"locustfile": "thinkers.py"}}, {}),
}


def _table(found: Mapping[str, Measured]) -> str:
    heads = ["tool", *(f"p{quantile * 100:g}" for quantile in _QUANTILES), "truth", "requests/s", "CPU µs/request"]
    rows = [
        [
            name,
            *(f"{value:,.1f} ms" for value in one.said.times_ms),
            " · ".join(f"{value:,.1f}" for value in one.truth_ms) + " ms",
            f"{one.requests_per_s:,.0f}",
            f"{one.cpu_us_per_request:,.0f}",
            f"{one.cpu_cores:.2f}",
            one.said.itself,
        ]
        for name, one in found.items()
    ]
    return markdown_table([*heads, "cores used", "says of itself"], rows)


if __name__ == "__main__":
    command()
