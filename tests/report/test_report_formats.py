"""CTRF, CSV, OpenMetrics and GitHub annotations, each read by what reads it in the field."""

import io
import json
import math
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import jsonschema
import junitparser
import made_verdicts as made
import pandas as pd
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from loadtests.judge.verdict import Outcome, ScenarioVerdict
from loadtests.report import FORMATS, page_of
from loadtests.report.github import MOST_ANNOTATIONS, announce, render
from loadtests.report.openmetrics import buckets
from loadtests.result.run import pooled
from loadtests.result.window import Tally, Window

CTRF_SCHEMA = json.loads((Path(__file__).parent / "ctrf" / "ctrf-schema-0.0.json").read_text(encoding="utf-8"))
"""As published in the npm package `ctrf` 0.3.0 (its licence lies beside it)."""

PROMTOOL = shutil.which("promtool")


def text(name, verdict):
    return FORMATS[name].render(page_of(verdict))


# --- CTRF -------------------------------------------------------------------------------------------------------------


def ctrf(verdict):
    return json.loads(text("ctrf", verdict))


@pytest.mark.parametrize("kind", list(made.every()))
def test_ctrf_fits_its_published_schema(kind):
    jsonschema.validate(ctrf(made.every()[kind]), CTRF_SCHEMA, format_checker=jsonschema.FormatChecker())


def test_the_schema_of_ctrf_is_applied():
    """The check above can fail."""
    broken = ctrf(made.verdict())
    broken["results"]["tests"][0]["status"] = "green"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, CTRF_SCHEMA)


@pytest.mark.parametrize("kind", list(made.every()))
def test_ctrf_and_junit_have_the_same_cases(kind):
    """What fails in one fails in the other; a consumer of either sees as many of each."""
    verdict = made.every()[kind]
    suites = junitparser.JUnitXml.fromstring(text("junit", verdict).encode())
    names = [(suite.name, case.name) for suite in suites for case in suite]
    found = ctrf(verdict)["results"]
    assert [(test["suite"][1], test["name"]) for test in found["tests"]] == names
    assert found["summary"]["failed"] == suites.failures + suites.errors
    assert found["summary"]["other"] == suites.skipped
    assert found["summary"]["tests"] == suites.tests == len(names)


def test_ctrf_tells_invalid_from_failed():
    """Both are red; the raw status says whose fault it was."""
    tests = ctrf(made.invalid())["results"]["tests"]
    assert {(test["status"], test["rawStatus"]) for test in tests} == {("failed", "invalid")}


def test_an_interrupted_run_is_red_in_ctrf():
    """Though every threshold of its one scenario passed."""
    verdict = replace(made.verdict(), outcome=Outcome.INVALID, why="the run was interrupted before its end")
    assert [test["rawStatus"] for test in ctrf(verdict)["results"]["tests"]][-1] == "invalid"


def test_the_same_case_of_the_same_run_is_called_the_same():
    first, second = ctrf(made.failing()), ctrf(made.failing())
    assert first == second
    ids = [test["id"] for test in first["results"]["tests"]]
    assert len(set(ids)) == len(ids)


# --- CSV --------------------------------------------------------------------------------------------------------------


def frame(verdict):
    return pd.read_csv(io.StringIO(text("csv", verdict)), parse_dates=["time"])


def test_pandas_reads_the_windows_in_one_line():
    """A row for each second and operation, numbers as numbers, times as times."""
    found = frame(made.failing())
    assert len(found) == 20 * 2
    assert str(found["time"].dtype).startswith("datetime64")
    assert found["time"].iloc[0] == pd.Timestamp("2030-01-02T03:04:05Z")
    assert all(pd.api.types.is_numeric_dtype(found[name]) for name in ("offered", "ok", "p99_ms", "mean_ms"))


