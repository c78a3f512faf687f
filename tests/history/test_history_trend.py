"""A trend tells where a level changed and where runs were made differently; what cannot be believed changes nothing."""

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from jsonschema import Draft202012Validator
from kept_runs import BEGIN, MACHINE, answers, kept

from loadtests.errors import UsageError
from loadtests.history.address import Address
from loadtests.history.listing import read_trend, scenarios_of
from loadtests.history.retention import surplus
from loadtests.history.store import History, Selection
from loadtests.history.trend import Break, Level, Point, Trend, found_changes
from loadtests.judge.quantiles import QuantileFigure
from loadtests.judge.verdict import Outcome
from loadtests.report.trend import page_of_trend
from loadtests.report.trend_files import as_csv, as_json, schema_text
from loadtests.report.trend_terminal import print_scenarios, print_trend, sparkline
from loadtests.result.run import Environment
from loadtests.result.window import CONNECTIONS, OFFERED, OK, RESPONSE_OK, Tally

API = Selection(scenario="api")
TREND_SCHEMA = Draft202012Validator(json.loads(schema_text()))


@pytest.fixture
def stepped(file: Address) -> History:
    """Twenty runs of ten builds; from the twelfth run on everything takes half as long again."""
    history = History.open(file)
    for number in range(20):
        history.add(kept(number=number, build=f"1.{number // 2}", middle_us=5_000 * (1.5 if number >= 12 else 1.0)))
    return history


