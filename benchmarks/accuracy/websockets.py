"""`python -m benchmarks.accuracy.websockets`: what is reported of connections and messages, beside what was done.

Exit codes as of `benchmarks.accuracy`: 0 all right, 1 something off, 3 something could not be measured here.
"""

import json
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.behaviour import MS, S, Stall, Step, evenly
from benchmarks.accuracy.comparison import Row, latency_row
from benchmarks.accuracy.experiment import distrust_of, measure, truth_server
from benchmarks.accuracy.ledger import Ledger, rank_value
from benchmarks.accuracy.one_by_one import case_command
from benchmarks.accuracy.truth import open_model
from benchmarks.accuracy.websocket_behaviour import WebsocketBehaviour
from benchmarks.pauses import Strangers, watching
from benchmarks.quiet import BUSY_CORES, Moment, cores_taken_by_others
from loadtests.plan.model import Scenario
from loadtests.plan.profile import arrivals
from loadtests.result.histogram import Histogram
from loadtests.result.run import ScenarioRun, pooled
from loadtests.result.rundir import read_run
from loadtests.result.window import (
    DUPLICATED,
    EXPECTED,
    LATE,
    LOST_PUSHES,
    OFFERED,
    OK,
    OUT_OF_ORDER,
    PUSHES,
    RECEIVED,
    RESPONSE_OK,
    UNEXPECTED,
    Tally,
)

__all__ = ["CASES", "SocketCase", "command", "plan_text"]

_QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
_WARMUP_NS = 2 * S
_NOTES = ("", ".upgrades", ".pings", ".copies", ".pushes")
_BIMODAL = (Step(5 * MS, 49), Step(100 * MS, 1))
_OPEN = {"connections": 200, "spawn_rate": "200/s", "duration": "14s", "rate": "1000/s"}
_HELD = {"connections": 200, "spawn_rate": "200/s", "duration": "6s"}
_EXPONENTIAL = tuple(Step(round(-math.log(1 - (rank + 0.5) / 41) * 5 * MS)) for rank in range(41))
"""Quantiles of an exponential law with a mean of 5 ms; 41 of them, so that no percentile lies between two."""
_FEW = {"connections": 10, "duration": "6s", "rate": "500/s"}


