"""`loadtests judge` on stored runs: the verdict, its exit code, and nothing written unless asked."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from synthetic_runs import generator, ms, tally

from loadtests.cli.judge import command
from loadtests.plan.loader import load_plan
from loadtests.result.environment import capture
from loadtests.result.run import ProcessEnd
from loadtests.result.rundir import RunWriter
from loadtests.result.window import Tally, Window

PLAN = """
version: 1
target: {http: "http://127.0.0.1:8080"}
scenarios:
  api:
    driver: "null"
    load: {rate: 100/s, duration: 10s}
    operations: [{name: get, law: 5ms}]
    thresholds: [THRESHOLDS]
"""


def good(_: int) -> Tally:
    return tally(ms(*[5] * 100))


def stored(directory: Path, at: Callable[[int], Tally] = good, *, thresholds: str = "p99 < 2s, errors < 1%") -> Path:
    """A finished run of 10 s in a run directory."""
    source = directory / "plan.yaml"
    source.write_text(PLAN.replace("THRESHOLDS", thresholds))
    where = directory / "run"
    with RunWriter.create(where, load_plan(source), run_id="r", build="b", environment=capture()) as writer:
        writer.begin_scenario("api", expected_processes=1, started_at="2026-01-01T00:00:00+00:00")
        for second in range(10):
            writer.window(Window("api", "0", second, second, {"get": at(second)}, generator()))
        ends = [ProcessEnd("0", clean=True, windows=10)]
        writer.end_scenario("api", status="complete", ended_s=10.0, processes=ends, stop_reason=None)
        writer.finish("complete")
    return where


def judge(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=True)


def test_a_good_run_passes_and_writes_nothing(tmp_path: Path) -> None:
    where = stored(tmp_path)
    before = {path: path.read_bytes() for path in where.iterdir()}
    result = judge(where)
    assert result.exit_code == 0, result.output
    assert "PASS" in result.output
    assert {path: path.read_bytes() for path in where.iterdir()} == before


def test_a_missed_threshold_exits_1(tmp_path: Path) -> None:
    where = stored(tmp_path, lambda _: tally(ms(*[5] * 95), failed={"status_5xx": 5}))
    result = judge(where)
    assert (result.exit_code, "FAIL" in result.output) == (1, True)


def test_other_thresholds_replace_the_runs_own(tmp_path: Path) -> None:
    where = stored(tmp_path)
    assert judge(where, "--threshold", "p99 < 1ms").exit_code == 1
    assert judge(where, "--threshold", "p99 < 1ms", "--threshold", "p50 < 1s").exit_code == 1
    assert judge(where, "--threshold", "p50 < 1s").exit_code == 0


def test_strict_makes_an_open_question_exit_4(tmp_path: Path) -> None:
    where = stored(tmp_path)
    assert judge(where, "--threshold", "p99.9 < 1s").exit_code == 0
    assert judge(where, "--threshold", "p99.9 < 1s", "--strict").exit_code == 4


def test_a_claim_without_data_exits_3(tmp_path: Path) -> None:
    assert judge(stored(tmp_path), "--threshold", "target cpu < 70%").exit_code == 3


def test_the_thresholds_of_a_plan_file_replace_the_runs_own(tmp_path: Path) -> None:
    where, other = stored(tmp_path), tmp_path / "other.yaml"
    other.write_text(PLAN.replace("THRESHOLDS", "p99 < 1ms"))
    assert judge(where, "-f", other).exit_code == 1


def test_reports_are_written_when_asked(tmp_path: Path) -> None:
    where = stored(tmp_path)
    assert judge(where, "--write").exit_code == 0
    assert {"report.json", "report.html", "junit.xml", "summary.md"} <= {path.name for path in where.iterdir()}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--threshold", "p9x < 1s"], "--threshold: ", id="a threshold that is none"),
        pytest.param(["--threshold", "p99 < 1s", "-f", "plan.yaml"], "not from both", id="two sources of thresholds"),
        pytest.param(["-f", "{other}"], "has no scenario api, which the run holds; it has web", id="another plan"),
    ],
)
def test_what_cannot_be_done_is_a_usage_error(tmp_path: Path, arguments: list[str], said: str) -> None:
    where, other = stored(tmp_path), tmp_path / "other.yaml"
    other.write_text(PLAN.replace("THRESHOLDS", "p99 < 1s").replace("  api:", "  web:"))
    result = judge(where, *[argument.replace("{other}", str(other)) for argument in arguments])
    assert result.exception is not None
    assert said in str(result.exception)
    assert getattr(result.exception, "exit_code", None) == 2


def test_what_is_not_a_run_is_a_usage_error(tmp_path: Path) -> None:
    result = judge(tmp_path)
    assert getattr(result.exception, "exit_code", None) == 2