def test_the_rows_add_up_to_the_report():
    """Counts of the steady seconds are those of the page."""
    verdict = made.failing()
    found = frame(verdict)
    steady = found[found["steady"] == 1]
    total = page_of(verdict).scenarios[0].total
    assert (steady["ok"].sum(), steady["failed"].sum()) == (total.ok.value, total.failed.value)
    kinds = [int(re.search(r"timeout=(\d+)", kinds)[1]) for kinds in steady["failures"].dropna()]
    assert sum(kinds) == total.failures["timeout"].value


def test_a_second_without_an_answer_has_no_time():
    """Empty, not zero."""
    only_failed = Window("api", "0", 8, 8, {"health": Tally({"offered": 1, "failed.timeout": 1})})
    found = frame(made.verdict(run=made.scenario_run(made=[only_failed])))
    assert math.isnan(found["p50_ms"].iloc[0])
    assert found["failed"].iloc[0] == 1


@pytest.mark.parametrize("name", ['a "quoted", name', "two\nlines", "=1+1"])
def test_names_survive_the_csv(name):
    one = made.scenario("api", operations=(name, "other"))
    found = frame(made.verdict(run=made.scenario_run(one)))
    assert set(found["operation"]) == {name, "other"}


# --- OpenMetrics ------------------------------------------------------------------------------------------------------


def families(verdict):
    return {one.name: one for one in text_string_to_metric_families(text("openmetrics", verdict))}


@pytest.mark.parametrize("kind", list(made.every()))
def test_the_reference_parser_accepts_the_exposition(kind):
    """It refuses a bucket out of order, a counter without its suffix, a state set without its states, a missing end."""
    assert families(made.every()[kind])["loadtests_run"].samples[0].labels["run"] == "20300102-030405-api"


def test_a_missing_end_is_noticed():
    """The check above can fail."""
    with pytest.raises(ValueError, match="EOF"):
        list(text_string_to_metric_families(text("openmetrics", made.verdict()).replace("# EOF\n", "")))


def test_the_share_beyond_a_limit_can_be_read_off_a_bucket():
    """There is a bucket at every limit, and what it leaves out is what the judge counted as over."""
    verdict = made.failing()
    run = verdict.run.scenarios[0]
    limited = replace(
        run, scenario=replace(run.scenario, thresholds=[made.threshold("p99 < 31ms", limit=31e6).threshold])
    )
    assert 0.031 in buckets(limited)
    changed = made.verdict(run=limited, thresholds=verdict.scenarios[0].thresholds)
    samples = families(changed)["loadtests_response_seconds"].samples
    tally = pooled(limited.by_second(["execute"]), limited.seconds()).histogram("response.ok")
    (found,) = [one for one in samples if one.labels.get("le") == "0.031" and one.labels["operation"] == "execute"]
    assert found.value == tally.total - tally.count_over_us(31_000)
    (everything,) = [one for one in samples if one.labels.get("le") == "+Inf" and one.labels["operation"] == "execute"]
    assert everything.value == tally.total


def test_one_verdict_of_four_is_set():
    states = {
        one.labels["loadtests_verdict"]: one.value for one in families(made.failing())["loadtests_verdict"].samples
    }
    assert states == {"pass": 0, "fail": 1, "inconclusive": 0, "invalid": 0}