@dataclass(frozen=True, slots=True)
class SocketCase:
    """`counts` maps what is reported to the name under which the server counted it, or to the number itself."""

    name: str
    sentence: str
    behaviour: WebsocketBehaviour
    load: Mapping[str, Any]
    counts: Mapping[str, str | int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    expect: str | None = "reply"
    times: tuple[str, ...] = ()


CASES = (
    SocketCase(
        "round trips",
        "one answer in 50 takes 100 ms, the others 5 ms; 1,000 messages a second over 200 connections",
        WebsocketBehaviour(_BIMODAL),
        _OPEN,
        {"established": 200, "ok": "messages", "failed": 0, "dropped connections": 0},
        times=("round trip",),
    ),
    SocketCase(
        "exponential",
        "answers by an exponential law with a mean of 5 ms, matched by order",
        WebsocketBehaviour(_EXPONENTIAL),
        _OPEN,
        {"ok": "messages", "failed": 0, "duplicated": 0, "unexpected": 0},
        {"match": "order"},
        times=("round trip",),
    ),
    SocketCase(
        "stall",
        "after 3.5 s no answer is given for 0.7 s: every message due meanwhile waits; p95 and p99 lie well within",
        WebsocketBehaviour((Step(5 * MS),), stall=Stall(3500 * MS, 700 * MS)),
        _OPEN,
        {"ok": "messages", "failed": 0},
        times=("round trip",),
    ),
    SocketCase(
        "paced users",
        "the first law for users who each send every 100 ms, no two at once",
        WebsocketBehaviour(_BIMODAL),
        {"connections": 100, "spawn_rate": "97/s", "duration": "14s", "pacing": "100ms"},
        {"established": 100, "ok": "messages", "failed": 0},
        times=("round trip",),
    ),
    SocketCase(
        "drops by close",
        "one connection in 50 is closed with 1011 after 2 s",
        WebsocketBehaviour(drop_every=50),
        _OPEN,
        {"established": 200, "drop close_1011": "dropped", "dropped connections": 4},
    ),
    SocketCase(
        "drops by reset",
        "one connection in 40 is reset after 2 s",
        WebsocketBehaviour(drop_every=40, reset=True),
        _HELD,
        {"established": 200, "drop reset": "dropped", "dropped connections": 5},
        expect=None,
    ),
    SocketCase(
        "half-open",
        "one connection in 20 falls silent after 2 s: no pong within 0.5 s",
        WebsocketBehaviour(silent_every=20),
        _HELD,
        {"established": 200, "drop ping_timeout": "silent", "dropped connections": 10},
        {"ping": "500ms", "ping_timeout": "500ms"},
        expect=None,
        times=("ping",),
    ),
    SocketCase(
        "refused upgrades",
        "one upgrade in 10 is answered 503",
        WebsocketBehaviour(refuse_every=10),
        _HELD,
        {"established": "accepted", "failed status_5xx": "refused", "failed connections": 20, "dropped connections": 0},
        expect=None,
    ),
    SocketCase(
        "slow upgrades",
        "one upgrade in 10 takes 200 ms, the others 20 ms",
        WebsocketBehaviour(upgrade_steps=(Step(20 * MS, 9), Step(200 * MS, 1))),
        _HELD,
        {"established": 200},
        expect=None,
        times=("connect",),
    ),
    SocketCase(
        "lost messages",
        "one message in 50 is never answered",
        WebsocketBehaviour((Step(5 * MS),), lose_every=50),
        _OPEN,
        {"lost": "lost", "duplicated": 0, "out of order": 0, "failed": "lost"},
        times=("round trip",),
    ),
    SocketCase(
        "late answers",
        "one message in 50 is answered after 1.7 s, when it has been given up",
        WebsocketBehaviour((Step(5 * MS),), late_every=50, late_ns=1700 * MS, late_rows=3500),
        _OPEN,
        {"late": "late", "lost": "late", "failed": "late", "duplicated": 0, "unexpected": 0},
        times=("round trip",),
    ),
    SocketCase(
        "duplicates",
        "one message in 30 is answered twice",
        WebsocketBehaviour((Step(5 * MS),), duplicate_every=30),
        _OPEN,
        {"duplicated": "duplicated", "lost": 0, "out of order": 0, "ok": "messages"},
        times=("round trip",),
    ),
    SocketCase(
        "disorder",
        "one message in 25 is answered after the next one of its connection",
        WebsocketBehaviour((Step(1 * MS),), reorder_every=25),
        _FEW,
        {"out of order": "reordered", "lost": 0, "duplicated": 0, "ok": "messages"},
    ),
    SocketCase(
        "broadcast",
        "each of 20 messages a second goes to 50 connections; one copy in 100 is left out",
        WebsocketBehaviour((Step(5 * MS),), broadcast=True, skip_copy_every=100),
        {"connections": 50, "senders": 5, "spawn_rate": "500/s", "duration": "5s", "rate": "20/s"},
        {"copies missing": "skipped"},
        expect="broadcast",
        times=("delivery",),
    ),
    SocketCase(
        "pushes",
        "40 pushes on each connection, one number in 10 left out",
        WebsocketBehaviour(push_every_ns=100 * MS, gap_every=10),
        {"connections": 50, "spawn_rate": "500/s", "duration": "6s"},
        {"pushes": "pushed", "lost pushes": "gaps"},
        {"pushes": {"number": "seq", "sent": "at"}},
        expect=None,
        times=("push",),
    ),
)


def plan_text(case: SocketCase, *, port: int) -> str:
    """The plan file (JSON is YAML) that puts the server at `port` under the case's load."""
    scenario: dict[str, Any] = {
        "driver": "websocket",
        "load": dict(case.load),
        "warmup": f"{_WARMUP_NS}ns",
        "timeout": "1500ms",
        "websocket": {"match": {"json": "id"}, **case.settings},
        "thresholds": ["drops < 99%", "connect failures < 99%"],
    }
    if case.expect is not None:
        message = {"json": {"id": "{{message}}", "text": "how much could be saved?"}}
        scenario["operations"] = [{"name": "say", "send": message, "expect": case.expect}]
    target = {"websocket": f"ws://127.0.0.1:{port}/"}
    return json.dumps({"version": 1, "target": target, "scenarios": {"truth": scenario}})


def _experiment(case: SocketCase) -> list[Row]:
    before = Moment.now()
    with tempfile.TemporaryDirectory(prefix="accuracy-") as scratch:
        here = Path(scratch)
        ledger = here / "ledger.npz"
        with watching() as strangers, truth_server("websocket_server", case.behaviour.to_wire(), ledger) as port:
            (here / "plan.yaml").write_text(plan_text(case, port=port))
            measure(here)
        counts = json.loads(ledger.with_suffix(".json").read_text())
        notes = {name: Ledger.load(ledger.with_suffix(f"{name}.npz")) for name in _NOTES}
        run = read_run(here / "run").scenarios[0]
        distrust = distrust_of(here / "run")
    others = cores_taken_by_others(before, Moment.now())
    rows = [*_counts(case, run, counts), *_times(case, run, notes, strangers)]
    return [replace(row, distrusted=bool(distrust), disturbed=others > BUSY_CORES) for row in rows]


def _counts(case: SocketCase, run: ScenarioRun, counted: Mapping[str, int]) -> Iterable[Row]:
    """Counts of the whole run: what was done must be what is reported, exactly."""
    connections = Tally.merge(run.connections_by_second().values())
    messages = Tally.merge(run.by_second(run.total_names()).values())
    reported = {
        "established": connections.count(OK),
        "failed connections": connections.failed,
        "dropped connections": sum(connections.lost_connections.values()),
        "ok": messages.count(OK),
        "failed": messages.failed,
        "lost": messages.failures.get("lost", 0),
        "duplicated": messages.count(DUPLICATED),
        "out of order": messages.count(OUT_OF_ORDER),
        "late": messages.count(LATE),
        "unexpected": messages.count(UNEXPECTED),
        "copies missing": messages.count(EXPECTED) - messages.count(RECEIVED),
        "pushes": connections.count(PUSHES),
        "lost pushes": connections.count(LOST_PUSHES),
        **{f"failed {kind}": number for kind, number in connections.failures.items()},
        **{f"drop {cause}": number for cause, number in connections.lost_connections.items()},
    }
    if case.expect == "reply" and "ok" not in case.counts:
        ended = messages.count(OK) + messages.failed
        yield Row("messages that ended", "count", messages.count(OFFERED), ended, 0)
    for quantity, truth in case.counts.items():
        meant = truth if isinstance(truth, int) else counted.get(truth, 0)
        yield Row(quantity, "count", meant, reported.get(quantity, 0), 0)


def _times(case: SocketCase, run: ScenarioRun, notes: Mapping[str, Ledger], strangers: Strangers) -> Iterator[Row]:
    steady = pooled(run.by_second(run.total_names()), run.seconds())
    connections = run.connections_by_second()
    whole, later = Tally.merge(connections.values()), pooled(connections, run.seconds())
    sources: dict[str, tuple[Histogram, Sequence[int], Ledger, int]] = {
        "round trip": (steady.histogram(RESPONSE_OK), _meant(case, run.scenario, run.seconds()), notes[""], _WARMUP_NS),
        "delivery": (steady.histogram("delivery"), evenly(case.behaviour.steps), notes[".copies"], _WARMUP_NS),
        "connect": (whole.histogram("connect"), evenly(case.behaviour.upgrade_steps), notes[".upgrades"], 0),
        "ping": (later.histogram("ping"), (0,), notes[".pings"], 0),
        "push": (later.histogram("push"), (0,), notes[".pushes"], _WARMUP_NS),
    }
    for quantity in case.times:
        histogram, law, ledger, after_ns = sources[quantity]
        for name, quantile in _QUANTILES:
            truth = rank_value(np.array(law), quantile) + ledger.own_error_ns(quantile, after_ns=after_ns)
            yield latency_row(f"{quantity} {name}", truth, quantile, found=histogram, strangers=strangers)


def _meant(case: SocketCase, scenario: Scenario, seconds: range) -> Sequence[int]:
    """Round trips in ns by the law: one period of it, or where there is a stall those of the whole schedule."""
    if case.behaviour.stall is None:
        return evenly(case.behaviour.steps)
    due = np.concatenate([chunk.due_ns for chunk in arrivals(scenario)])
    meant = open_model(case.behaviour.answers, due.tolist(), room=len(due)).due_in(seconds.start * S, seconds.stop * S)
    return [int(took) for took in meant.ended_ns - meant.intended_ns]


command = case_command(
    "benchmarks.accuracy.websockets",
    CASES,
    _experiment,
    about="Compare what the suite reports of WebSockets with a server that counts what it does.",
    section="Accuracy of WebSockets",
)

if __name__ == "__main__":
    command()
