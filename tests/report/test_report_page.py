"""What the page says of a verdict, before any format prints it."""

from dataclasses import replace

import made_verdicts as made
import numpy as np
import pytest

from loadtests.judge.verdict import Outcome, ScenarioVerdict
from loadtests.plan.model import ClosedLoad, OpenLoad, Stage
from loadtests.report.clauses import CATALOGUE
from loadtests.report.compose import page_of
from loadtests.report.measures import MOST_FAILURES, latency
from loadtests.result.histogram import Histogram
from loadtests.result.run import FailureSample
from loadtests.result.window import Tally, Window


def page(verdict=None):
    return page_of(verdict or made.verdict())


def clause(found, name):
    return next(row for row in found.clauses if row.name == name)


def test_only_the_steady_interval_is_counted():
    """Warm-up and ramp are recorded in the series, not in the figures of operations."""
    scenario = page().scenarios[0]
    assert scenario.total.requests.value == 15 * 100
    assert len(scenario.series.second) == 20
    assert scenario.steady_text == "5 s to 20 s (15 s)"


def test_requests_are_those_that_ended():
    """requests = ok + failed, per operation and in total; the total is the sum of operations."""
    scenario = page(made.failing()).scenarios[0]
    for row in (*scenario.operations, scenario.total):
        assert row.requests.value == row.ok.value + row.failed.value
        assert row.failed.value == sum(number.value for number in row.failures.values())
    assert scenario.total.requests.value == sum(row.requests.value for row in scenario.operations)


def test_a_timeout_counts_at_its_full_wait_only_among_all_outcomes():
    """The p99 of good answers does not see a 5 s timeout; the p99 of all outcomes does."""
    total = page(made.failing()).scenarios[0].total
    assert total.response.figures["p99"].value < 100
    assert total.all_outcomes.figures["p99"].value == pytest.approx(5000, rel=0.001)
    assert total.all_outcomes.samples == total.response.samples + total.failed.value


def test_a_total_merges_counts_and_does_not_average_percentiles():
    """The total's p99 is that of the merged histograms."""
    run = made.scenario_run()
    scenario = page(made.verdict(run=run)).scenarios[0]
    parts = [
        tally.histogram("response.ok")
        for window in run.windows
        if window.second >= 5
        for tally in window.operations.values()
    ]
    assert scenario.total.response.figures["p99"].value == Histogram.merge(parts).quantile_us(0.99) / 1000


@pytest.mark.parametrize(
    ("samples", "thin"),
    [
        pytest.param(2995, set(), id="2,995 samples carry a p99.9"),
        pytest.param(2994, {"p99.9"}, id="2,994 samples do not carry a p99.9"),
        pytest.param(298, {"p99.9", "p99"}, id="298 samples do not carry a p99"),
        pytest.param(58, {"p99.9", "p99", "p95"}, id="58 samples do not carry a p95"),
        pytest.param(0, set(), id="no samples: dashes, no star"),
    ],
)
def test_a_percentile_on_too_few_samples_is_starred(samples, thin):
    figures = latency(Histogram.of_us(np.full(samples, 5000))).figures
    assert {name for name, found in figures.items() if found.text.endswith("*")} == thin


def test_nothing_passes_in_a_scenario_whose_generator_was_at_fault():
    """Its thresholds and their clauses are invalid: never green, and never the target's fault."""
    found = page(made.invalid())
    assert {row.sign.key for row in found.scenarios[0].thresholds} == {"invalid"}
    assert clause(found, "BASE-P99").sign.key == "invalid"
    assert found.scenarios[0].thresholds[0].why.startswith("not judged, because the generator was at fault")


def test_a_clause_nobody_judged_is_not_measured():
    """Every clause of the catalogue is listed; those without a threshold are not measured, which is not green."""
    found = page()
    assert {row.name for row in found.clauses} == {one.name for one in CATALOGUE}
    assert clause(found, "SLO-WS").sign.key == "not_measured"
    assert clause(found, "BASE-P99").sign.key == "pass"


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        pytest.param([Outcome.PASS, Outcome.FAIL], "fail", id="one miss fails the clause"),
        pytest.param([Outcome.PASS, Outcome.INCONCLUSIVE], "inconclusive", id="one undecided leaves it undecided"),
        pytest.param([Outcome.FAIL, Outcome.INVALID], "invalid", id="one invalid makes it invalid"),
    ],
)
def test_a_clause_is_as_good_as_its_worst_threshold(outcomes, expected):
    thresholds = [made.threshold(outcome=outcome, clause="BASE-P99") for outcome in outcomes]
    assert clause(page(made.verdict(thresholds=thresholds)), "BASE-P99").sign.key == expected


def test_a_clause_is_not_met_by_a_run_that_never_ended():
    """When the run as a whole is invalid, no clause is green, though every scenario passed as far as it went."""
    inner = made.verdict().scenarios
    found = page(made.verdict_of(inner, Outcome.INVALID, why="the run was interrupted before its end"))
    assert clause(found, "BASE-P99").sign.key == "invalid"
    assert found.scenarios[0].sign.key == "pass"


def test_a_clause_is_not_met_by_survivors():
    """A scenario left undecided although its thresholds hold (many arrivals dropped) leaves its clauses so."""
    found = page(made.verdict(Outcome.INCONCLUSIVE, why="12% of arrivals were dropped and no threshold speaks of it"))
    assert clause(found, "BASE-P99").sign.key == "inconclusive"
    assert clause(page(made.inconclusive()), "BASE-P50").sign.key == "pass"


