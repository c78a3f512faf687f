"""A scenario's run answers by second, by operation and over its steady interval."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from result_samples import STARTED, histogram, scenario, window

from loadtests.plan.model import OpenLoad, Stage
from loadtests.result.histogram import Histogram
from loadtests.result.run import ScenarioRun, pooled
from loadtests.result.window import CONNECTIONS, Tally, Window


def run_of(*windows: Window, **changes: Any) -> ScenarioRun:
    made = ScenarioRun(
        scenario=scenario(operations=("health", "buy")),
        started_at=STARTED,
        status="complete",
        ended_s=10.0,
        processes=(),
        expected_processes=1,
        windows=windows,
    )
    return replace(made, **changes)


def tally(n: int, *values: int) -> Tally:
    return Tally({"ok": n}, {"response.ok": histogram(*values)} if values else {})


def climbing(warmup_s: float, ramp_s: float, hold_s: float) -> Any:
    stages = (Stage(10.0, round(ramp_s * 1e9), ramp=True), Stage(10.0, round(hold_s * 1e9), ramp=False))
    return replace(scenario(), load=OpenLoad(stages), warmup_ns=round(warmup_s * 1e9))


@pytest.mark.parametrize(
    ("warmup_s", "ramp_s", "ended_s", "steady", "seconds"),
    [
        pytest.param(0, 2, 10.0, (2.0, 10.0), range(2, 10), id="past the ramp up to the end"),
        pytest.param(5, 2, 10.0, (5.0, 10.0), range(5, 10), id="past the warm-up when that is longer"),
        pytest.param(0, 2.5, 10.0, (2.5, 10.0), range(3, 10), id="a partly warm second is left out"),
        pytest.param(0, 2, 4.0, (2.0, 4.0), range(2, 4), id="up to an early end"),
        pytest.param(0, 2, None, (2.0, 10.0), range(2, 10), id="as planned while the end is not known"),
        pytest.param(0, 2, 1.0, (2.0, 1.0), range(2, 2), id="nothing when it ended in the ramp"),
        pytest.param(0, 2, 30.0, (2.0, 10.0), range(2, 10), id="never past the planned end of arrivals"),
    ],
)
def test_the_steady_interval(
    warmup_s: float, ramp_s: float, ended_s: float | None, steady: tuple[float, float], seconds: range
) -> None:
    found = run_of(scenario=climbing(warmup_s, ramp_s, 10 - ramp_s), ended_s=ended_s)
    assert found.steady_s == steady
    assert found.seconds() == seconds


@pytest.mark.parametrize(
    ("last", "steady", "seconds"),
    [
        pytest.param(5, (2.0, 6.0), range(2, 6), id="to the end of the last second that was recorded"),
        pytest.param(30, (2.0, 10.0), range(2, 10), id="never past the planned end, whatever was answered late"),
        pytest.param(1, (2.0, 2.0), range(2, 2), id="nothing when it was killed in the warm-up"),
    ],
)
def test_the_steady_interval_of_a_killed_run(last: int, steady: tuple[float, float], seconds: range) -> None:
    found = run_of(window(0, second=last), scenario=climbing(0, 2, 8), status="running", ended_s=None)
    assert found.steady_s == steady
    assert found.seconds() == seconds
    assert found.judged_s == len(seconds)


def test_the_steady_interval_of_a_killed_run_that_recorded_nothing() -> None:
    """It has no seconds, and says so."""
    found = run_of(scenario=climbing(0, 2, 8), status="running", ended_s=None)
    assert list(found.seconds()) == []


def test_seconds_add_up_over_windows_processes_and_operations() -> None:
    found = run_of(
        window(0, second=1, health=tally(1, 10), buy=tally(5, 10)),
        window(1, second=0, health=tally(2, 20)),
        replace(window(0, second=1, health=tally(3, 30)), process="1"),
    )
    assert found.by_second(["health"]) == {0: tally(2, 20), 1: tally(4, 10, 30)}
    assert list(found.by_second(["health"])) == [0, 1]
    assert found.by_second(["health", "buy"])[1] == tally(9, 10, 10, 30)


def test_a_second_without_the_operation_is_there_and_empty() -> None:
    found = run_of(window(0, second=3, buy=tally(1)))
    assert found.by_second(["health"]) == {3: Tally()}


def test_held_connections_are_a_tally_of_their_own_in_no_total() -> None:
    """By second like everything else, from the ramp on, and under no operation's name."""
    found = run_of(
        Window("api", "0", 0, 0, {CONNECTIONS: Tally({"ok": 5})}),
        Window("api", "0", 1, 7, {CONNECTIONS: Tally({"ok": 2}), "health": tally(1)}),
    )
    assert found.holds_connections
    assert found.connections_by_second() == {0: Tally({"ok": 5}), 7: Tally({"ok": 2})}
    assert found.recorded_seconds() == range(8)
    assert found.total_names() == found.operation_names() == ["health"]


