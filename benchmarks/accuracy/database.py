"""`python -m benchmarks.accuracy.database`: what is reported of a PostgreSQL, beside what its statements truly took.

The truth of a sleeping statement is its law and what the server was late itself. Where statements wait for a lock, for
a server or for a connection, it is when each left the server, less when it was due. Exit codes as of
`benchmarks.accuracy`.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.behaviour import MS, S, Step, evenly
from benchmarks.accuracy.comparison import Row, latency_row
from benchmarks.accuracy.database_behaviour import DatabaseBehaviour
from benchmarks.accuracy.experiment import distrust_of, measure, truth_server
from benchmarks.accuracy.ledger import IntArray, Ledger, rank_value
from benchmarks.accuracy.one_by_one import case_command
from benchmarks.pauses import Strangers, watching
from benchmarks.quiet import BUSY_CORES, Moment, cores_taken_by_others
from loadtests.plan.profile import arrivals
from loadtests.result.run import ScenarioRun, pooled
from loadtests.result.rundir import read_run
from loadtests.result.window import OFFERED, OK, RECONNECTED, RESPONSE_OK, Tally

__all__ = ["CASES", "DatabaseCase", "Noted", "command", "plan_text"]

_WARMUP_NS = 2 * S
_QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
_POOL = 50
_EXPONENTIAL = tuple(Step(round(-np.log(1 - (rank + 0.5) / 41) * 5 * MS)) for rank in range(41))
"""Quantiles of an exponential law with a mean of 5 ms; 41 of them, so that no percentile lies between two."""
_STEADY = {"rate": "500/s", "duration": "8s", "max_in_flight": 5000}
_WITHIN_ACT = 0.05
_RECONNECT_NS = 100 * MS
_MODE = "AccessShareLock"
_LOCK_WAIT_NS = 100 * MS
"""No statement takes so much longer than its sleep but for the lock."""


@dataclass(frozen=True, slots=True)
class DatabaseCase:
    """`waits`: what statements wait for besides their sleep, so that the server's notes are the truth, not the law."""

    name: str
    sentence: str
    behaviour: DatabaseBehaviour
    load: Mapping[str, Any] = field(default_factory=lambda: _STEADY)
    pool: int = _POOL
    waits: bool = False


CASES = (
    DatabaseCase("constant", "every statement sleeps 5 ms; 500 a second", DatabaseBehaviour()),
    DatabaseCase(
        "bimodal",
        "one statement in 50 sleeps 100 ms, the others 5 ms",
        DatabaseBehaviour((Step(5 * MS, 49), Step(100 * MS, 1))),
    ),
    DatabaseCase("exponential", "sleeps by an exponential law with a mean of 5 ms", DatabaseBehaviour(_EXPONENTIAL)),
    DatabaseCase(
        "users",
        "ten users, each with a connection; statements of 20 ms",
        DatabaseBehaviour((Step(20 * MS),)),
        {"users": 10, "duration": "8s"},
        pool=10,
    ),
    DatabaseCase("errors", "one statement in 20 divides by zero", DatabaseBehaviour(error_every=20)),
    DatabaseCase(
        "one connection",
        "one connection; one statement in 50 sleeps 60 ms, and what is due meanwhile queues behind it",
        DatabaseBehaviour((Step(2 * MS, 49), Step(60 * MS, 1))),
        {"rate": "200/s", "duration": "8s", "max_in_flight": 5000},
        pool=1,
        waits=True,
    ),
    DatabaseCase(
        "lock",
        "the table is locked for 3 s: every statement due meanwhile waits to the end",
        DatabaseBehaviour(act="lock", after_ns=4 * S, length_ns=3 * S),
        {"rate": "500/s", "duration": "10s", "max_in_flight": 5000},
        waits=True,
    ),
    DatabaseCase(
        "restart",
        "the server is away for 1.5 s: what it was at is lost, what is due meanwhile waits for a connection",
        DatabaseBehaviour(act="restart", after_ns=4 * S, length_ns=1500 * MS),
        {"rate": "500/s", "duration": "10s", "max_in_flight": 5000},
        waits=True,
    ),
    DatabaseCase(
        "terminated",
        "all sessions are ended at once: what they were at is lost, and each is made anew",
        DatabaseBehaviour((Step(20 * MS),), act="terminate", after_ns=4 * S),
        waits=True,
    ),
)


def plan_text(case: DatabaseCase, dsn: str) -> str:
    """The plan file (JSON is YAML) that puts the server at `dsn` under the case's load."""
    scenario = {
        "driver": "database",
        "load": dict(case.load),
        "warmup": f"{_WARMUP_NS}ns",
        "timeout": "8s",
        "database": {"pool": case.pool, "reconnect": f"{_RECONNECT_NS}ns"},
        "operations": [{"name": "work", "sql": "SELECT work({{n}})"}],
        "data": {"n": {"sequence": "1..1000000"}},
        "thresholds": ["errors < 99%"],
    }
    return json.dumps({"version": 1, "target": {"database": dsn}, "scenarios": {"truth": scenario}})


@dataclass(frozen=True, slots=True)
class Noted:
    """What the server noted of each statement that it answered, by its number from 1, and of its act."""

    ledger: Ledger
    numbers: IntArray
    happened: Mapping[str, float]

    @classmethod
    def read(cls, ledger: Path) -> "Noted":
        """What the truth server wrote."""
        happened = json.loads(ledger.with_suffix(".json").read_text())
        return cls(Ledger.load(ledger), np.load(ledger.with_suffix(".numbers.npy")), happened)

    def responses_ns(self, due_ns: IntArray, begin_ns: int, end_ns: int) -> IntArray:
        """From when a statement was due until it left the server, of those due in [begin, end).

        The schedule's zero on the server's clock is where the promptest statement puts it.
        """
        due = due_ns[self.numbers - 1]
        zero = int((self.ledger.received_ns - due).min())
        within = (due >= begin_ns) & (due < end_ns)
        found: IntArray = (self.ledger.sent_ns - due - zero)[within]
        return found


