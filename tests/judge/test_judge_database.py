"""What is claimed of a database: its pool, waits for locks, deadlocks, sessions, connections."""

from dataclasses import replace

import pytest
from synthetic_runs import connections, generator, ms, scenario, scenario_run, tally

from loadtests.judge.live import AbortWatch
from loadtests.judge.thresholds import judge_threshold
from loadtests.judge.verdict import Outcome, ThresholdVerdict
from loadtests.plan.thresholds import parse_threshold
from loadtests.result.run import ResourceSample, ScenarioRun
from loadtests.result.window import CONNECTIONS, POOL_BUSY, POOL_OPEN, Tally

SECOND = 10**9
QUIET = {"lock_waiting": 0.0, "deadlocks": 0.0}


def looks(values: dict[int, dict[str, float]] | None = None, *, seconds: int = 20) -> list[ResourceSample]:
    """One look a second, quiet unless said otherwise; and the database's share of its sessions."""
    found = []
    for second in range(seconds):
        found.append(ResourceSample("api", second + 0.5, "database", {**QUIET, **(values or {}).get(second, {})}))
        found.append(ResourceSample("api", second + 0.5, "target", {"pool": 0.2}))
    return found


def waits(second: int, number: int, mean_s: float) -> ResourceSample:
    values = {"lock_waits": float(number), "lock_wait_total_s": number * mean_s, "lock_wait_max_s": mean_s}
    return ResourceSample("api", float(second), "database", values)


def run(*samples: ResourceSample, busy: float = 0.5, peak: float | None = None, warmup: int = 0) -> ScenarioRun:
    """Twenty seconds of an open load on a pool of ten; in the eighth all may be different."""

    def at(second: int) -> Tally:
        share = peak if peak is not None and second == 7 else busy
        counters = {POOL_BUSY: round(10 * share * SECOND), POOL_OPEN: 10 * SECOND}
        return Tally.merge([generator(), Tally(counters)])

    of = scenario(driver="database", warmup_ns=warmup * SECOND)
    return replace(scenario_run(of, lambda _: tally(ms(*[2] * 100)), generator_at=at), resources=samples)


def judged(text: str, on: ScenarioRun) -> ThresholdVerdict:
    return judge_threshold(parse_threshold(text), on)


def test_the_mean_wait_is_over_waits_not_over_seconds() -> None:
    """Twenty who waited three seconds in one of twenty seconds waited three seconds each."""
    found = judged("target lock wait < 50ms", run(*looks(), waits(7, 20, 3.0)))
    assert found.outcome is Outcome.FAIL
    assert found.observed == pytest.approx(3e9)
    assert found.samples == 20
    assert found.why == "target lock wait is 3 s, limit 50 ms (20 waits)"


def test_no_wait_at_all_is_a_pass_and_no_look_at_all_is_no_data() -> None:
    """A database that could not be asked is never green."""
    assert judged("target lock wait < 50ms", run(*looks())).outcome is Outcome.PASS
    assert judged("target lock wait < 50ms", run()).outcome is Outcome.INVALID
    assert judged("deadlocks <= 0", run()).outcome is Outcome.INVALID


def test_waits_that_began_in_the_warm_up_are_not_judged() -> None:
    """They stand in the second in which they began."""
    found = judged("target lock wait < 50ms", run(*looks(), waits(2, 5, 1.0), waits(9, 1, 0.01), warmup=5))
    assert (found.outcome, found.samples) == (Outcome.PASS, 1)


def test_an_exposition_gauge_of_lock_waits_is_a_mean_over_its_samples() -> None:
    """Where no database tells of single waits."""
    gauges = [ResourceSample("api", second + 0.5, "target", {"lock_wait_s": 0.02}) for second in range(20)]
    found = judged("target lock wait < 50ms", run(*gauges))
    assert (found.outcome, found.samples) == (Outcome.PASS, 20)


@pytest.mark.parametrize(("limit", "outcome"), [("<= 3", Outcome.PASS), ("< 3", Outcome.FAIL), ("<= 0", Outcome.FAIL)])
def test_deadlocks_are_counted_over_the_whole_run(limit: str, outcome: Outcome) -> None:
    """Warm-up included, and what the server told after the end."""
    late = ResourceSample("api", 21.5, "database", {**QUIET, "deadlocks": 1.0})
    found = judged(f"deadlocks {limit}", run(*looks({1: {"deadlocks": 2.0}}), late, warmup=5))
    assert (found.outcome, found.observed) == (outcome, 3.0)
    assert "over the whole run" in found.why


def test_the_use_of_the_pool_is_time_in_use_of_time_open() -> None:
    """Half of it here."""
    found = judged("pool < 80%", run(*looks(), busy=0.5))
    assert (found.outcome, found.observed) == (Outcome.PASS, pytest.approx(0.5))
    assert judged("pool < 80%", run(*looks(), busy=0.9)).outcome is Outcome.FAIL


def test_no_bound_of_a_share_is_below_nothing() -> None:
    """One busy second among idle ones leaves much open, but nothing less than none."""
    found = judged("pool < 80%", run(*looks(), busy=0.0, peak=1.0))
    assert found.interval is not None
    low, high = found.interval
    assert low == 0.0
    assert high is not None
    assert high > 0.05


def test_sessions_of_the_server_are_judged_like_any_gauge() -> None:
    assert judged("target pool < 80%", run(*looks())).outcome is Outcome.PASS


def test_connections_of_the_pool_are_counted_over_the_whole_run() -> None:
    """Made before the load; three of twenty lost."""
    of = scenario(driver="database")

    def at(second: int) -> dict[str, Tally]:
        held = {CONNECTIONS: connections(20, lost={"admin_shutdown": 3}, connect=[5000] * 20)} if second == 0 else {}
        return {"get": tally(ms(*[2] * 100)), **held}

    on = scenario_run(of, at)
    assert judged("connection drops < 10%", on).outcome is Outcome.FAIL
    assert judged("connect p50 < 10ms", on).outcome is Outcome.PASS


def test_a_wait_beyond_the_limit_ends_a_run_that_asked_for_it() -> None:
    """As soon as it is known."""
    watch = AbortWatch(scenario("target lock wait < 50ms abort", "deadlocks <= 0 abort", driver="database"))
    for sample in looks(seconds=5):
        watch.feed_sample(sample)
    assert watch.missed(5.6) is None
    watch.feed_sample(waits(3, 2, 1.0))
    assert "target lock wait" in str(watch.missed(5.6))
