"""What is concluded from two sides: each verdict where it is due, and everything that is refused."""

from dataclasses import replace

import pytest
from made_records import FACTS, record, runs

from loadtests.errors import RunInvalid, UnlikeRuns, UsageError
from loadtests.judge.comparison.calibration import calibrated
from loadtests.judge.comparison.compare import compare
from loadtests.judge.comparison.margins import Terms
from loadtests.judge.comparison.metrics import Metric
from loadtests.judge.comparison.verdict import Change, Comparison, MetricChange, exit_code
from loadtests.judge.operands import Operand
from loadtests.judge.record import RunRecord
from loadtests.plan.thresholds import parse_threshold

STEADY = (20.0, 20.3, 19.8, 20.1, 19.9)
USUAL = Terms()
RESTLESS = (16.0, 20.0, 26.0, 18.0, 22.0)


def scaled(times: tuple[float, ...], factor: float) -> tuple[float, ...]:
    return tuple(time * factor for time in times)


def compared(base: list[RunRecord], candidate: list[RunRecord], terms: Terms = USUAL, **more: object) -> Comparison:
    return compare(Operand("old", base), Operand("new", candidate), terms=terms, **more)


def row(found: Comparison, key: str = "p95") -> MetricChange:
    return next(each for each in found.scenarios[0].metrics if each.metric.key == key)


@pytest.mark.parametrize(
    ("base", "candidate", "change", "code", "strict"),
    [
        pytest.param(STEADY, scaled(STEADY, 1.1), Change.REGRESSED, 1, 1, id="surely 10% slower"),
        pytest.param(STEADY, scaled(STEADY, 0.9), Change.IMPROVED, 0, 0, id="surely 10% faster"),
        pytest.param(STEADY, scaled(STEADY, 1.0), Change.SAME, 0, 0, id="the same"),
        pytest.param(STEADY, scaled(STEADY, 1.02), Change.SAME, 0, 0, id="surely 2% slower, within the margin of 5%"),
        pytest.param(RESTLESS, scaled(RESTLESS, 1.1), Change.INCONCLUSIVE, 0, 4, id="10% slower, lost in the noise"),
        pytest.param((20.0,), (22.0,), Change.DESCRIPTIVE, 0, 0, id="one run against one"),
    ],
)
def test_each_verdict_where_it_is_due(
    base: tuple[float, ...], candidate: tuple[float, ...], change: Change, code: int, strict: int
) -> None:
    found = compared(runs(*base), runs(*candidate, name="new"))
    assert (found.change, row(found).change) == (change, change)
    assert (exit_code(found), exit_code(found, strict=True)) == (code, strict)


def test_failures_that_rise_are_a_regression_though_answers_are_as_fast() -> None:
    found = compared(runs(*STEADY, failed=2), runs(*STEADY, name="new", failed=40))
    assert found.change is Change.REGRESSED
    assert row(found, "failures").change is Change.REGRESSED
    assert row(found).change is Change.SAME
    assert "failures +3.6" in found.why


def test_answers_that_were_never_asked_for_do_not_make_a_build_faster() -> None:
    """Half the latency at a fifth of the arrivals dropped: the drops are told, and decide."""
    found = compared(runs(*STEADY), runs(*scaled(STEADY, 0.5), name="new", dropped=200))
    assert found.change is Change.REGRESSED
    assert row(found, "drops").gated


def test_less_throughput_is_worse_and_more_is_better() -> None:
    slower, faster = (compared(runs(*STEADY), runs(*STEADY, name="new", rate=rate)) for rate in (80.0, 120.0))
    assert (row(slower, "throughput").change, row(faster, "throughput").change) == (Change.REGRESSED, Change.IMPROVED)


def test_an_open_question_that_rules_a_regression_out_does_not_fail_a_strict_gate() -> None:
    """From −14% to +4%: whether it is better is open, that it is no worse than 5% is not."""
    base = (20.0, 21.0, 19.0, 20.5, 19.5)
    found = compared(runs(*base), runs(*scaled((18.5, 20.5, 17.5, 20.0, 18.5), 1.0), name="new"))
    assert (row(found).change, row(found).no_worse) == (Change.INCONCLUSIVE, True)
    assert found.change is Change.SAME
    assert "no worse than the margin" in found.why
    assert exit_code(found, strict=True) == 0