def point(number: int, p95_ms: float, **changes: object) -> Point:
    figures = {label: QuantileFigure(p95_ms * 1e6, p95_ms * 0.9e6, p95_ms * 1.1e6) for label in ("p50", "p95", "p99")}
    made = Point(
        run_id=f"run-{number:03d}",
        started_at=BEGIN,
        build=f"1.{number}",
        branch="main",
        outcome=Outcome.PASS,
        why="the threshold holds",
        comparability="a",
        quantiles=figures,
        ok=1_000,
        failed=0,
        offered=1_000,
        dropped=0,
        completed_ok=1_000,
        judged_s=10.0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_step_is_found_with_its_run_its_size_and_its_build(stepped: History) -> None:
    """Half as long again, on every percentile, with the first run of build 1.6."""
    trend = read_trend(stepped, API)
    assert [(change.metric, change.index) for change in trend.changes] == [("p50", 12), ("p95", 12), ("p99", 12)]
    assert trend.changes[1].found.change == pytest.approx(0.5, abs=0.06)
    (sentence,) = page_of_trend(trend).changes
    assert sentence.startswith("with run 20260101-120000-api of build 1.6 (before it 1.5): p50 4.9")
    assert not trend.breaks


def test_a_level_stretch_has_no_change(stepped: History) -> None:
    """Twelve runs of one level, with their noise."""
    assert not found_changes(read_trend(stepped, API).points[:12])


def test_a_search_for_a_quick_answer_leaves_older_runs_out(stepped: History) -> None:
    """And says so; what it searches is searched as ever."""
    assert not read_trend(stepped, API, searched=8).changes
    assert read_trend(stepped, API, searched=8).searched == 8
    whole = read_trend(stepped, API, searched=20)
    assert (whole.searched, {change.index for change in whole.changes}) == (None, {12})
    out = io.StringIO()
    print_trend(page_of_trend(read_trend(stepped, API, searched=8)), rows=1, stream=out)
    assert "changes were looked for among the newest 8" in out.getvalue()


def test_failures_that_begin_are_a_change_of_their_own() -> None:
    """From none to 5%, which no ratio could tell."""
    points = [point(number, 10.0, failed=0 if number < 8 else 50) for number in range(16)]
    (change,) = found_changes(points)
    assert (change.metric, change.index) == ("failed", 8)
    trend = Trend("api", None, "response time", points, [change])
    assert "failures 0% → 4.76% (+4.8 points)" in page_of_trend(trend).changes[0]


def test_invalid_runs_make_no_change_and_hide_none() -> None:
    """A starved generator doubled some figures; the step that is there is still found at its place."""
    starved = {3, 4, 5, 6}
    points = [
        point(n, 30.0, outcome=Outcome.INVALID) if n in starved else point(n, 10.0 if n < 12 else 13.0)
        for n in range(20)
    ]
    assert {change.index for change in found_changes(points)} == {12}


def test_runs_made_differently_are_set_apart_and_the_difference_is_named(file: Address) -> None:
    """Another rate, then another machine: no change of level, though the figures jump."""
    history = History.open(file)
    slower = Environment({**MACHINE.machine, "cores": 1}, MACHINE.versions)
    for number in range(24):
        made = {"rate": 60} if number >= 8 else {}
        other = {"environment": slower, "middle_us": 9_000.0} if number >= 16 else {}
        history.add(kept(number=number, **made, **other))
    trend = read_trend(history, API)
    assert [one.index for one in trend.breaks] == [8, 16]
    assert trend.breaks[0].differs == ('scenarios.api.load.rate "50/s" → "60/s"',)
    assert trend.breaks[1].differs == ("machine.cores 2 → 1",)
    assert not trend.changes
    assert page_of_trend(trend).rows[16].differs == "machine.cores 2 → 1"


def test_one_operation_has_a_trend_of_its_own(file: Address) -> None:
    """And one that never was is refused with those there are."""
    history = History.open(file)
    history.add(kept(at=lambda s: {"get": answers(s), "put": answers(s, middle_us=50_000)}))
    (total,), (get,) = (read_trend(history, API, name).points for name in (None, "get"))
    assert get.ok == 500
    assert total.ok == 1_000
    assert get.quantiles["p99"].observed < 20e6 < total.quantiles["p99"].observed
    with pytest.raises(UsageError, match=r"no operation 'gte' of api.*there are get, put; did you mean get"):
        read_trend(history, API, "gte")
    with pytest.raises(UsageError, match="as asked for: take away some of"):
        read_trend(history, replace(API, build="none"))


def test_a_scenario_that_only_holds_connections_shows_the_time_to_connect(file: Address) -> None:
    """It executes nothing, so its total has no figure."""

    def at(second: int) -> dict[str, Tally]:
        return {CONNECTIONS: Tally({OFFERED: 50, OK: 50}, {"connect": answers(second).histogram(RESPONSE_OK)})}

    history = History.open(file)
    history.add(kept(at=at))
    trend = read_trend(history, API)
    assert trend.of == "time to connect"
    assert trend.points[0].quantiles["p50"].observed == pytest.approx(5e6, rel=0.1)


def test_the_limits_of_the_newest_run_are_drawn_where_they_belong(file: Address) -> None:
    """Those on the plotted percentiles and on errors; not those of one operation, of service time, or of throughput."""
    history = History.open(file)
    texts = ["p95 < 9ms", "p90 < 8ms", "errors < 1%", "get: p95 < 7ms", "service p95 < 8ms", "throughput > 1/s"]
    history.add(kept(thresholds=texts))
    levels = {level.metric: level.text for level in read_trend(history, API).levels}
    assert levels == {"p95": "p95 < 9ms", "failed": "errors < 1%"}
    assert [level.text for level in read_trend(history, API, "get").levels] == ["get: p95 < 7ms"]


def test_the_terminal_shows_course_changes_and_newest_runs(stepped: History) -> None:
    """The newest first, the changed run marked, no line wider than the screen."""
    out = io.StringIO()
    print_trend(page_of_trend(read_trend(stepped, API)), rows=10, stream=out)
    lines = out.getvalue().splitlines()
    assert lines[0] == "api  20 runs, 2026-01-01 00:00 to 2026-01-01 19:00 UTC, of builds 1.0 to 1.9; response time"
    marked = [line.split() for line in lines if "◆ 2026" in line]
    assert [(words[3], words[4]) for words in marked] == [("20260101-120000", "1.6")]
    listed = [line for line in lines if "PASS" in line or "FAIL" in line or "INCONCLUSIVE" in line]
    assert len(listed) == 10
    assert "20260101-190000" in listed[0]
    assert any("and 10 older runs" in line for line in lines)
    assert max(map(len, lines)) <= 100


def test_all_scenarios_are_one_line_each(stepped: History) -> None:
    """The one that ran last comes first."""
    stepped.add(kept("jobs", number=50))
    out = io.StringIO()
    print_scenarios(scenarios_of(stepped, Selection()), stream=out)
    assert [line.split()[2:4] for line in out.getvalue().splitlines()[2:]] == [["jobs", "1"], ["api", "20"]]


def test_a_line_of_bars_leaves_out_what_cannot_be_believed() -> None:
    """In the course of one scenario and in the list of all; the count of what is missing is told."""
    points = [point(n, 90.0 if n == 1 else 10.0, outcome=Outcome.INVALID if n == 1 else Outcome.PASS) for n in range(3)]
    one, every = io.StringIO(), io.StringIO()
    print_trend(page_of_trend(Trend("api", None, "response time", points)), rows=3, stream=one)
    print_scenarios({"api": points}, stream=every)
    assert "  p95     ▁ ▁  10 ms to 10 ms, newest 10 ms" in one.getvalue()
    assert "without 1 that is INVALID" in one.getvalue()
    assert every.getvalue().splitlines()[-1].endswith("10 ms  ▁ ▁")


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        pytest.param([1, 8], "▁█", id="from the least to the most"),
        pytest.param([1, None, 8], "▁ █", id="a gap where there is none"),
        pytest.param([100, 101, 100], "▁▁▁", id="noise of a per cent stays low"),
        pytest.param([0, 0], "▁▁", id="nothing at all"),
        pytest.param([None], "", id="no value"),
    ],
)
def test_bars_are_drawn_by_value(values: list[float | None], drawn: str) -> None:
    assert sparkline(values) == drawn


