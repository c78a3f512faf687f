"""Small synthetic verdicts: a run of 20 s over two operations, with whatever outcome a test wants."""

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from loadtests.judge.verdict import Health, Outcome, ScenarioVerdict, ThresholdVerdict, Verdict
from loadtests.law import spread
from loadtests.plan.model import Connections, OpenLoad, Plan, Scenario, Stage, Target, Threshold
from loadtests.plan.protocol.http import HttpOperation, Request
from loadtests.plan.protocol.websocket import Message, WebsocketOperation
from loadtests.result.histogram import Histogram
from loadtests.result.run import Environment, FailureSample, ProcessEnd, ResourceSample, Run, ScenarioRun
from loadtests.result.window import CONNECTIONS, Tally, Window

S = 10**9
OPERATIONS = ("health", "execute")


def scenario(name="api", operations=OPERATIONS, seconds=20):
    return Scenario(
        name=name,
        driver="http",
        load=OpenLoad((Stage(100.0, 2 * S, True), Stage(100.0, (seconds - 2) * S, False))),
        operations=tuple(HttpOperation(one, request=Request("GET", f"/{one}")) for one in operations),
        warmup_ns=5 * S,
    )


def latencies_us(first, amount, *, middle_us):
    """Log-normal latencies by quantile, without a random number generator: the same with every version of numpy."""
    normal = NormalDist(0, 0.35)
    draws = [normal.inv_cdf(0.001 + 0.998 * spread(first + number)) for number in range(amount)]
    return np.array([round(middle_us * math.exp(draw)) for draw in draws], np.int64)