def test_a_run_without_connections_holds_none() -> None:
    found = run_of(window(0, second=3, health=tally(1)))
    assert not found.holds_connections
    assert found.connections_by_second() == {3: Tally()}
    assert run_of(windows=()).recorded_seconds() == range(0)


def test_asking_twice_gives_equal_answers_that_a_caller_cannot_spoil() -> None:
    found = run_of(window(0, health=tally(1)))
    found.by_second(["health"]).clear()
    found.operation_names().clear()
    assert found.by_second(["health"]) == {0: tally(1)}
    assert found.operation_names() == ["health"]


def test_the_second_question_costs_no_second_pass_over_the_windows() -> None:
    class CountedWindows(tuple[Window, ...]):
        passes = 0

        def __iter__(self) -> Any:
            CountedWindows.passes += 1
            return super().__iter__()

    found = run_of(windows=CountedWindows([window(0, health=tally(1))]))
    for _ in range(5):
        found.by_second(iter(["health"]))
        found.operation_names()
    assert CountedWindows.passes == 2


def test_a_changed_copy_forgets_what_was_worked_out_before() -> None:
    found = run_of(window(0, health=tally(1)))
    assert found.by_second(["health"]) == {0: tally(1)}
    assert replace(found, windows=(window(0, health=tally(2)),)).by_second(["health"]) == {0: tally(2)}


def test_operations_come_in_plan_order_then_by_name() -> None:
    found = run_of(window(0, zebra=tally(1), buy=tally(1), health=tally(1), apple=tally(1)))
    assert found.operation_names() == ["health", "buy", "apple", "zebra"]


def test_a_journeys_whole_is_left_out_of_the_total_because_its_steps_count() -> None:
    found = run_of(window(0, **{"buy": tally(1), "buy/cart": tally(1), "buy/pay": tally(1), "health": tally(1)}))
    assert found.is_journey("buy")
    assert not found.is_journey("health")
    assert not found.is_journey("buy/cart")
    assert found.total_names() == ["health", "buy/cart", "buy/pay"]


def test_generator_tallies_are_kept_one_per_window() -> None:
    found = run_of(window(0, second=1), window(1, second=1), window(2, second=0))
    assert [(second, len(each)) for second, each in found.generator_by_second().items()] == [(0, 1), (1, 2)]


def test_the_judged_sum_is_that_of_the_judged_seconds() -> None:
    """Of one operation or of several, counters and histograms, asked once or twice."""
    run = run_of(*(window(number, second=number, health=tally(1), buy=tally(2)) for number in range(40)))
    for names in (["health"], ["health", "buy"], []):
        expected = pooled(run.by_second(names), run.seconds())
        for _ in range(2):
            assert run.steady(names).counters == expected.counters
            assert dict(run.steady(names).histograms) == dict(expected.histograms)


def test_merging_what_was_merged_counts_nothing_twice() -> None:
    """A merged histogram is made when it is asked for; before and after, it adds up to the same."""
    parts = [Tally({"n": 1}, {"h": Histogram.of_us(np.array([value]))}) for value in range(1, 200)]
    few, many = Tally.merge(parts[:10]), Tally.merge(parts[10:])
    before = Tally.merge([few, many]).histogram("h")
    assert few.histogram("h").total == 10
    assert many.histogram("h").total == 189
    after = Tally.merge([few, many])
    assert before == after.histogram("h") == Histogram.of_us(np.arange(1, 200))
    assert after == Tally.merge(parts) == Tally({"n": 199}, {"h": before})
