"""Locust's web interface over a run of ours: what it shows, and its buttons."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtests.result.histogram import Histogram
from loadtests.result.rundir import read_run
from loadtests.result.window import COMPLETED_OK, OFFERED, OK, RESPONSE_FAILED, RESPONSE_OK, Tally, Window
from loadtests.swarm.figures import report_of

PLAN = """
version: 1
scenarios:
  engine:
    driver: "null"
    load: {rate: 100/s, duration: 60s}
    operations: [{name: work, law: 5ms, fail_every: 4}]
    thresholds: [p99 < 100ms]
"""


def test_a_window_is_what_a_worker_of_locusts_would_report() -> None:
    """Counts as they are, times in Locust's coarse buckets, names split where they begin with a method."""
    good = Histogram.of_us(np.array([5_000, 5_400, 251_000]))
    bad = Histogram.of_us(np.array([1_234_000]))
    tally = Tally(
        {OFFERED: 4, OK: 3, "failed.timeout": 1, COMPLETED_OK: 3, "completed.failed": 1},
        {RESPONSE_OK: good, RESPONSE_FAILED: bad},
    )
    window = Window("s", "w.0", 0, 7, {"GET /items": tally}, Tally({"in_flight": 12}))
    report = report_of(window, started_s=1000.0)
    (entry,) = report["stats"]
    assert (entry["method"], entry["name"]) == ("GET", "/items")
    assert (entry["num_requests"], entry["num_failures"]) == (4, 1)
    assert entry["response_times"] == {5: 2, 250: 1, 1200: 1}
    assert entry["num_reqs_per_sec"] == {1007: 4}
    assert report["stats_total"]["num_requests"] == 4
    assert [error["error"] for error in report["errors"].values()] == ["timeout"]
    assert report["user_classes_count"] == {"in flight": 12}


@pytest.fixture
def interface(tmp_path: Path) -> Iterator[str]:
    """The address of a master's web interface; the master and a worker run until the test is over."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    ports = [free_port(), free_port()]
    where = ["--bind-host", "127.0.0.1", "--bind-port", str(ports[0]), "--web", "--web-port", str(ports[1])]
    command = [sys.executable, "-m", "loadtests"]
    master = subprocess.Popen(
        [*command, "master", "plan.yaml", "--expect-workers", "1", "--no-history", *where],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    worker = subprocess.Popen(
        [*command, "worker", "--master-host", "127.0.0.1", "--master-port", str(ports[0])],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{ports[1]}"
    finally:
        master.send_signal(signal.SIGINT)
        master.communicate(timeout=30)
        worker.kill()
        worker.wait()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def ask(url: str, *, post: bool = False) -> Any:
    """What the interface answers, once it serves."""
    request = urllib.request.Request(url, data=b"" if post else None)
    until = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.loads(answer.read())
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def shown(url: str, state: str) -> dict[str, Any]:
    """The interface's figures once it is in that state, and shows requests."""
    until = time.monotonic() + 30
    while True:
        found: dict[str, Any] = ask(f"{url}/stats/requests")
        if found["state"] == state and found["stats"][-1]["num_requests"] > 50:
            return found
        assert time.monotonic() < until, found
        time.sleep(0.2)


def test_its_buttons_start_and_stop_a_run_that_it_shows_live(interface: str, tmp_path: Path) -> None:
    """Started by a click, shown while it runs, ended by a click; the run directory is like any other."""
    ask(f"{interface}/swarm", post=True)
    live = shown(interface, "running")
    assert live["stats"][0]["name"] == "work"
    assert 0.1 < live["fail_ratio"] < 0.4
    assert [error["error"] for error in live["errors"]] == ["dialled"]
    assert len(live["workers"]) == 1
    ask(f"{interface}/stop", post=True)
    shown(interface, "stopped")
    until = time.monotonic() + 20
    while not list(tmp_path.glob("reports/2*/report.json")):
        assert time.monotonic() < until
        time.sleep(0.1)
    (directory,) = tmp_path.glob("reports/2*")
    run = read_run(directory)
    assert run.status == "interrupted"
    assert run.scenarios[0].processes[0].clean