def test_samples_carry_the_end_of_the_steady_interval():
    """So that a stored run is filed under the time at which it was made."""
    (sample, *_) = families(made.verdict())["loadtests_offered"].samples
    assert float(sample.timestamp) == pytest.approx(pd.Timestamp("2030-01-02T03:04:25Z").timestamp())


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool on PATH")
def test_prometheus_takes_the_file_into_its_database(tmp_path):
    """The real program makes blocks of it, and they hold the series."""
    source, blocks = tmp_path / "openmetrics.txt", tmp_path / "blocks"
    source.write_text(text("openmetrics", made.failing()), encoding="utf-8")
    (blocks / "wal").mkdir(parents=True)  # a database has one, a dump asks for it
    command = [PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", str(source), str(blocks)]
    made_blocks = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert made_blocks.returncode == 0, made_blocks.stderr
    shown = subprocess.run([PROMTOOL, "tsdb", "dump", str(blocks)], capture_output=True, text=True, timeout=50)
    assert re.search(r'"loadtests_failures_total", kind="timeout", operation="execute".* 60 ', shown.stdout)


# --- GitHub -----------------------------------------------------------------------------------------------------------

COMMAND = re.compile(r"::(error|warning|notice) title=([^,:\n]*)::([^\n]*)\n")


def commands(verdict):
    found = render(page_of(verdict))
    assert "".join(match[0] for match in COMMAND.finditer(found)) == found
    return COMMAND.findall(found)


def test_annotations_tell_what_failed_and_why():
    """Each missed threshold is an error with its sentence; what passed is not mentioned."""
    found = commands(made.failing())
    assert [(level, title) for level, title, _ in found] == [
        ("error", "FAIL api%3A p95 < 31ms"),
        ("error", "FAIL api%3A errors < 1%25"),
    ]
    assert found[1][2] == "4.76%25 of requests failed, above the limit of 1%25"


def test_the_worst_comes_first():
    """A generator at fault outranks a miss, a miss what is not settled, and that a warning."""
    unsettled = made.inconclusive().scenarios[0].thresholds
    inner = [
        ScenarioVerdict(made.scenario_run(made.scenario(name)), outcome, health, thresholds, "why")
        for name, outcome, health, thresholds in (
            ("a", Outcome.INCONCLUSIVE, replace(made.HEALTHY, warnings=("busy",)), unsettled),
            ("b", Outcome.FAIL, made.HEALTHY, made.failing().scenarios[0].thresholds),
            ("c", Outcome.INVALID, made.STARVED, made.GOOD),
        )
    ]  # fmt: skip
    found = commands(made.verdict_of(inner, Outcome.INVALID, why="c"))
    assert [title.split()[0] for _, title, _ in found] == [
        *("INVALID", "INVALID", "FAIL", "FAIL", "INCONCLUSIVE"),
        *("Warning", "Warning"),
    ]
    assert [level for level, _, _ in found] == ["error"] * 4 + ["warning"] * 3


def test_there_are_ten_at_most_and_the_last_counts_the_rest():
    """GitHub would drop the eleventh in silence."""
    many = [made.threshold(f"p99 < {number}ms", Outcome.FAIL) for number in range(1, 14)]
    found = commands(made.verdict(Outcome.FAIL, thresholds=many))
    assert len(found) == MOST_ANNOTATIONS
    assert found[-1][2] == "4 more findings are in the report"
    exactly = commands(made.verdict(Outcome.FAIL, thresholds=many[:10]))
    assert len(exactly) == 10
    assert "more" not in exactly[-1][2]


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.INVALID, Outcome.INCONCLUSIVE])
def test_an_outcome_that_no_threshold_tells_is_told(outcome):
    """A scenario that was stopped early, a run that was interrupted: never a notice that all is well."""
    whole = commands(replace(made.verdict(), outcome=outcome, why="interrupted"))
    assert "interrupted" in [text for _, _, text in whole]
    one = commands(made.verdict(outcome, why="stopped early"))
    assert [text for _, _, text in one] == ["stopped early"]
    assert {level for level, _, _ in whole + one} <= {"error", "warning"}


def test_a_good_run_is_one_notice():
    assert commands(made.verdict()) == [("notice", "PASS load test", "all 4 thresholds held")]


def test_no_text_can_start_a_command_of_its_own():
    """A line break, a colon and a percent sign stay data."""
    evil = "x\n::error::owned%0A"
    verdict = made.verdict(Outcome.FAIL, thresholds=[made.threshold(evil, Outcome.FAIL, why=evil)])
    ((level, title, data),) = commands(verdict)
    assert (level, data) == ("error", "x␊::error::owned%250A")
    assert "%3A%3Aerror" in title


def test_the_summary_of_the_job_is_added_to(tmp_path, monkeypatch):
    """What another step has written stays."""
    place = tmp_path / "summary.md"
    place.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(place))
    out = io.StringIO()
    announce(page_of(made.failing()), out)
    assert place.read_text().startswith("before\n## ✘ FAIL")
    assert out.getvalue().count("::error") == 2