def test_json_and_csv_hold_the_same_figures(stepped: History) -> None:
    """In ms, the oldest first, with the changes."""
    trend = read_trend(stepped, API)
    data, rows = json.loads(as_json(trend)), list(csv.DictReader(io.StringIO(as_csv(trend))))
    assert data["schema"] == "loadtests.trend/1"
    assert [float(row["p95_ms"]) for row in rows] == [run["p95_ms"] for run in data["runs"]]
    assert data["runs"][0]["p95_low_ms"] < data["runs"][0]["p95_ms"] < data["runs"][0]["p95_high_ms"] < 20
    assert [row["changed"] for row in rows if row["changed"]] == ["p50 p95 p99"]
    assert {change["build"] for change in data["changes"]} == {"1.6"}
    assert data["changes"][1]["after"] == pytest.approx(1.5 * data["changes"][1]["before"], rel=0.05)
    TREND_SCHEMA.validate(data)


def test_the_schema_takes_what_is_unknown_and_refuses_what_it_does_not_know() -> None:
    """A run that measured nothing, a break, a limit; a misspelt key is not let through."""
    unknown = point(1, 1.0, quantiles={}, ok=0, branch=None, judged_s=0.0, outcome=Outcome.INVALID)
    found = Trend(
        "api",
        "list",
        "response time",
        [point(0, 1.0), unknown],
        breaks=[Break(1, ["versions"])],
        levels=[Level("p95", "p95 < 300ms", 3e8)],
    )
    data = json.loads(as_json(found))
    TREND_SCHEMA.validate(data)
    data["runs"][1]["fialed"] = 0
    assert not TREND_SCHEMA.is_valid(data)


def test_a_run_stays_as_long_as_any_of_its_scenarios_needs_it() -> None:
    """Run 0 is the newest but one of jobs, though the oldest of api."""
    scenarios = {"api": [point(n, 1.0) for n in (0, 1, 2, 3)], "jobs": [point(n, 1.0) for n in (0, 3)]}
    assert list(surplus(scenarios, newest=2)) == ["run-001"]
    assert list(surplus(scenarios, newest=9)) == []


def test_runs_older_than_asked_for_go() -> None:
    """The oldest first; what began at the very moment stays."""
    points = [point(n, 1.0, started_at=BEGIN + timedelta(days=n)) for n in range(4)]
    assert list(surplus({"api": points}, since=BEGIN + timedelta(days=2))) == ["run-000", "run-001"]