def test_an_inconclusive_metric_says_how_many_runs_would_settle_it_and_so_many_do() -> None:
    """Repeating the same spread to that many runs, and no sooner than three quarters of them, settles it."""
    found = row(compared(runs(*RESTLESS), runs(*scaled(RESTLESS, 1.1), name="new")))
    assert found.needed is not None
    assert f"about {found.needed:,} runs a side would settle it" in found.why

    def repeated(count: int) -> Change:
        times = (RESTLESS * count)[:count]
        terms = Terms(gates=("p50", "p95", "p99", "failures", "throughput"))
        return row(compared(runs(*times), runs(*scaled(times, 1.1), name="new"), terms)).change

    assert repeated(5 * (found.needed // 5 + 1)) is Change.REGRESSED
    assert repeated(5 * (found.needed * 3 // 4 // 5)) is Change.INCONCLUSIVE


def test_a_change_of_one_metric_counts_less_beside_others_that_were_looked_at_too() -> None:
    """p = 0.02 alone is a regression; as the best of five it may be chance."""
    base, candidate = runs(*RESTLESS), runs(27.0, 31.0, 24.0, 29.0, 22.0, name="new")
    alone = compared(base, candidate, Terms(gates=["p95"]))
    together = compared(base, candidate)
    estimate = row(alone).estimate
    assert estimate is not None
    assert 0.01 < estimate.p_up < 0.05
    assert (row(alone).change, row(together).change) == (Change.REGRESSED, Change.INCONCLUSIVE)


def test_metrics_of_all_scenarios_are_looked_at_together() -> None:
    """What one scenario shows alone is not enough as the best of five scenarios' metrics."""
    base, candidate = runs(*RESTLESS), runs(29.0, 33.0, 26.0, 31.0, 24.0, name="new")
    others = [f"s{number}" for number in range(4)]
    calm = [replace(each, scenario=name) for name in others for each in runs(*STEADY)]
    still = [replace(each, scenario=name) for name in others for each in runs(*STEADY, name="new")]
    alone, among = compared(base, candidate), compared([*base, *calm], [*candidate, *still])
    assert (row(alone).change, row(among).change) == (Change.REGRESSED, Change.INCONCLUSIVE)
    assert (row(alone).looked_at, row(among).looked_at) == (5, 25)


def test_pairs_find_what_sets_of_runs_cannot() -> None:
    base = (16.0, 20.0, 26.0, 18.0, 22.0, 30.0, 14.0)
    candidate = tuple(time * factor for time, factor in zip(base, (1.1, 1.11, 1.09, 1.1, 1.12, 1.1, 1.1), strict=True))
    sides = runs(*base), runs(*candidate, name="new")
    assert compared(*sides).change is Change.INCONCLUSIVE
    paired = compared(*sides, paired=True)
    assert paired.change is Change.REGRESSED
    assert paired.scenarios[0].paired


def test_too_few_pairs_for_so_many_metrics_are_said_to_be() -> None:
    found = compared(runs(*STEADY), runs(*scaled(STEADY, 1.5), name="new"), paired=True)
    assert found.change is Change.INCONCLUSIVE
    assert "5 pairs cannot show a change of one of 5 metrics" in found.scenarios[0].warnings[0]
    assert row(found).needed == 7


def test_a_calibration_makes_one_run_a_side_conclusive() -> None:
    base, candidate = runs(20.0), runs(24.0, name="new")
    made = calibrated(runs(*STEADY, *STEADY), made_at="2026-01-01T00:00:00+00:00")
    found = compared(base, candidate, calibrations={made.comparability: made})
    assert found.change is Change.REGRESSED
    assert "calibration of 2026-01-01 by 10 runs" in found.scenarios[0].warnings[0]
    other = {"else": made}
    assert compared(base, candidate, calibrations=other).change is Change.DESCRIPTIVE


def test_a_margin_below_what_the_set_up_can_tell_is_refused_with_the_smallest_it_can() -> None:
    made = calibrated(runs(*RESTLESS), made_at="2026-01-01T00:00:00+00:00")
    given = {made.comparability: made}
    with pytest.raises(UsageError, match=r"(?s)cannot tell so small a change.*p95: 2% asked, \d+(\.\d)?% can be told"):
        compared(runs(20.0), runs(20.0, name="new"), Terms(margin=0.02), calibrations=given)
    unasked = row(compared(runs(20.0), runs(20.0, name="new"), calibrations=given))
    assert unasked.margin > 0.2


def test_margins_by_name_go_before_the_general_one() -> None:
    terms = Terms(margin=0.15, margins={"p99": 0.05, "failures": 0.1})
    found = compared(runs(*STEADY), runs(*scaled(STEADY, 1.1), name="new", failed=40), terms)
    changes = {key: row(found, key).change for key in ("p95", "p99", "failures")}
    assert changes == {"p95": Change.SAME, "p99": Change.REGRESSED, "failures": Change.SAME}


def test_answers_over_a_limit_of_the_plan_are_compared_too_without_deciding() -> None:
    limit = [parse_threshold("p95 < 25ms")]
    found = compared(runs(*STEADY, thresholds=limit), runs(*scaled(STEADY, 1.1), name="new", thresholds=limit))
    over = row(found, "over 25ms")
    assert over.base == pytest.approx(0.25, abs=0.01)
    assert (over.change, over.gated) == (Change.REGRESSED, False)


def test_operations_are_compared_one_by_one_where_there_are_several() -> None:
    fast, slow = record().total, record(at_ms=40.0).total
    both = [replace(each, operations={"get": fast, "put": slow}) for each in runs(*STEADY)]
    found = compared(both, [replace(each, run_id=f"n-{n}") for n, each in enumerate(both)])
    assert row(found, "put: p95").base == pytest.approx(58e6, rel=0.01)
    assert not row(found, "put: p95").gated
    again = [replace(each, run_id=f"n-{n}") for n, each in enumerate(both)]
    gated = compared(both, again, Terms(gates=["put: p95"]))
    assert row(gated, "put: p95").gated


def test_unlike_runs_are_refused_and_every_difference_is_named() -> None:
    other = {**FACTS, "scenarios.api.load.rate": '"200/s"', "machine.cores": "4"}
    candidate = [replace(each, facts=other) for each in runs(*STEADY, name="new")]
    with pytest.raises(UnlikeRuns) as refused:
        compared(runs(*STEADY), candidate)
    assert refused.value.differences == (
        "machine.cores: nothing in the base, 4 in the candidate",
        'scenarios.api.load.rate: "100/s" in the base, "200/s" in the candidate',
    )
    allowed = compared(runs(*STEADY), candidate, Terms(unlike=True))
    assert list(allowed.scenarios[0].differences) == list(refused.value.differences)


def test_runs_of_one_side_that_differ_from_one_another_are_refused_too() -> None:
    base = [*runs(20.0), replace(record("old-9"), facts={**FACTS, "machine.cpu": '"another"'})]
    with pytest.raises(UnlikeRuns, match='"a cpu" and "another" in the base'):
        compared(base, runs(*STEADY, name="new"))


def test_an_invalid_run_is_refused_by_name_and_reason() -> None:
    late = replace(record("new-1"), invalid="the generator was late")
    with pytest.raises(RunInvalid, match=r"new-1 \(api\): the generator was late") as refused:
        compared(runs(*STEADY), [*runs(20.0, name="new"), late])
    assert refused.value.exit_code == 3


@pytest.mark.parametrize(
    ("candidate", "terms", "more", "said"),
    [
        pytest.param(runs(20.0, name="new"), Terms(), {"paired": True}, "both sides, got 5 and 1", id="pairs"),
        pytest.param(runs(20.0, name="new"), Terms(gates=["p42"]), {}, "no p42 to gate; there are p50", id="gate"),
        pytest.param(runs(20.0, name="new"), Terms(margins={"p42": 0.1}), {}, "no p42 to give a margin", id="margin"),
        pytest.param(runs(20.0, name="old"), Terms(), {}, "old-0 is on both sides", id="a run twice"),
        pytest.param(runs(20.0, scenario="ws", name="new"), Terms(), {}, "old has api and new has ws", id="scenario"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_sentence(
    candidate: list[RunRecord], terms: Terms, more: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        compared(runs(*STEADY), candidate, terms, **more)


def test_a_scenario_on_one_side_only_is_left_out_and_named() -> None:
    found = compared(runs(*STEADY), [*runs(*STEADY, name="new"), record("new-9", scenario="ws")])
    assert [each.scenario for each in found.scenarios] == ["api"]
    assert found.warnings == ("scenario ws is only on one side, and is left out",)


def test_the_ratio_by_percentile_tells_a_slower_tail_from_a_slower_whole() -> None:
    """Every answer 10% slower: the curve is flat at +10%, with the bounds around it."""
    curve = compared(runs(*STEADY), runs(*scaled(STEADY, 1.1), name="new")).scenarios[0].curve
    assert curve is not None
    assert 0.5 in curve.quantiles
    assert [found.change for found in curve.estimates] == pytest.approx([0.0953] * len(curve.quantiles), abs=0.002)


def test_connections_made_on_demand_decide_nothing() -> None:
    """Only some runs make any in the steady interval; those that are held decide, by the same name."""
    on_demand = Metric("connect p95", "time", histogram="connect", quantile=0.95)
    held = Metric("connect p95", "time", source="connections", histogram="connect", quantile=0.95)
    assert (Terms().is_gated(on_demand), Terms().is_gated(held)) == (False, True)
    assert Terms(gates=["connect p95"]).is_gated(on_demand)