def test_a_clause_the_catalogue_does_not_know_is_kept():
    """A plan may name clauses of its own; several are separated by commas."""
    found = page(made.verdict(thresholds=[made.threshold(clause="HOUSE-1, BASE-P99")]))
    assert clause(found, "HOUSE-1").sign.key == clause(found, "BASE-P99").sign.key == "pass"


def test_failure_samples_are_bounded_per_kind_and_in_length():
    """Five of each kind, messages cut, and the rest counted."""
    samples = [FailureSample("api", "execute", "reset", float(n), "x" * 9000) for n in range(200)]
    samples.append(FailureSample("api", "health", "timeout", 199.0, "late"))
    scenario = page(made.verdict(run=made.scenario_run(failures=samples))).scenarios[0]
    assert len(scenario.failures) == 6
    assert scenario.failures_left_out == 195
    assert max(len(row.message) for row in scenario.failures) < 2100
    kinds = [FailureSample("api", "execute", f"kind {n}", float(n), "") for n in range(500)]
    assert len(page(made.verdict(run=made.scenario_run(failures=kinds))).scenarios[0].failures) == MOST_FAILURES


def test_a_long_run_is_drawn_in_longer_steps_without_losing_a_request():
    """1,500 seconds become steps of 3 s; rates times the step add up to all requests, and percentiles are merged."""
    one = made.scenario(operations=("health",), seconds=1500)
    fast, slow = Histogram.of_us(np.full(9, 1000)), Histogram.of_us(np.full(1, 9000))
    tally = Tally({"offered": 10, "ok": 10, "completed.ok": 10}, {"response.ok": Histogram.merge([fast, slow])})
    windows = [Window("api", "0", second, second, {"health": tally}) for second in range(1500)]
    series = page(made.verdict(run=made.scenario_run(one, made=windows, seconds=1500))).scenarios[0].series
    assert series.step_s == 3
    assert sum(series.ok) * series.step_s == 15_000
    assert max(series.p99_ms) == min(series.p99_ms) == pytest.approx(9, rel=0.001)


def test_a_missing_second_is_a_gap_and_not_a_zero():
    """Where no window is there, nothing is known."""
    run = made.scenario_run()
    kept = [window for window in run.windows if window.second != 9]
    series = page(made.verdict(run=replace(run, windows=kept))).scenarios[0].series
    assert series.offered[9] is series.p50_ms[9] is None


def test_resources_are_of_the_steady_interval_with_the_target_first():
    """Samples of the warm-up do not count."""
    rows = page().scenarios[0].resources
    assert [(row.source, row.name) for row in rows] == [
        ("target", "cpu"),
        ("target", "memory_bytes"),
        ("generator", "cpu"),
    ]
    assert rows[0].samples == 15
    assert rows[0].max.value == pytest.approx(0.49)
    assert rows[0].mean.value == pytest.approx(0.42)


@pytest.mark.parametrize(
    ("load", "text"),
    [
        pytest.param(
            OpenLoad((Stage(1000, 10 * made.S, True), Stage(1000, 290 * made.S, False)), "poisson"),
            "open model, poisson arrivals, to 1,000/s over 10 s, 1,000/s for 4 min 50 s, at most 2,000 in flight, "
            "warm-up 5 s",
            id="open with a ramp",
        ),
        pytest.param(
            ClosedLoad(1000, 300 * made.S, spawn_rate=100.0, think_ns=(made.S // 2, 3 * made.S // 2)),
            "closed model, 1,000 users for 5 min, 100/s spawned, think 500 ms to 1.5 s, warm-up 5 s",
            id="closed with think time",
        ),
    ],
)
def test_the_load_is_said_in_words(load, text):
    run = made.scenario_run(replace(made.scenario(), load=load))
    assert page(made.verdict(run=run)).scenarios[0].load.model == text


def test_a_run_that_ended_in_warm_up_says_that_nothing_was_judged():
    """There is no steady interval then, and no division by it."""
    found = page(made.empty()).scenarios[0]
    assert found.steady_text.startswith("none")
    assert found.total.throughput.value is None


def test_secrets_are_masked_wherever_free_text_comes_in():
    """A secret in a failure, a warning, a reason or the plan is not repeated."""
    sample = FailureSample("api", "execute", "status_4xx", 7.0, "bad token hunter2")
    health = replace(made.HEALTHY, reasons=("hunter2",), warnings=("hunter2",))
    inner = ScenarioVerdict(made.scenario_run(failures=[sample]), Outcome.INVALID, health, made.GOOD, "hunter2 failed")
    document = {"target": {"http": "http://x/?token=hunter2"}}
    found = page(
        made.verdict_of(
            [inner], Outcome.INVALID, why="hunter2", document=document, secrets=("hunter2",), warnings=("hunter2",)
        )
    )
    assert "hunter2" not in repr(found)
    assert "***" in found.scenarios[0].failures[0].message
    assert "token=***" in found.plan_yaml


def test_a_figure_close_to_its_limit_keeps_its_side():
    """The page words observed values and intervals against their limit."""
    row = page(made.failing()).scenarios[0].thresholds[1]
    assert row.observed.text == "31.004 ms"


def test_a_killed_run_has_the_length_that_is_known_of_it():
    """Not that of its plan, which nobody saw the end of."""
    run = made.scenario_run()
    killed = replace(run, status="running", ended_s=None, windows=run.windows[:12])
    found = page(made.verdict(run=killed))
    assert found.run.duration.text == "12 s"
    assert found.scenarios[0].length_s == found.scenarios[0].steady_s[1] == 12
