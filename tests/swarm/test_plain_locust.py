"""Plain Locust, as people have it, with our recorder beside their locustfile."""

import os
import re
import subprocess
import sys
from pathlib import Path

from loadtests.cli.embedded import embedded_target
from loadtests.plan.loader import load_plan
from loadtests.plan.thresholds import format_threshold
from loadtests.profiles.api import THRESHOLDS
from loadtests.result.rundir import read_run
from loadtests.result.window import OFFERED, Tally
from tests.swarm.test_locust_driver import FILES, counted

ROOT = Path(__file__).resolve().parents[2]
LOCUST = [sys.executable, "-m", "locust", "--only-summary", "--loglevel", "ERROR"]
TOO_BUSY = 3
"""INVALID: Locust waited for its turn on this machine; what was recorded is whole all the same."""
API = ROOT / "loadtests" / "profiles" / "api.py"


def plugin() -> str:
    """Where the plugin says it lies."""
    said = subprocess.run([sys.executable, "-m", "loadtests.swarm.plugin"], capture_output=True, text=True, check=True)
    return said.stdout.strip()


def finished(process: "subprocess.Popen[str]") -> "subprocess.CompletedProcess[str]":
    out, err = process.communicate(timeout=50)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def begun(*arguments: str, counts: Path, cwd: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*LOCUST, *arguments],
        env={**os.environ, "COUNTED": str(counts)},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def recorded(directory: Path) -> dict[str, int]:
    """Requests by name in a run directory."""
    (run,) = read_run(directory).scenarios
    tallies = {name: Tally.merge(run.by_second([name]).values()) for name in run.operation_names()}
    return {name.removeprefix("RPC "): tally.count(OFFERED) for name, tally in tallies.items()}


def test_a_test_of_plain_locust_is_a_run_with_a_verdict(tmp_path: Path) -> None:
    """`-f theirs,ours`: a missed threshold is exit code 1, and the run holds every request."""
    files = f"{FILES / 'custom.py'},{plugin()}"
    shape = ["-u", "3", "-r", "100", "-t", "2s", "--headless", "--run-directory", "run"]
    counts = tmp_path / "counts"
    ended = finished(begun("-f", files, *shape, "--threshold", "errors < 0.1%", counts=counts, cwd=tmp_path))
    assert ended.returncode in (1, TOO_BUSY), ended.stdout + ended.stderr
    assert re.search(rf"{'FAIL' if ended.returncode == 1 else 'INVALID'} +errors < 0\.1%", ended.stdout)
    assert ended.stdout.rstrip().endswith("report: run/report.html")
    assert recorded(tmp_path / "run") == counted(counts)
    assert (tmp_path / "run" / "report.json").exists()


def test_nothing_of_its_workers_is_lost_at_the_end(tmp_path: Path) -> None:
    """A master and two workers: what all of them fired is in the master's run, to the last request."""
    files = f"{FILES / 'custom.py'},{plugin()}"
    counts, port = tmp_path / "counts", str(20_000 + os.getpid() % 20_000)
    shape = ["-u", "6", "-r", "100", "-t", "2s", "--headless", "--expect-workers", "2", "--run-directory", "run"]
    where = ["-f", files, "--master-bind-port", port, "--master", *shape, "--threshold", "errors < 99%"]
    master = begun(*where, counts=tmp_path / "none", cwd=tmp_path)
    workers = [begun("-f", files, "--worker", "--master-port", port, counts=counts, cwd=tmp_path) for _ in range(2)]
    ended = finished(master)
    for worker in workers:
        finished(worker)
    assert ended.returncode in (0, TOO_BUSY), ended.stdout + ended.stderr
    (run,) = read_run(tmp_path / "run").scenarios
    assert [end.clean for end in run.processes] == [True, True]
    assert recorded(tmp_path / "run") == counted(counts)


def test_the_guides_api_test_runs_on_stock_locust(tmp_path: Path) -> None:
    """Its flags turned down; our verdict is the last thing it prints, and its exit code is ours."""
    with embedded_target() as target:
        url = str(target.http)
        shape = ["-u", "20", "-r", "20", "-t", "3s", "--headless"]
        ended = finished(begun("-f", str(API), "--host", url, *shape, counts=tmp_path / "none", cwd=tmp_path))
    assert ended.returncode in (0, TOO_BUSY), ended.stdout + ended.stderr
    assert "p95 < 1s" in ended.stdout
    assert re.search(r"report: reports/\S+-api-\w+/report\.html$", ended.stdout.rstrip())
    (directory,) = (tmp_path / "reports").iterdir()
    (run,) = read_run(directory).scenarios
    assert run.operation_names() == ["GET /health", "POST /api/agent/execute"]


def test_the_guides_locustfile_claims_what_its_scenario_claims() -> None:
    """One list of limits in two places."""
    scenario = load_plan(ROOT / "scenarios.yaml", environ={}).scenarios["api-users"]
    assert [format_threshold(one) for one in scenario.thresholds] == list(THRESHOLDS)


def test_a_threshold_that_is_none_is_said_and_is_no_pass(tmp_path: Path) -> None:
    """Locust itself goes on; its exit code says that there is no verdict."""
    files = f"{FILES / 'custom.py'},{plugin()}"
    shape = ["-u", "1", "-r", "1", "-t", "1s", "--headless"]
    ended = finished(begun("-f", files, *shape, "--threshold", "speed < 1s", counts=tmp_path / "none", cwd=tmp_path))
    assert ended.returncode == 2
    assert "unknown metric" in ended.stderr
