"""Held connections: how every threshold on them comes out, what is INVALID, and what cannot pass in silence."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from synthetic_runs import (
    SECOND,
    connections,
    generator,
    held,
    held_run,
    ms,
    scenario,
    scenario_run,
    share_threshold,
    tally,
    time_threshold,
    whole_run,
)

from loadtests.judge.judgement import judge_run, judge_scenario
from loadtests.judge.live import AbortWatch
from loadtests.judge.thresholds import judge_threshold
from loadtests.judge.unjudged import unjudged
from loadtests.judge.validity import examine
from loadtests.judge.verdict import Outcome
from loadtests.plan.model import Abort, Connections, OpenLoad, Stage, Threshold
from loadtests.result.run import ProcessEnd
from loadtests.result.window import CONNECTIONS, Tally, Window

PASS, FAIL, INCONCLUSIVE, INVALID = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.INVALID
DROPS, FAILURES = share_threshold("connection drops"), share_threshold("connect failures")
At = Callable[[int], Tally | None]


def spawned(**changes: object) -> At:
    """100 connections in each of the first five seconds; those of the third as said."""
    usual = {"connect": ms(*[5] * 100)}
    return lambda s: connections(100, **(usual | changes if s == 2 else usual)) if s < 5 else None


def only(made: int, **changes: object) -> At:
    """So many connections, all of them due in the first second."""
    return lambda s: connections(made, **changes) if s == 0 else None


def steady(**changes: object) -> At:
    """No connection, but something on them every second."""
    return lambda _: connections(0, **changes)


LOST_7 = {"close_1001": 4, "reset": 3}


@pytest.mark.parametrize(
    ("threshold", "at", "outcome", "says"),
    [
        pytest.param(DROPS, spawned(), PASS, "(0 of 500 connections)", id="0 of 500 lost show less than 1%"),
        pytest.param(DROPS, only(100), INCONCLUSIVE, "299 such would settle it", id="0 of 100 lost show nothing"),
        pytest.param(DROPS, only(299), PASS, "(0 of 299", id="299 are just enough"),
        pytest.param(DROPS, only(298), INCONCLUSIVE, "(0 of 298", id="298 are one too few"),
        pytest.param(
            DROPS, spawned(lost=LOST_7), FAIL, "are 1.4% (7 of 500 connections), limit 1%", id="7 of 500 is 1.4%"
        ),
        pytest.param(DROPS, spawned(lost={"eof": 5}), FAIL, "5 of 500", id="exactly 1% is not below 1%"),
        pytest.param(
            share_threshold("connection drops", comparison="<="),
            spawned(lost={"eof": 5}),
            INCONCLUSIVE,
            "too few to show it",
            id="nor is it above, but no 500 can show it",
        ),
        pytest.param(DROPS, spawned(lost={"eof": 4}), INCONCLUSIVE, "0.8%", id="0.8% is no miss, and no proof"),
        pytest.param(DROPS, only(10_000, lost={"eof": 50}), PASS, "50 of 10,000", id="one second for all is no matter"),
        pytest.param(
            DROPS,
            lambda s: connections(100, counters={"reconnected": 100}, lost={"eof": 2}) if s == 15 else spawned()(s),
            INCONCLUSIVE,
            "2 of 600",
            id="a connection made anew is one more that can drop",
        ),
        pytest.param(
            DROPS, only(0, failed={"connect": 9}), FAIL, "no connection at all: 9 of 9", id="none was ever made"
        ),
        pytest.param(DROPS, lambda _: None, INVALID, "no connection was made", id="no data is never a pass"),
        pytest.param(
            share_threshold("connection drops", 0.0, "<="),
            spawned(),
            PASS,
            "0 of 500",
            id="a budget of zero is a count",
        ),
        pytest.param(
            share_threshold("connection drops", 0.0, "<="),
            spawned(lost={"eof": 1}),
            FAIL,
            "1 of 500",
            id="and one connection ends it",
        ),
        pytest.param(
            replace(DROPS, sliding_ns=5 * SECOND), spawned(), INVALID, "no meaning", id="`for` cannot be asked of it"
        ),
        pytest.param(FAILURES, spawned(), PASS, "(0 of 500 attempts)", id="every connection was made"),
        pytest.param(
            FAILURES,
            spawned(failed={"connect": 4, "status_5xx": 3}),
            FAIL,
            "(7 of 507 attempts)",
            id="failures of all kinds count",
        ),
        pytest.param(
            FAILURES, spawned(cut_off=20), INCONCLUSIVE, "20 undecided", id="attempts without an end may have failed"
        ),
        pytest.param(
            time_threshold("connect", 50), spawned(), PASS, "connect p95 over the whole run", id="made in the ramp"
        ),
        pytest.param(
            time_threshold("connect", 4), spawned(), FAIL, "500 connections", id="connecting took longer than asked"
        ),
        pytest.param(
            time_threshold("connect", 4),
            only(0, failed={"status_4xx": 3}),
            FAIL,
            "no connection at all: 3 of 3 failed",
            id="refused by the target, whatever the kind",
        ),
        pytest.param(time_threshold("ping", 5), steady(ping=ms(*[1] * 50)), PASS, "pings", id="pings in time"),
        pytest.param(
            time_threshold("ping", 5),
            lambda s: connections(100, ping=ms(*[1] * 100)) if s < 4 else None,
            INVALID,
            "no data",
            id="pings of the ramp are not judged",
        ),
        pytest.param(time_threshold("push", 5), steady(push=ms(*[9] * 50)), FAIL, "pushes", id="pushes came too late"),
        pytest.param(
            share_threshold("lost"),
            steady(counters={"pushes": 95, "lost_pushes": 5}),
            FAIL,
            "lost messages are 5%",
            id="gaps in what the server pushed are lost messages",
        ),
        pytest.param(
            share_threshold("duplicated"),
            steady(counters={"pushes": 100}),
            PASS,
            "1,500 messages",
            id="none came twice",
        ),
        pytest.param(
            share_threshold("out of order"),
            steady(counters={"pushes": 100, "out_of_order": 3}),
            FAIL,
            "messages out of order are 3%",
            id="pushes overtook each other",
        ),
    ],
)
def test_how_a_threshold_on_held_connections_comes_out(
    threshold: Threshold, at: At, outcome: Outcome, says: str
) -> None:
    found = judge_threshold(threshold, held_run(held(threshold), at))
    assert found.outcome is outcome, found.why
    assert says in found.why


def exchanged(**counters: int) -> Tally:
    """100 executions in a second: the counters said, and the rest good."""
    failed = {"lost": counters.pop("lost")} if "lost" in counters else {}
    made = tally(ms(*[5] * (100 - sum(failed.values()))), failed=failed)
    return Tally({**made.counters, **counters}, made.histograms)


@pytest.mark.parametrize(
    ("threshold", "counters", "outcome", "says"),
    [
        pytest.param(share_threshold("lost"), {"lost": 5}, FAIL, "lost messages are 5%", id="replies that never came"),
        pytest.param(share_threshold("lost"), {"late": 5}, PASS, "2,000 messages", id="late ones are failures of time"),
        pytest.param(share_threshold("duplicated"), {"duplicated": 5}, FAIL, "are 5%", id="replies that came twice"),
        pytest.param(share_threshold("out of order"), {"out_of_order": 5}, FAIL, "are 5%", id="overtaken replies"),
        pytest.param(
            share_threshold("reach", 0.99, ">="), {"expected": 40, "received": 40}, PASS, "800 copies", id="all reached"
        ),
        pytest.param(
            share_threshold("reach", 0.99, ">="), {"expected": 40, "received": 38}, FAIL, "is 95%", id="95% reached"
        ),
        pytest.param(share_threshold("reach", 0.99, ">="), {}, INVALID, "no data", id="nothing was broadcast"),
        pytest.param(
            share_threshold("lost", operation="get"), {"lost": 5}, FAIL, "of get", id="of one operation when asked"
        ),
    ],
)
def test_what_happened_to_messages(threshold: Threshold, counters: dict[str, int], outcome: Outcome, says: str) -> None:
    of = scenario(driver="websocket", thresholds=(threshold,))
    pushed = connections(0, counters={"pushes": 100, "lost_pushes": 50, "duplicated": 50, "out_of_order": 50})
    run = scenario_run(of, lambda _: {"get": exchanged(**counters), CONNECTIONS: pushed})
    found = judge_threshold(threshold, run)
    assert found.outcome is outcome, found.why
    assert says in found.why


def test_a_driver_without_held_connections_judges_connect_by_its_operations() -> None:
    """As before: over the steady interval, from the times the operations recorded."""
    run = scenario_run(scenario(driver="http"), lambda _: tally(ms(5), connect=ms(2)))
    found = judge_threshold(time_threshold("connect", 50), run)
    assert found.samples == 20
    assert "whole run" not in found.why


def test_connections_are_in_no_total_and_no_operation() -> None:
    run = scenario_run(scenario("errors < 1%"), lambda _: {"get": tally(ms(*[5] * 100)), CONNECTIONS: connections(9)})
    assert run.total_names() == run.operation_names() == ["get"]
    assert judge_threshold(run.scenario.thresholds[0], run).samples == 2_000
    assert run.holds_connections
    assert sum(found.count("ok") for found in run.connections_by_second().values()) == 180


def test_connections_that_are_only_held_can_pass() -> None:
    """Nothing was to be sent: no arrival is missing, and the start lag is that of the connections."""
    verdict = judge_scenario(held_run(held(DROPS, FAILURES, time_threshold("connect", 500)), spawned()))
    assert (verdict.outcome, verdict.health.reasons) == (PASS, ())
    assert (verdict.health.offered, verdict.health.offered_per_s) == (0, 0.0)
    assert verdict.health.lag_p99_ns == pytest.approx(100_000, rel=0.01)


LATE = generator(lag_us=[80_000] * 100)
SILENT = generator(lag_us=())


@pytest.mark.parametrize(
    ("of", "at", "lag_in_ramp", "reason"),
    [
        pytest.param(held(DROPS), spawned(), LATE, "start lag p99 is 8", id="the connections started late"),
        pytest.param(held(DROPS, spawn_rate=None), only(500), LATE, None, id="all at once cannot all be in time"),
        pytest.param(
            held(time_threshold("connect", 500), spawn_rate=None),
            only(500),
            LATE,
            "too late to judge connect p95 < 500ms",
            id="but then how long connecting took is not known",
        ),
        pytest.param(
            held(DROPS), only(400), SILENT, "opened 400 of the 500 connections that were due (80%", id="100 never tried"
        ),
        pytest.param(held(DROPS), lambda _: None, SILENT, "opened 0 of the 500", id="nothing was done at all"),
    ],
)
def test_a_generator_that_did_not_open_its_connections(of, at: At, lag_in_ramp: Tally, reason: str | None) -> None:
    run = held_run(of, at, generator_at=lambda s: lag_in_ramp if s < 5 else SILENT)
    reasons = examine(run).reasons
    assert (reasons == ()) if reason is None else any(reason in found for found in reasons), reasons


def test_a_file_limit_is_the_generators_fault_and_no_drop() -> None:
    end = ProcessEnd("0", clean=True, windows=20, faults={"no more file descriptors": 7})
    verdict = judge_scenario(held_run(held(DROPS), spawned(lost=LOST_7), processes=(end,)))
    assert verdict.outcome is INVALID


@pytest.mark.parametrize(
    ("thresholds", "changes", "says"),
    [
        pytest.param((DROPS,), {"failed": {"reset": 9}}, "no connect failures threshold", id="failures unspoken of"),
        pytest.param((FAILURES,), {"lost": LOST_7}, "1.4% of the connections dropped", id="drops unspoken of"),
        pytest.param((DROPS, FAILURES), {"lost": LOST_7, "failed": {"reset": 9}}, None, id="both are spoken of"),
        pytest.param((FAILURES,), {"lost": {"eof": 5}}, None, id="1% is not more than 1%"),
    ],
)
def test_what_cannot_pass_in_silence(
    thresholds: tuple[Threshold, ...], changes: dict[str, object], says: str | None
) -> None:
    found = unjudged(held_run(held(*thresholds), spawned(**changes)), thresholds)
    assert (found == []) if says is None else says in found[0]


def test_dropped_arrivals_are_not_excused_by_a_threshold_on_connections() -> None:
    """`drops` speaks of connections here, so 5% of the arrivals without a free place cannot pass in silence."""
    of = scenario(driver="websocket", thresholds=(DROPS,))
    run = scenario_run(of, lambda _: {"get": tally(ms(*[5] * 95), dropped=5), CONNECTIONS: connections(50)})
    verdict = judge_scenario(run)
    assert verdict.outcome is INCONCLUSIVE
    assert "5% of the arrivals were dropped and no threshold can judge that here" in verdict.why


def test_lost_pushes_beside_replies_are_told() -> None:
    """Thresholds on lost messages speak of replies where there are any; that pushes were lost is a warning."""
    pushed = connections(0, counters={"pushes": 99, "lost_pushes": 1})
    run = scenario_run(scenario(driver="websocket"), lambda _: {"get": exchanged(), CONNECTIONS: pushed})
    assert any("20 pushes never came" in warning for warning in examine(run).warnings)


def watched(of, at: At) -> str | None:
    watch = AbortWatch(of)
    for second in range(20):
        found = at(second)
        window = Window("ws", "0", second, second, {} if found is None else {CONNECTIONS: found}, generator())
        watch.feed(window)
        why = watch.missed(second + 1.6)
        if why is not None:
            return why
    return None


ABORT = replace(DROPS, text="drops < 1% abort", abort=Abort())


@pytest.mark.parametrize(
    ("of", "at", "says"),
    [
        pytest.param(held(ABORT), spawned(), None, id="no drop stops nothing"),
        pytest.param(
            held(ABORT), spawned(lost=LOST_7), "drops < 1% was missed after 3 s: drops are 2.33% (7 of 300", id="7 do"
        ),
        pytest.param(held(ABORT), spawned(lost={"eof": 4}), None, id="4 of 300 may still be 4 of 500"),
        pytest.param(
            held(replace(FAILURES, text="connect failures < 1% abort", abort=Abort())),
            spawned(failed={"reset": 9}),
            "(9 of 309 attempts",
            id="connections that cannot be made",
        ),
        pytest.param(
            held(replace(ABORT, abort=Abort(10 * SECOND))),
            spawned(lost=LOST_7),
            "after 10 s",
            id="not before its delay",
        ),
    ],
)
def test_when_connections_stop_a_run(of, at: At, says: str | None) -> None:
    why = watched(of, at)
    assert (why is None) if says is None else why is not None and says in why, why


def test_a_live_watch_of_errors_does_not_count_connections() -> None:
    """Refused connections are no failed executions."""
    watch = AbortWatch(scenario("errors < 1% abort", seconds=20))
    for second in range(20):
        refused = connections(0, failed={"connect": 100})
        window = Window("api", "0", second, second, {"get": tally(ms(*[5] * 100)), CONNECTIONS: refused}, generator())
        watch.feed(window)
        assert watch.missed(second + 1.6) is None


def test_a_run_of_held_connections_is_told_in_one_sentence() -> None:
    verdict = judge_run(whole_run(held_run(held(DROPS), spawned(lost=LOST_7))))
    assert verdict.outcome is FAIL
    assert verdict.why == "1 of 1 threshold missed: drops < 1%"


def test_a_load_with_messages_is_judged_after_the_last_connection_was_due() -> None:
    """The ramp of the connections is not steady time for what is sent."""
    load = OpenLoad((Stage(100.0, 20 * SECOND, ramp=False),), connections=Connections(500, 100.0, 10))
    run = scenario_run(scenario("errors < 1%", load=load, driver="websocket"), lambda _: exchanged())
    assert run.seconds() == range(5, 20)
    assert run.recorded_seconds() == range(20)