def windows(one, *, failing=0, seconds=20):
    made = []
    for second in range(seconds):
        tallies = {}
        for position, operation in enumerate(one.operations):
            amount = max(1, min(50, 25 * second))
            us = latencies_us(second * 50, amount, middle_us=5000 * (1 + 2 * position))
            failed = failing if position and amount > failing else 0
            histograms = {
                "response.ok": Histogram.of_us(us[: amount - failed]),
                "service.ok": Histogram.of_us(np.maximum(us[: amount - failed] - 100, 1)),
                "connect": Histogram.of_us(us[:2] // 10 + 1),
            }
            counters = {"offered": amount, "ok": amount - failed, "completed.ok": amount - failed}
            if failed:
                counters |= {"failed.timeout": failed - 1, "failed.status_5xx": 1, "completed.failed": failed}
                histograms["response.failed"] = Histogram.of_us(np.full(failed, 5_000_000))
            tallies[operation.name] = Tally(counters, histograms)
        made.append(Window(one.name, "0", second, second, tallies))
    return made


def scenario_run(one=None, *, failing=0, failures=(), made=None, seconds=20):
    one = one or scenario(seconds=seconds)
    return ScenarioRun(
        scenario=one,
        started_at="2030-01-02T03:04:05Z",
        status="complete",
        ended_s=float(seconds),
        processes=[ProcessEnd("0", True, seconds)],
        expected_processes=1,
        windows=windows(one, failing=failing, seconds=seconds) if made is None else made,
        resources=[
            ResourceSample(one.name, second, "target", {"cpu": 0.3 + second / 100, "memory_bytes": 2.5e8 + second})
            for second in range(seconds)
        ]
        + [ResourceSample(one.name, second, "generator", {"cpu": 0.2}) for second in range(seconds)],
        failures=failures,
    )


HEALTHY = Health(
    reasons=(),
    warnings=(),
    offered=1500,
    dropped=0,
    offered_per_s=100.0,
    achieved_per_s=100.0,
    lag_p50_ns=80_000,
    lag_p99_ns=420_000,
    lag_max_ns=2_100_000,
    cpu=0.41,
    gc_pause_max_ns=1_200_000,
    loop_lag_max_ns=3_400_000,
    core_wait=0.004,
)
STARVED = replace(
    HEALTHY,
    reasons=("the engine process stood still for 2.03 s, so 203 requests started late", "start lag p99 is 1.9 s"),
    warnings=("CPU of the generator was 93%",),
    achieved_per_s=89.9,
    lag_p99_ns=1_900_000_000,
)


def threshold(text="p99 < 2s", outcome=Outcome.PASS, **changes):
    kept = {name: changes.pop(name) for name in ("observed", "interval", "samples", "needed", "why") if name in changes}
    values = {"metric": "latency", "comparison": "<", "limit": 2.0 * S, "unit": "ns", "quantile": 0.99} | changes
    facts = {
        "observed": 31.4e6,
        "interval": (29.9e6, 33.0e6),
        "samples": 1500,
        "needed": None,
        "why": "31.4 ms is below 2 s",
    } | kept
    return ThresholdVerdict(threshold=Threshold(text, **values), outcome=outcome, **facts)


def share(text="errors < 1%", outcome=Outcome.PASS, **changes):
    values = {"metric": "errors", "limit": 0.01, "unit": "ratio", "quantile": None, "observed": 0.0}
    return threshold(text, outcome, **(values | {"interval": (0.0, 0.002), "why": "no request failed"} | changes))


def throughput(text="throughput >= 99/s", outcome=Outcome.PASS, **changes):
    values = {"metric": "throughput", "comparison": ">=", "limit": 99.0, "unit": "per_s", "quantile": None}
    facts = {"observed": 100.0, "interval": (99.6, 100.4), "why": "100/s is above 99/s"}
    return threshold(text, outcome, **(values | facts | changes))


GOOD = (
    threshold("p50 < 200ms", limit=0.2 * S, quantile=0.5, clause="BASE-P50", observed=7e6, interval=(6.8e6, 7.2e6)),
    threshold("p99 < 2s", clause="BASE-P99"),
    share("errors < 1%", clause="LOAD-API"),
    throughput(),
)


def verdict(outcome=Outcome.PASS, *, thresholds=GOOD, health=HEALTHY, run=None, why="all 4 thresholds held", **facts):
    run = run or scenario_run()
    return verdict_of([ScenarioVerdict(run, outcome, health, thresholds, why)], outcome, why=why, **facts)


def verdict_of(scenarios, outcome, *, why, document=None, secrets=(), warnings=()):
    plan = Plan(
        target=Target(http="http://127.0.0.1:8080"),
        scenarios={one.run.scenario.name: one.run.scenario for one in scenarios},
        suites={},
        document=document or {"version": 1, "target": {"http": "http://127.0.0.1:8080"}, "scenarios": {"api": {}}},
        secrets=secrets,
    )
    run = Run(
        id="20300102-030405-api",
        started_at="2030-01-02T03:04:05Z",
        status="complete",
        plan=plan,
        scenarios=[one.run for one in scenarios],
        environment=Environment(
            {"cpus": 2, "kernel": "6.1", "memory_bytes": 8 * 10**9}, {"python": "3.11", "loadtests": "0.1.0"}
        ),
        build="abc1234",
        comparability="9f2c41d0",
        warnings=warnings,
    )
    return Verdict(run, outcome, scenarios, why)


def failing():
    """FAIL: 10% of one operation failed, with samples of what came back."""
    samples = [
        FailureSample("api", "execute", kind, 6.0 + number, f"HTTP/1.1 503 upstream <b>busy</b> #{number}")
        for number in range(9)
        for kind in ("timeout", "status_5xx")
    ]
    why = "4.76% of requests failed, above the limit of 1%"
    bad = share(outcome=Outcome.FAIL, clause="LOAD-API", observed=0.0476, interval=(0.041, 0.055), why=why)
    close = threshold(
        "p95 < 31ms", Outcome.FAIL, limit=31e6, observed=31.004e6, interval=(30.2e6, 31.9e6), why="31.004 ms"
    )
    run = scenario_run(failing=5, failures=samples)
    return verdict(
        Outcome.FAIL, thresholds=(GOOD[0], close, bad, GOOD[3]), run=run, why="2 of 4 thresholds were missed: errors"
    )


def invalid():
    """INVALID: the generator stood still."""
    return verdict(
        Outcome.INVALID, health=STARVED, why="the generator missed its schedule, so the run cannot be judged"
    )


def inconclusive():
    """INCONCLUSIVE: a p99.9 on too few samples."""
    why = "1,500 samples; p99.9 needs 2,995 at 95% confidence"
    thin = threshold(
        "p99.9 < 2s",
        Outcome.INCONCLUSIVE,
        quantile=0.999,
        clause="BASE-P99",
        observed=44e6,
        interval=None,
        needed=2995,
        why=why,
    )
    return verdict(
        Outcome.INCONCLUSIVE, thresholds=(*GOOD, thin), why="p99.9 < 2s cannot be decided with 1,500 samples"
    )


def empty():
    """INVALID: nothing was recorded at all."""
    health = replace(HEALTHY, reasons=("no window was recorded",), offered=0, offered_per_s=0.0, achieved_per_s=0.0)
    health = replace(
        health,
        lag_p50_ns=None,
        lag_p99_ns=None,
        lag_max_ns=None,
        cpu=None,
        gc_pause_max_ns=None,
        loop_lag_max_ns=None,
        core_wait=None,
    )
    missing = threshold(outcome=Outcome.INVALID, observed=None, interval=None, samples=0, why="no data")
    run = replace(scenario_run(made=[]), resources=(), ended_s=0.0, processes=())
    return verdict(Outcome.INVALID, thresholds=(missing,), health=health, run=run, why="no data")


def websocket_scenario(*, sends=True, count=500):
    load = OpenLoad((Stage(100.0 if sends else 0.0, 20 * S, False),), connections=Connections(count, 100.0, 20 * sends))
    operations = [WebsocketOperation(name, Message("json", {"id": "{{message}}"})) for name in ("echo", "broadcast")]
    return Scenario("chat", "websocket", load, tuple(operations) if sends else ())


def held(second, *, spawned=100, lost=None, failed=None):
    """The connections of one second: `spawned` in each of the first five, pings and pushes later."""
    due = spawned if second < 5 else 0
    bad = (failed or {}) if second == 4 else {}
    causes = (lost or {}) if second == 2 else {}
    made = due - sum(bad.values())
    counters = {"offered": due, "ok": made, "pushes": 50, "dropped_at": sum((lost or {}).values()) * (second == 11)}
    counters |= {f"failed.{kind}": number for kind, number in bad.items()}
    counters |= {f"drop.{cause}": number for cause, number in causes.items()}
    histograms = {
        "connect": Histogram.of_us(latencies_us(second * 100, made, middle_us=3000)),
        "ping": Histogram.of_us(latencies_us(second * 100, 50, middle_us=400)),
        "push": Histogram.of_us(latencies_us(second * 100, 50, middle_us=700)),
    }
    if second >= 5:
        counters |= {"lost_pushes": 2, "duplicated": 1} if second == 9 else {}
        return Tally({name: n for name, n in counters.items() if n}, histograms)
    return Tally({name: n for name, n in counters.items() if n}, {"connect": histograms["connect"]})


def websocket_run(*, sends=True, lost=None, failed=None, spawned=100):
    one = websocket_scenario(sends=sends, count=5 * spawned)
    made = windows(one)
    odd = {"late": 2, "duplicated": 1, "unexpected": 1}
    for window in made:
        echo = window.operations.get("echo")
        if echo is not None and window.second == 8:
            window.operations["echo"] = Tally.merge([echo, Tally(odd)])
        if "broadcast" in window.operations:
            copies = {"expected": 40, "received": 39 if window.second % 5 == 0 else 40}
            delivery = {"delivery": Histogram.of_us(latencies_us(window.second, 40, middle_us=900))}
            window.operations["broadcast"] = Tally.merge([window.operations["broadcast"], Tally(copies, delivery)])
        window.operations[CONNECTIONS] = held(window.second, lost=lost, failed=failed, spawned=spawned)
    return scenario_run(one, made=made)


LOST = {"close_1001": 4, "ping_timeout": 2, "reset": 1}


def websocket():
    """FAIL: 7 of 497 connections dropped; a connect p95 with one bound only."""
    run = websocket_run(lost=LOST, failed={"connect": 2, "status_5xx": 1})
    drops = share(
        "drops < 1%",
        Outcome.FAIL,
        metric="connection drops",
        clause="LOAD-WS",
        observed=7 / 497,
        interval=(0.00663, 0.0263),
        samples=497,
        why="drops over the whole run are 1.41% (7 of 497 connections), limit 1%",
    )
    connect = threshold(
        "connect p95 < 500ms",
        metric="connect",
        limit=0.5 * S,
        quantile=0.95,
        clause="SLO-WS",
        observed=5.2e6,
        interval=(None, 6.1e6),
        samples=497,
        why="connect p95 over the whole run is 5.2 ms, at most 6.1 ms with 95% confidence; limit 500 ms",
    )
    failures = share(
        "connect failures < 1%",
        Outcome.INCONCLUSIVE,
        metric="connect failures",
        clause="SLO-WS",
        observed=0.006,
        interval=(0.00164, 0.0154),
        samples=500,
        needed=4000,
        why="connect failures over the whole run are 0.6% (3 of 500 attempts), limit 1%: too few to show it",
    )
    thresholds = (drops, connect, failures)
    return verdict(Outcome.FAIL, thresholds=thresholds, run=run, why="1 of 3 thresholds missed: drops < 1%")


def only_held():
    """PASS: connections that nothing was sent over."""
    run = websocket_run(sends=False)
    drops = share("drops < 1%", metric="connection drops", clause="LOAD-WS", why="drops are 0% (0 of 500 connections)")
    health = replace(HEALTHY, offered=0, offered_per_s=0.0, achieved_per_s=0.0)
    return verdict(thresholds=(drops,), health=health, run=run, why="the threshold holds")


def every():
    """One verdict of each kind, by name."""
    return {
        "pass": verdict(),
        "fail": failing(),
        "invalid": invalid(),
        "inconclusive": inconclusive(),
        "empty": empty(),
        "websocket": websocket(),
        "held": only_held(),
    }
