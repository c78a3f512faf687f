"""What becomes of a scenario and of a run: the worst of what is said, with validity before all."""

from dataclasses import replace

import pytest
from synthetic_runs import generator, ms, scenario, scenario_run, tally, whole_run

from loadtests.judge.judgement import exit_code, judge_run, judge_scenario
from loadtests.judge.verdict import Outcome, Verdict
from loadtests.result.run import ScenarioRun
from loadtests.result.window import Tally

PASS, FAIL, INCONCLUSIVE, INVALID = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.INVALID


def good(_: int) -> Tally:
    return tally(ms(*[5] * 100))


def failing(_: int) -> Tally:
    return tally(ms(*[5] * 98), failed={"status_5xx": 2})


def stopped(second: int) -> Tally:
    """The generator stands still for 2 s in second 9."""
    return generator(lag_us=[2_000_000] * 100) if second == 9 else generator()


def run(*thresholds: str, at: object = good, **changes: object) -> ScenarioRun:
    return scenario_run(scenario(*thresholds), at, **changes)


BOTH = ("p99 < 2s", "errors < 1%")
ABORTED = {"status": "aborted", "ended_s": 20.0, "stop_reason": "errors < 1% was missed after 5 s"}


@pytest.mark.parametrize(
    ("found", "outcome", "why"),
    [
        pytest.param(run(*BOTH), PASS, "all 2 thresholds hold", id="everything holds"),
        pytest.param(run("p99 < 2s"), PASS, "the threshold holds", id="the only one holds"),
        pytest.param(run(*BOTH, at=failing), FAIL, "1 of 2 thresholds missed: errors < 1%", id="one is missed"),
        pytest.param(
            run(*BOTH, at=failing, generator_at=stopped), INVALID, "stood still for 2", id="the generator was at fault"
        ),
        pytest.param(run(*BOTH, generator_at=stopped), INVALID, "stood still", id="invalid is not green either"),
        pytest.param(run(), INCONCLUSIVE, "no thresholds", id="without a claim nothing passes"),
        pytest.param(run("p99 < 2s", at=failing), INCONCLUSIVE, "2% of the executions failed", id="unjudged failures"),
        pytest.param(
            run("p99 < 2s", at=lambda _: tally(ms(*[5] * 95), dropped=5)),
            INCONCLUSIVE,
            "5% of the arrivals were dropped",
            id="unjudged drops",
        ),
        pytest.param(run("p99.999 < 2s"), INCONCLUSIVE, "1 of 1 threshold not settled: p99.999", id="too few samples"),
        pytest.param(
            run(*BOTH, "target cpu < 70%"), INVALID, "target cpu < 70% cannot be judged", id="a claim without data"
        ),
        pytest.param(
            run("errors < 1% abort", **ABORTED), FAIL, "stopped early: errors < 1% was missed after 5 s", id="aborted"
        ),
        pytest.param(
            run("errors < 1% abort", "p99 < 1s for 1m", **ABORTED),
            FAIL,
            "stopped early",
            id="too short by its own abort",
        ),
        pytest.param(run("p99 < 2s", **ABORTED), PASS, "the threshold holds", id="judged again without the abort"),
    ],
)
def test_a_scenarios_outcome_and_why(found: ScenarioRun, outcome: Outcome, why: str) -> None:
    verdict = judge_scenario(found)
    assert verdict.outcome is outcome, verdict.why
    assert why in verdict.why


def test_the_thresholds_of_an_invalid_scenario_are_computed_all_the_same() -> None:
    verdict = judge_scenario(run(*BOTH, at=failing, generator_at=stopped))
    assert [found.outcome for found in verdict.thresholds] == [PASS, FAIL]
    assert "errors are 2%" in verdict.thresholds[1].why


def named(name: str, found: ScenarioRun) -> ScenarioRun:
    return replace(found, scenario=replace(found.scenario, name=name))


def test_the_worst_scenario_decides_and_is_named() -> None:
    verdict = judge_run(whole_run(named("a", run(*BOTH)), named("b", run(*BOTH, at=failing))))
    assert (verdict.outcome, verdict.why) == (FAIL, "b: 1 of 2 thresholds missed: errors < 1%")


def test_scenarios_that_all_hold_pass() -> None:
    verdict = judge_run(whole_run(named("a", run(*BOTH)), named("b", run(*BOTH))))
    assert (verdict.outcome, verdict.why) == (PASS, "all 2 scenarios pass")


@pytest.mark.parametrize(
    ("status", "why"),
    [
        pytest.param("running", "never finished", id="killed between two scenarios"),
        pytest.param("interrupted", "interrupted", id="stopped between two scenarios"),
    ],
)
def test_a_run_cut_short_is_invalid_though_what_ran_is_good(status: str, why: str) -> None:
    verdict = judge_run(whole_run(run(*BOTH), status=status))
    assert verdict.outcome is INVALID
    assert why in verdict.why


def test_a_run_without_scenarios_is_invalid() -> None:
    assert judge_run(whole_run()).outcome is INVALID


def test_throughput_is_per_instance_of_the_plans_target() -> None:
    verdict = judge_run(whole_run(run("throughput >= 50/s"), instances=2))
    assert verdict.scenarios[0].thresholds[0].observed == 50


@pytest.mark.parametrize(
    ("outcome", "strict", "code"),
    [
        (PASS, False, 0),
        (PASS, True, 0),
        (FAIL, False, 1),
        (FAIL, True, 1),
        (INVALID, False, 3),
        (INVALID, True, 3),
        (INCONCLUSIVE, False, 0),
        (INCONCLUSIVE, True, 4),
    ],
)
def test_exit_codes(outcome: Outcome, strict: bool, code: int) -> None:
    assert exit_code(Verdict(whole_run(), outcome, (), ""), strict=strict) == code
