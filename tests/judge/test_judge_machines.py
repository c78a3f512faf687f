"""Health of runs over machines and of locustfiles: workers that were lost, and users who waited for their turn."""

from dataclasses import replace

import pytest
from synthetic_runs import closed, generator, ms, scenario, scenario_run, tally

from loadtests.judge.validity import examine
from loadtests.plan.protocol.locust import Locustfile
from loadtests.result.run import ProcessEnd, ScenarioRun
from loadtests.result.window import TASK_ERRORS, Tally, Window

LOST = "worker-2 (vm, process 7) was lost 10.0 s after the start: it did not answer for 5 s"


def of_locust(*thresholds: str, loop_lag_us: list[int], **counters: int) -> ScenarioRun:
    """A locust scenario whose process took its turns so late in every second."""
    asked = scenario(*thresholds, driver="locust", load=closed(), operations=(Locustfile(),))

    def turns(_: int) -> Tally:
        healthy = generator(lag_us=(), loop_lag=loop_lag_us)
        return replace(healthy, counters={**healthy.counters, **counters})

    return scenario_run(asked, lambda _: tally(ms(*[5] * 100)), generator_at=turns)


@pytest.mark.parametrize(
    ("thresholds", "loop_lag_us", "said"),
    [
        ((), [500] * 400, None),
        ((), [500] * 400 + [9_000], None),
        ((), [500] * 400 + [60_000], "loop lag p99 is 60"),
        (("p95 < 2s",), [500] * 400 + [60_000], None),
        (("p95 < 100ms",), [500] * 400 + [60_000], "the generator was late: loop lag p99 is 60"),
        (("p50 < 20ms",), [6_000] * 100, "too late to judge p50 < 20ms: loop lag p50 is 6"),
    ],
)
def test_users_that_wait_for_their_turn_make_a_locust_run_invalid(
    thresholds: tuple[str, ...], loop_lag_us: list[int], said: str | None
) -> None:
    """One turn of 60 ms is met by as many answers as thirty of 2 ms: one in four hundred counts for more than 1%."""
    reasons = examine(of_locust(*thresholds, loop_lag_us=loop_lag_us)).reasons
    assert [said in reason for reason in reasons] == ([True] if said else [])


def test_exceptions_of_the_locustfile_are_a_warning() -> None:
    """The target may be well, or not: a person has to look."""
    health = examine(of_locust(loop_lag_us=[100], **{TASK_ERRORS: 2}))
    assert health.valid
    assert "40 tasks of the locustfile ended by an exception of its own" in health.warnings


def over_machines(*, allow: int) -> ScenarioRun:
    """Four shards of 100 arrivals a second on two machines, one of which is gone after ten of twenty seconds."""
    ends = (
        ProcessEnd("worker-1.0", clean=True, windows=20),
        ProcessEnd("worker-1.1", clean=True, windows=20),
        ProcessEnd("worker-2.0", clean=False, reason=LOST, worker="worker-2", lost_s=10.0),
        ProcessEnd("worker-2.1", clean=False, reason=LOST, worker="worker-2", lost_s=10.0),
    )
    windows = [
        Window("api", end.process, second, second, {"get": tally(ms(*[5] * 25))}, generator())
        for end in ends
        for second in range(20 if end.clean else 10)
    ]
    made = scenario_run(scenario(allow_lost_workers=allow), lambda _: tally())
    return replace(made, windows=windows, processes=ends, expected_processes=4)


def test_a_lost_machine_is_named_once_with_what_was_not_offered() -> None:
    """Not once for each of its processes."""
    reasons = examine(over_machines(allow=0)).reasons
    assert [reason for reason in reasons if "worker" in reason] == [LOST]
    assert any("fired 1,500 of the 2,000 arrivals that were due" in reason for reason in reasons)


def test_a_machine_that_may_be_lost_leaves_the_run_valid_and_its_part_counted() -> None:
    """Those who are left offered all of their part; the rest is said, not hidden."""
    health = examine(over_machines(allow=1))
    assert health.valid, health.reasons
    assert "worker-2 was lost 10.0 s after the start, as the plan allows" in health.warnings
    assert "500 of the 2,000 arrivals that were due were never offered" in health.warnings
    assert health.offered == 2000


def test_those_who_are_left_must_have_done_their_part() -> None:
    """A loss that is allowed excuses nobody else."""
    found = over_machines(allow=1)
    fewer = [window for window in found.windows if (window.process, window.second) != ("worker-1.0", 3)]
    assert any("fired 975 of the 1,000 arrivals" in reason for reason in examine(replace(found, windows=fewer)).reasons)
