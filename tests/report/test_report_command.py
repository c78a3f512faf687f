"""`loadtests report`: from a stored run to its files."""

import json
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import made_verdicts as made
import pytest
from click.testing import CliRunner

from loadtests.cli.report import command
from loadtests.errors import RunUnreadable, UsageError
from loadtests.plan.loader import load_plan
from loadtests.result.run import Environment, ProcessEnd
from loadtests.result.rundir import RunWriter


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """A directory that reads as a stored run and judges as a failed one."""
    run = tmp_path / "run"
    run.mkdir()
    reading = SimpleNamespace(read_run=lambda path: {"read": path})
    judging = SimpleNamespace(judge_run=lambda found: made.failing() if found == {"read": run} else None)
    monkeypatch.setitem(sys.modules, "loadtests.result.rundir", reading)
    monkeypatch.setitem(sys.modules, "loadtests.judge.judgement", judging)
    return run


def invoke(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_the_report_lands_in_the_run_directory(stored):
    """All four files, a path a line, and exit code 0 although the verdict is FAIL: `judge` is the gate."""
    result = invoke(stored)
    assert result.exit_code == 0
    names = ["report.json", "report.html", "junit.xml", "summary.md"]
    assert result.output.splitlines() == [str(stored / name) for name in names]
    assert json.loads((stored / "report.json").read_text())["verdict"] == "fail"


def test_formats_and_directory_can_be_chosen(stored, tmp_path):
    """Several formats with a comma, written where -o says."""
    result = invoke(stored, "--format", "junit,markdown", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["junit.xml", "summary.md"]
    assert not list(stored.iterdir())


@pytest.mark.parametrize(
    ("chosen", "named"),
    [pytest.param("pdf", "got pdf", id="unknown"), pytest.param(",", "got nothing", id="none")],
)
def test_an_unknown_format_is_named_with_the_known_ones(stored, chosen, named):
    result = invoke(stored, "--format", chosen)
    assert isinstance(result.exception, UsageError)
    assert named in str(result.exception)
    assert "expected json, html, junit, markdown, ctrf, csv, openmetrics, github or all" in str(result.exception)
    assert not list(stored.iterdir())


def test_all_are_the_files_that_there_are(stored):
    result = invoke(stored, "--format", "all")
    assert [path.rpartition("/")[2] for path in result.output.splitlines()] == [
        *("report.json", "report.html", "junit.xml", "summary.md"),
        *("ctrf.json", "windows.csv", "openmetrics.txt"),
    ]


def test_annotations_are_printed_and_no_file(stored):
    """GitHub reads them from standard output only."""
    result = invoke(stored, "--format", "github")
    assert result.output.startswith("::error title=FAIL api")
    assert not list(stored.iterdir())


def test_a_report_can_be_printed(stored):
    """`-o -` writes no file: the text goes down the pipe."""
    result = invoke(stored, "--format", "csv", "-o", "-")
    assert result.output.startswith("time,scenario,operation")
    assert not list(stored.iterdir())


def test_github_adds_to_the_summary_of_the_job(stored, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "job.md"))
    result = invoke(stored, "--github")
    assert result.output.count("::error") == 2
    assert "FAIL" in (tmp_path / "job.md").read_text()


def test_the_schema_is_printed_without_a_run():
    """`--schema` prints the JSON Schema of report.json."""
    result = invoke("--schema")
    assert result.exit_code == 0
    assert json.loads(result.output)["properties"]["schema"]["const"] == "loadtests.report/1"


def test_a_run_is_asked_for():
    """Without one it is a usage error."""
    result = invoke()
    assert result.exit_code == 2
    assert "expected the directory of a run" in result.output


def test_the_page_is_opened_only_when_asked(stored, monkeypatch):
    """`--open yes` opens the HTML page; without that format it is an error, and by default nothing opens."""
    opened = []
    monkeypatch.setattr("click.launch", opened.append)
    invoke(stored)
    assert opened == []
    invoke(stored, "--open", "yes")
    assert opened == [(stored / "report.html").resolve().as_uri()]
    assert isinstance(invoke(stored, "--open", "yes", "--format", "json").exception, UsageError)


PLAN = """
version: 1
scenarios:
  api:
    driver: "null"
    load: {rate: 100/s, duration: 20s, ramp: 2s}
    warmup: 5s
    operations:
      - {name: health, law: 5ms}
      - {name: execute, law: 15ms}
    thresholds: ["p50 < 200ms [BASE-P50]", "errors < 1%", "p99.9 < 2s"]
"""


@pytest.fixture
def recorded(tmp_path):
    """A run directory as the coordinator leaves it."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    plan = load_plan(tmp_path / "plan.yaml")
    began = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    directory = tmp_path / "recorded"
    with RunWriter.create(
        directory, plan, run_id="a-run", build="abc", environment=Environment({}, {}), started_at=began
    ) as writer:
        writer.begin_scenario("api", 1, started_at=began.isoformat())
        windows = made.windows(made.scenario(), failing=5)
        for window in windows:
            writer.window(window)
        ends = [ProcessEnd("0", True, len(windows))]
        writer.end_scenario("api", "complete", ended_s=20.0, processes=ends)
        writer.finish("complete")
    return directory


def test_a_recorded_run_is_read_judged_and_reported(recorded):
    """The real reader and the real judge: counts arrive in the report as they were recorded."""
    result = invoke(recorded)
    assert result.exit_code == 0, result.output
    scenario = json.loads((recorded / "report.json").read_text())["scenarios"][0]
    assert (scenario["total"]["requests"], scenario["total"]["failed"]) == (1500, 75)
    assert scenario["total"]["failures"] == {"status_5xx": 15, "timeout": 60}
    assert scenario["thresholds"][1]["observed"] == pytest.approx(0.05)
    assert scenario["thresholds"][0]["clause"] == "BASE-P50"


def test_a_directory_that_is_no_run_is_named(tmp_path):
    """The error is a usage error with the path in it."""
    result = invoke(tmp_path / "nothing")
    assert isinstance(result.exception, RunUnreadable)
    assert "nothing" in str(result.exception)
