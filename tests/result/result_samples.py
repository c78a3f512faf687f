"""Builders and strategies shared by the tests of the result room."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from loadtests.law import parse_law
from loadtests.plan.loader import plan_from_document
from loadtests.plan.model import OpenLoad, Plan, Scenario, Stage
from loadtests.plan.protocol.null import NullOperation
from loadtests.result.histogram import COUNTERS, HIGHEST_US, Histogram
from loadtests.result.run import Environment
from loadtests.result.rundir import RunWriter
from loadtests.result.window import Tally, Window

STARTED = "2026-11-23T08:30:00.000+00:00"
ENVIRONMENT = Environment({"cpu": "a cpu", "cores": 2, "memory_bytes": 2**33}, {"python": "CPython 3.11.7"})

values_us = st.lists(st.integers(1, HIGHEST_US), max_size=40).map(lambda found: np.array(found, np.int64))
histograms = values_us.map(Histogram.of_us)
names = st.text(min_size=1, max_size=8)
counters = st.dictionaries(st.sampled_from(["offered", "ok", "failed.timeout", "dropped"]), st.integers(0, 2**50))
filled = values_us.filter(lambda found: found.size).map(Histogram.of_us)
tallies = st.builds(Tally, counters, st.dictionaries(st.sampled_from(["response.ok", "first byte", "a,b/c"]), filled))


@st.composite
def dense_counts(draw: st.DrawFn) -> Histogram:
    """Histograms by index and count, runs and gaps of any length, counts up to what the format holds."""
    indices = draw(st.lists(st.integers(0, COUNTERS - 1), unique=True, max_size=30))
    counts = draw(st.lists(st.integers(1, 2**54), min_size=len(indices), max_size=len(indices)))
    return Histogram(np.array(sorted(indices), np.int32), np.array(counts, np.int64))


def windows_of(scenario: str) -> st.SearchStrategy[list[Window]]:
    """Windows of one process, numbered from 0."""
    one = st.tuples(st.integers(0, 60), st.dictionaries(names, tallies, max_size=3), tallies)
    return st.lists(one, max_size=5).map(
        lambda found: [Window(scenario, "0", n, second, ops, own) for n, (second, ops, own) in enumerate(found)]
    )


def histogram(*values: int) -> Histogram:
    """A histogram of these µs."""
    return Histogram.of_us(np.array(values, np.int64))


def scenario(name: str = "api", *, operations: Iterable[str] = ("health",), seconds: int = 10) -> Scenario:
    """A null scenario at 10/s."""
    return Scenario(
        name=name,
        driver="null",
        load=OpenLoad((Stage(10.0, seconds * 10**9, ramp=False),)),
        operations=tuple(NullOperation(each, parse_law("5ms")) for each in operations),
    )


def document(*names: str, operations: Iterable[str] = ("health",)) -> dict[str, object]:
    """The plan document that `plan` stands for."""
    listed = [{"name": each, "law": "5ms"} for each in operations]
    one = {"driver": "null", "load": {"rate": "10/s", "duration": "10s"}, "operations": listed}
    return {"version": 1, "target": {}, "scenarios": {name: dict(one) for name in names}}


def plan(*names: str, operations: Iterable[str] = ("health",), secrets: tuple[str, ...] = ()) -> Plan:
    """A plan of null scenarios."""
    made = plan_from_document(document(*names, operations=operations), source="a test")
    return replace(made, secrets=secrets)


def writer(directory: Path, *names: str, secrets: tuple[str, ...] = ()) -> RunWriter:
    """A writer whose scenarios have all begun."""
    names = names or ("api",)
    made = RunWriter.create(
        directory, plan(*names, secrets=secrets), run_id="a-run", build="b1", environment=ENVIRONMENT
    )
    for name in names:
        made.begin_scenario(name, 1, started_at=STARTED)
    return made


def window(sequence: int = 0, *, second: int | None = None, scenario: str = "api", **tallies: Tally) -> Window:
    """A window of process 0; without tallies, one answer of 5 ms."""
    operations: Mapping[str, Tally] = tallies or {"health": Tally({"offered": 1}, {"response.ok": histogram(5000)})}
    own = Tally({"cpu_ns": 1}, {"start lag": histogram(40)})
    return Window(scenario, "0", sequence, sequence if second is None else second, operations, own)
