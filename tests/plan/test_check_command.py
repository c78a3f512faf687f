"""`loadtests check` shows what a plan means, and sends nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from loadtests.cli.check import command
from loadtests.errors import PlanError, UsageError
from loadtests.plan.summary import closed_rate, outlooks, schedule_summary

SECOND = 10**9
PLAN = """\
version: 1
target: {http: http://127.0.0.1:8080}
scenarios:
  open:
    driver: http
    load: {rate: 100/s, duration: 1m, ramp: 10s}
    warmup: 20s
    operations:
      - {name: often, weight: 3, request: GET /}
      - name: visit
        timeout: 2s
        steps: [{name: in, request: GET /}, {name: out, request: GET /, timeout: 1s}]
    thresholds:
      - p99 < 1s [BASE-P99]
      - p99.9 < 2s for 10s
      - "visit: p95 < 1s"
      - "visit/in: p50 < 1s"
      - mean < 1s
  closed:
    driver: null
    load: {users: 50, duration: 1m, spawn_rate: 10/s, think: 0.5s..1.5s}
    operations: [{name: x, law: 5ms}]
    thresholds: [errors < 1%]
suites: {brief: {scenarios: [open], duration: 6s}}
"""


@pytest.fixture
def file(folder) -> Path:
    return folder.write("plan.yaml", PLAN)


def check(file: Path, *arguments: str) -> str:
    result = CliRunner().invoke(command, ["-f", str(file), *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_an_open_scenario_is_shown_in_figures(file: Path) -> None:
    shown = check(file, "open")
    for expected in (
        "open · http · open: constant arrivals that wait for no answer",
        "to 100/s in 10 s, hold 100/s for 50 s",
        "5,500 in 60 s",
        "from 20 s to 60 s; warm-up of 20 s and ramp of 10 s recorded but not judged",
        "at most 2,000",
        "valid; 1 scenario, 60 s of load",
    ):
        assert expected in shown
    assert "closed" not in shown


def lines_of(shown: str) -> list[list[str]]:
    return [line.split() for line in shown.splitlines()]


def test_operations_are_shown_with_shares_counts_and_timeouts(file: Path) -> None:
    shown = lines_of(check(file, "open"))
    assert ["often", "75%", "4,125", "3,000", "10", "s"] in shown
    assert ["visit", "25%", "1,375", "1,000", "2", "s"] in shown
    assert ["/out", "1,375", "1,000", "1", "s"] in shown


def test_each_threshold_is_shown_with_the_samples_it_gets_and_needs(file: Path) -> None:
    shown = [" ".join(line) for line in lines_of(check(file, "open"))]
    assert "p99 < 1s BASE-P99 5,000 299 enough" in shown
    assert "p99.9 < 2s for 10s 1,250 2,995 too few: it will be inconclusive" in shown
    assert "visit: p95 < 1s 1,000 59 enough" in shown
    assert "visit/in: p50 < 1s 1,000 5 enough" in shown
    assert "mean < 1s" in shown


def test_a_closed_scenario_shows_littles_law(file: Path) -> None:
    shown = check(file, "closed")
    assert "50 users, 10/s until all run, think 500 ms to 1.5 s" in shown
    assert (
        "rate = users / (latency + think); at a latency of 1 ms: 50/s, 10 ms: 49.5/s, 100 ms: 45.5/s, 1 s: 25/s"
        in shown
    )


def test_a_suite_is_shown_as_shortened(file: Path) -> None:
    assert "550 in 6 s" in check(file, "brief")


def test_set_changes_what_is_shown(file: Path) -> None:
    assert "hold 7/s for 50 s" in check(file, "open", "--set", "scenarios.open.load.rate=7/s")


def test_an_embedded_target_supplies_what_thresholds_need(file: Path) -> None:
    extra = ("--set", "scenarios.open.thresholds=[target cpu < 70%]")
    with pytest.raises(PlanError, match="nothing measures target cpu"):
        check(file, *extra)
    assert "target cpu < 70%" in check(file, "--embedded", *extra)


def test_the_schema_is_printed_without_a_plan(tmp_path: Path) -> None:
    assert json.loads(check(tmp_path / "none.yaml", "--schema"))["title"] == "loadtests plan"


def test_an_unknown_name_is_a_usage_error(file: Path) -> None:
    with pytest.raises(UsageError, match="did you mean open"):
        check(file, "opne")


def test_the_command_exits_with_2_and_every_mistake(folder) -> None:
    file = folder.write("bad.yaml", PLAN.replace("rate: 100/s", "rate: 100").replace("GET /}", "GTE /}"))
    result = subprocess.run(
        [sys.executable, "-m", "loadtests", "check", "-f", str(file)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stdout == ""
    assert "expected a rate such as 1000/s" in result.stderr
    assert result.stderr.count("did you mean GET?") == 2
    assert "Traceback" not in result.stderr


def test_output_to_a_pipe_is_plain_text(file: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "loadtests", "check", "-f", str(file)], capture_output=True, text=True, check=True
    )
    assert "\x1b" not in result.stdout
    assert not any(line.endswith(" ") for line in result.stdout.splitlines())


def test_open_figures_are_exact(folder) -> None:
    scenario = folder.load(PLAN).scenarios["open"]
    summary = schedule_summary(scenario)
    assert (summary.offered, summary.steady_offered, summary.peak_rate) == (5500.0, 4000.0, 100.0)
    assert summary.steady_ns == (20 * SECOND, 60 * SECOND)
    assert sum(summary.levels) / len(summary.levels) == pytest.approx(5500 / 60)
    assert [outlook.suffices for outlook in outlooks(scenario, summary)] == [True, False, True, True, True]


@pytest.mark.parametrize(
    ("load", "latency_ms", "rate"),
    [
        pytest.param("{users: 10, duration: 1m, think: 1s}", 250, 8.0, id="users over latency plus think"),
        pytest.param("{users: 10, duration: 1m, pacing: 2s}", 250, 5.0, id="users over pace"),
        pytest.param("{users: 10, duration: 1m, pacing: 2s}", 4000, 2.5, id="answers slower than the pace"),
        pytest.param("{users: 10, duration: 1m}", 100, 100.0, id="no pause at all"),
        pytest.param("{users: 10, duration: 1m}", 0, float("inf"), id="nothing takes time"),
    ],
)
def test_littles_law(folder, load: str, latency_ms: int, rate: float) -> None:
    text = f"scenarios:\n  a:\n    driver: null\n    load: {load}\n    operations: [{{name: x, law: 1ms}}]\n"
    assert closed_rate(folder.load(text).scenarios["a"].load, latency_ms * 10**6) == rate


def test_closed_figures_follow_from_the_median_allowed(folder) -> None:
    text = PLAN.replace("errors < 1%", "p50 < 250ms")
    summary = schedule_summary(folder.load(text).scenarios["closed"])
    assert summary.assumed_latency_ns == 250_000_000
    assert summary.peak_rate == pytest.approx(40.0)
    assert summary.steady_offered == pytest.approx(40.0 * (60 - 4.9))
    assert summary.levels[-1] == 50.0
