"""Stopping early: soon enough when the claim is lost, and not for bad luck."""

from collections.abc import Callable

import numpy as np
import pytest
from synthetic_runs import SECOND, generator, ms, scenario, tally

from loadtests.judge.live import AbortWatch
from loadtests.plan.model import Scenario
from loadtests.result.run import ResourceSample
from loadtests.result.window import Tally, Window


def good(_: int) -> Tally:
    return tally(ms(*[5] * 100))


def failing(_: int) -> Tally:
    return tally(ms(*[5] * 90), failed={"status_5xx": 10})


def stopped_at(of: Scenario, at: Callable[[int], Tally], *, seconds: int = 60) -> tuple[int | None, str]:
    """When, and why, a watch that is asked every second stops the run; each second's window comes a little after it."""
    watch = AbortWatch(of)
    for second in range(seconds):
        watch.feed(Window("api", "0", second, second, {"get": at(second)}, generator()))
        why = watch.missed(second + 1.6)
        if why is not None:
            return second, why
    return None, ""


@pytest.mark.parametrize(
    ("text", "at", "earliest", "latest"),
    [
        pytest.param("errors < 1% abort", failing, 0, 10, id="10% failures are seen within seconds"),
        pytest.param("errors < 1% abort after 20s", failing, 19, 21, id="but not before the delay is over"),
        pytest.param("p99 < 50ms abort", lambda _: tally(ms(*[500] * 20, *[5] * 80)), 0, 10, id="20% slow answers"),
        pytest.param(
            "max < 1s abort", lambda s: tally(ms(5, 2_000 if s == 7 else 5)), 7, 7, id="one answer over a max"
        ),
        pytest.param("throughput >= 90/s abort", failing, None, None, id="90 of 90 is no miss"),
        pytest.param("throughput >= 95/s abort", failing, 4, 8, id="90 of 95 is one, as soon as there is an interval"),
        pytest.param("errors < 1% abort", lambda _: tally(), None, None, id="no data stops nothing"),
        pytest.param("errors < 1%", failing, None, None, id="a threshold without abort only judges at the end"),
        pytest.param("p99 < 2s abort", lambda _: tally(failed={"connect": 100}), 0, 0, id="nothing good at all"),
        pytest.param(
            "errors < 5% for 5s abort",
            lambda s: failing(s) if 40 <= s < 48 else good(s),
            42,
            47,
            id="a bad stretch late in a good run",
        ),
        pytest.param(
            "errors < 5% abort",
            lambda s: failing(s) if 40 <= s < 48 else good(s),
            None,
            None,
            id="the same, which the whole forgives",
        ),
    ],
)
def test_when_a_run_is_stopped(text: str, at: Callable[[int], Tally], earliest: int | None, latest: int | None) -> None:
    when, why = stopped_at(scenario(text, seconds=60), at)
    if earliest is None:
        assert when is None, why
    else:
        assert when is not None
        assert earliest <= when <= latest, (when, why)
        assert "was missed after" in why


def test_the_warm_up_stops_nothing() -> None:
    of = scenario("errors < 1% abort", seconds=60, warmup_ns=30 * SECOND)
    assert stopped_at(of, lambda s: failing(s) if s < 30 else good(s))[0] is None


def test_the_sentence_says_what_was_seen() -> None:
    _, why = stopped_at(scenario("errors < 1% abort", seconds=60), failing)
    assert why.startswith("errors < 1% was missed after ")
    assert "errors are 10% of " in why


def test_answers_still_awaited_are_not_taken_for_failures() -> None:
    """Failures come at once and good answers take 5 s: of what has ended, half failed, but 99.5% are still to come."""
    watch = AbortWatch(scenario("errors < 1% abort", seconds=60))
    early = Tally({"offered": 1_000, "ok": 5, "failed.reset": 5}, {})
    late = Tally({"ok": 990}, {})
    for second in range(20):
        watch.feed(Window("api", "0", second, second, {"get": early}, generator()))
        if second >= 5:
            watch.feed(Window("api", "0", second, second - 5, {"get": late}, generator()))
        assert watch.missed(second + 1.6) is None


def test_looking_every_second_rarely_stops_a_run_that_sits_on_its_limit() -> None:
    """Exactly 1% failures over 60 looks: of 60 runs, no more than 5% are stopped."""
    random = np.random.default_rng(21)
    of = scenario("errors < 1% abort", seconds=60)
    stops = 0
    for _ in range(60):
        bad = random.binomial(100, 0.01, 60)
        at = lambda s, bad=bad: tally(ms(*[5] * (100 - bad[s])), failed={"reset": int(bad[s])})  # noqa: E731
        stops += stopped_at(of, at)[0] is not None
    assert stops <= 3


def test_a_journey_and_its_steps_are_not_counted_twice() -> None:
    watch = AbortWatch(scenario("errors < 60% abort", seconds=60))
    step_bad, step_good = tally(failed={"reset": 100}), tally(ms(*[5] * 100))
    for second in range(20):
        found = {"buy/pay": step_bad, "buy/look": step_good, "buy": tally(failed={"reset": 100})}
        watch.feed(Window("api", "0", second, second, found, generator()))
    assert watch.missed(20) is None


def test_figures_of_the_target_can_stop_a_run() -> None:
    watch = AbortWatch(scenario("target memory < 2GB abort", seconds=60))
    watch.feed_sample(ResourceSample("api", 3.2, "target", {"memory_bytes": 1e9}))
    assert watch.missed(5) is None
    watch.feed_sample(ResourceSample("api", 4.2, "target", {"memory_bytes": 3e9}))
    assert "target memory < 2GB was missed after 5 s" in (watch.missed(6) or "")
