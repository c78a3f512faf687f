"""What this machine can offer: the search for each driver's highest rate.

A rate holds when a short run of it is valid, offers what was asked and keeps its start lag in bounds. It is looked for
by doubling, then between the last that held and the first that did not. The target, a mirror or the embedded
PostgreSQL, is on the same machine: where it is the slower one, or the cores are too few for both, the figure is too low
rather than too high.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loadtests.cli.embedded import embedded_target
from loadtests.errors import GeneratorFault
from loadtests.judge.validity import examine
from loadtests.judge.verdict import Health
from loadtests.result.ceiling import Ceiling
from loadtests.result.rundir import read_run
from loadtests.units import format_rate

__all__ = ["DRIVERS", "find_ceiling", "measure_ceiling", "mirror", "plan_document"]

LAG_P99_NS = 2_000_000
"""The start lag p99 up to which a rate is said to hold: well below what makes a run INVALID."""
LEAST_OFFERED = 0.995
_FIRST, _HIGHEST = 1_000.0, 1_000_000.0
_FINEST = 1.1
_SECONDS = 3
_JUDGED = (0, 1, 3, 4)

Found = tuple[float, Health]


def find_ceiling(look: Callable[[float], Health | None], *, first: float = _FIRST) -> Found | None:
    """The highest rate at which `look` gives a health, within a tenth; `None` when not even `first` holds."""
    best: Found | None = None
    low, high = 0.0, first
    while low < high and (health := look(high)) is not None:
        best, low, high = (high, health), high, min(high * 2, _HIGHEST)
    while best is not None and high / low > _FINEST:
        middle = (low * high) ** 0.5
        health = look(middle)
        if health is None:
            high = middle
        else:
            best, low = (middle, health), middle
    return best


def measure_ceiling(driver: str, told: Callable[[str], None] = lambda _: None) -> Ceiling:
    """Look for the ceiling of `driver` on this machine, a short run a step; `told` hears of each.

    Raises `GeneratorFault` when not even the lowest rate holds.
    """
    with _target(driver) as target:

        def look(rate: float) -> Health | None:
            for _ in range(2):  # a pause of the machine may spoil one run, hardly two
                health = _health(driver, target, rate)
                if health is not None:
                    break
            told(f"{driver}: {format_rate(rate)} {'held' if health else 'did not hold'}")
            return health

        found = find_ceiling(look)
    if found is None:
        raise GeneratorFault(f"the {driver} driver cannot keep to {format_rate(_FIRST)} on this machine: is it busy?")
    rate, health = found
    lag = LAG_P99_NS if health.lag_p99_ns is None else health.lag_p99_ns
    return Ceiling(driver, rate, round(lag), datetime.now(UTC).isoformat(timespec="seconds"))


def _health(driver: str, target: Mapping[str, str], rate: float) -> Health | None:
    """The health of a short run at that rate; `None` when it did not hold, or the answers were not good."""
    with tempfile.TemporaryDirectory(prefix="loadtests-ceiling-") as scratch:
        plan, run = Path(scratch) / "plan.yaml", Path(scratch) / "run"
        plan.write_text(json.dumps(plan_document(driver, target, rate)))
        command = [sys.executable, "-m", "loadtests", "run", "-f", str(plan), "-o", str(run), "--no-history"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if ended.returncode not in _JUDGED:
            raise GeneratorFault(f"a run of the {driver} driver ended with {ended.returncode}: {ended.stderr[-500:]}")
        health = examine(read_run(run).scenarios[0])
    held = ended.returncode == 0 and health.achieved_per_s >= LEAST_OFFERED * health.offered_per_s
    return health if held and (health.lag_p99_ns or 0) <= LAG_P99_NS else None


def plan_document(driver: str, target: Mapping[str, str], rate: float) -> dict[str, Any]:
    """The plan of a short run of `driver` at that rate, with the addresses in `target`."""
    return {"version": 1, "target": dict(target), "scenarios": {driver: _SCENARIOS[driver](rate)}}


def _scenario(driver: str, load: Mapping[str, Any], operation: Mapping[str, Any], **settings: Any) -> dict[str, Any]:
    return {
        "driver": driver,
        "load": {"duration": f"{_SECONDS}s", **load},
        "warmup": "1s",
        "timeout": "2s",
        "operations": [{"name": "work", **operation}],
        "thresholds": ["errors < 1%"],
        **settings,
    }


def _null(rate: float) -> dict[str, Any]:
    return _scenario("null", _open(rate), {"law": "0s"})


def _http(rate: float) -> dict[str, Any]:
    return _scenario("http", _open(rate), {"request": "GET /", "check": {"status": 200, "contains": "ok"}})


def _websocket(rate: float) -> dict[str, Any]:
    load = {"connections": 200, "spawn_rate": "400/s", **_open(rate)}
    message = {"send": {"json": {"id": "{{message}}"}}}
    return _scenario("websocket", load, message, websocket={"match": {"json": "id"}})


def _open(rate: float) -> dict[str, Any]:
    """Room for what is on its way for 20 ms, so that a target that falls behind is seen by its drops."""
    return {"rate": f"{rate:.0f}/s", "max_in_flight": max(100, round(rate / 50))}


def _database(rate: float) -> dict[str, Any]:
    work = {"sql": "SELECT 1 AS one", "check": {"values": {"one": 1}}}
    return _scenario("database", _open(rate), work, database={"pool": 16})


def _agent(rate: float) -> dict[str, Any]:
    work = {"prompt": "how much could be saved?", "check": {"json": {"ok": True}}}
    return _scenario("agent", _open(rate), work, agent={"api": "answer"})


_SCENARIOS: Mapping[str, Callable[[float], dict[str, Any]]] = {
    "null": _null,
    "http": _http,
    "websocket": _websocket,
    "database": _database,
    "agent": _agent,
}
DRIVERS: Sequence[str] = tuple(_SCENARIOS)
"""The drivers whose ceiling can be measured."""


@contextlib.contextmanager
def _target(driver: str) -> Iterator[Mapping[str, str]]:
    """Something that answers as fast as can be, for the length of the block: its addresses in a plan."""
    if driver == "null":
        yield {}
        return
    if driver == "database":
        with embedded_target(["--database=embedded", "--database-users=1"]) as served:
            yield {"database": str(served.database)}
        return
    with mirror() as port:
        yield {"http": f"http://127.0.0.1:{port}", "websocket": f"ws://127.0.0.1:{port}/"}


@contextlib.contextmanager
def mirror() -> Iterator[int]:
    """A mirror (`loadtests.target.mirror`) in a process of its own for the length of the block; gives its port."""
    command = [sys.executable, "-m", "loadtests.target.mirror"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            if not port:
                raise GeneratorFault("the mirror that the generator is measured against did not start")
            yield int(port)
        finally:
            process.kill()