def _experiment(case: DatabaseCase) -> list[Row]:
    before = Moment.now()
    with tempfile.TemporaryDirectory(prefix="accuracy-") as scratch:
        here = Path(scratch)
        ledger = here / "ledger.npz"
        with watching() as strangers, truth_server("database_server", case.behaviour.to_wire(), ledger):
            (here / "plan.yaml").write_text(plan_text(case, ledger.with_suffix(".dsn").read_text()))
            measure(here)
        noted = Noted.read(ledger)
        run = read_run(here / "run").scenarios[0]
        distrust = distrust_of(here / "run")
    others = cores_taken_by_others(before, Moment.now())
    rows = [*_counts(case, run, noted), *_times(case, run, noted, strangers), *_acts(case, run, noted)]
    return [replace(row, distrusted=bool(distrust), disturbed=others > BUSY_CORES) for row in rows]


def _counts(case: DatabaseCase, run: ScenarioRun, noted: Noted) -> Iterator[Row]:
    """Counts of the whole run, by arithmetic, and by what the server answered."""
    whole = Tally.merge(run.by_second(run.total_names()).values())
    answered, every = noted.ledger.count(), case.behaviour.error_every
    due = len(_due(run)) if "rate" in case.load else answered
    yield _count("offered", due, whole.count(OFFERED))
    yield _count("ok", answered, whole.count(OK))
    if every is not None:
        yield _count("division by zero", due // every, whole.failures.get("division_by_zero", 0))
    yield _count("failed", due - answered, whole.failed)


def _times(case: DatabaseCase, run: ScenarioRun, noted: Noted, strangers: Strangers) -> Iterator[Row]:
    begin_ns, end_ns = run.seconds().start * S, run.seconds().stop * S
    found = pooled(run.by_second(run.total_names()), run.seconds()).histogram(RESPONSE_OK)
    if case.waits:
        truth = noted.responses_ns(_due(run), begin_ns, end_ns)
        for name, quantile in (*_QUANTILES, ("max", 1.0)):
            yield latency_row(name, rank_value(truth, quantile), quantile, found=found, strangers=strangers)
        return
    law = np.array(evenly(case.behaviour.steps))
    for name, quantile in _QUANTILES:
        late_ns = noted.ledger.own_error_ns(quantile, after_ns=_WARMUP_NS)
        yield latency_row(name, rank_value(law, quantile) + late_ns, quantile, found=found, strangers=strangers)


def _acts(case: DatabaseCase, run: ScenarioRun, noted: Noted) -> Iterable[Row]:
    """What happened once, to all: how long it lasted, and to how many connections."""
    act = case.behaviour.act
    if act is None:
        return
    longest_us = pooled(run.by_second(run.total_names()), run.seconds()).histogram(RESPONSE_OK).max_us
    longest = None if longest_us is None else longest_us * 1e3
    if act == "lock":
        lasted = noted.happened["lock_ns"]
        yield Row("longest wait beside the lock", "ns", lasted, longest, _WITHIN_ACT * lasted)
        yield from _lock_waits(run, noted)
        return
    connections = Tally.merge(run.connections_by_second().values())
    yield _count("connections lost", case.pool, sum(connections.lost_connections.values()))
    yield _count("connections made anew", case.pool, connections.count(RECONNECTED))
    if act == "restart":
        lasted = noted.happened["restart_ns"]
        yield Row("longest wait beside the outage", "ns", lasted, longest, _WITHIN_ACT * lasted + 2 * _RECONNECT_NS)


def _lock_waits(run: ScenarioRun, noted: Noted) -> Iterator[Row]:
    """What the suite saw of the database itself: how many sessions waited for the lock, and how long."""
    waited = noted.ledger.sent_ns - noted.ledger.due_ns
    waited = waited[waited > _LOCK_WAIT_NS]
    told = [sample.values for sample in run.resources if f"lock_waits.{_MODE}" in sample.values]
    number = round(sum(values[f"lock_waits.{_MODE}"] for values in told))
    total_ns = sum(values[f"lock_wait_total_s.{_MODE}"] for values in told) * S
    longest_ns = max((values[f"lock_wait_max_s.{_MODE}"] * S for values in told), default=None)
    mean, longest = float(waited.mean()), float(waited.max())
    yield _count("sessions that waited for the lock", len(waited), number)
    yield Row("mean lock wait", "ns", mean, total_ns / number if number else None, _WITHIN_ACT * mean)
    yield Row("longest lock wait", "ns", longest, longest_ns, _WITHIN_ACT * longest)


def _due(run: ScenarioRun) -> IntArray:
    """When each execution of the schedule was due, ns after the start."""
    return np.concatenate([chunk.due_ns for chunk in arrivals(run.scenario)])


def _count(quantity: str, truth: int, reported: int) -> Row:
    return Row(quantity, "count", truth, reported, 0)


command = case_command(
    "benchmarks.accuracy.database",
    CASES,
    _experiment,
    about="Compare what the suite reports of a database with a server that notes what it does.",
    section="Accuracy of databases",
)

if __name__ == "__main__":
    command()
