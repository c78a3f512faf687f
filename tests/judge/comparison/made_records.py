"""Records by hand: runs whose every figure is said."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from loadtests.judge.record import RunRecord
from loadtests.plan.model import Threshold
from loadtests.result.histogram import Histogram
from loadtests.result.window import COMPLETED_OK, DROPPED, FAILED, OFFERED, OK, RESPONSE_OK, Tally

FACTS = {"machine.cpu": '"a cpu"', "scenarios.api.load.rate": '"100/s"'}


def record(
    name: str = "r",
    *,
    at_ms: float = 20.0,
    failed: int = 0,
    answers: int = 1_000,
    dropped: int = 0,
    rate: float = 100.0,
    thresholds: Sequence[Threshold] = (),
    **changes: object,
) -> RunRecord:
    """A run of 10 s whose answers take 0.5 to 1.5 times `at_ms`, evenly."""
    times = np.round(np.linspace(0.5, 1.5, answers) * at_ms * 1_000).astype(np.int64)
    counters = {
        OFFERED: answers + failed + dropped,
        OK: answers,
        COMPLETED_OK: round(rate * 10),
        FAILED + "status_5xx": failed,
        DROPPED: dropped,
    }
    present = {key: number for key, number in counters.items() if number}
    made = Tally(present, {RESPONSE_OK: Histogram.of_us(times)} if answers else {})
    found = RunRecord(
        run_id=name,
        build=name.split("-")[0],
        started_at="2026-01-01T00:00:00+00:00",
        scenario="api",
        steady_s=10.0,
        operations={"get": made},
        total=made,
        connections=Tally(),
        thresholds=tuple(thresholds),
        facts=FACTS,
    )
    return replace(found, **changes)


def runs(*times_ms: float, name: str = "old", **changes: object) -> list[RunRecord]:
    """A run for each time."""
    return [record(f"{name}-{number}", at_ms=at_ms, **changes) for number, at_ms in enumerate(times_ms)]
