"""An hour of twenty operations as it lies on disk, and what reading, judging and rendering it takes, in one process.

python -m benchmarks.cost.hour RUN    prints JSON: CPU seconds of each part, peak of resident memory in MB
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from loadtests.judge.judgement import judge_run
from loadtests.plan.loader import load_plan
from loadtests.report import FORMATS, USUAL, page_of
from loadtests.result.histogram import Histogram
from loadtests.result.run import Environment, ProcessEnd, ResourceSample
from loadtests.result.rundir import RunWriter, read_run
from loadtests.result.window import Tally, Window

SECONDS = 3600
OPERATIONS = 20
PER_SECOND = 50
_DISTINCT = 97
"""Seconds that differ; more of them would only take longer to make."""

Made = TypeVar("Made")

_PLAN = f"""
version: 1
scenarios:
  api:
    driver: "null"
    load: {{rate: {OPERATIONS * PER_SECOND}/s, duration: 1h}}
    warmup: 10s
    operations: [{", ".join(f"{{name: operation {number}, law: 5ms}}" for number in range(OPERATIONS))}]
    thresholds: [p50 < 200ms, p95 < 1s, p99 < 2s, errors < 1%, throughput >= 990/s, "operation 3: p99 < 3s", drops < 1%]
"""


def write(directory: Path) -> Path:
    """The run in a new directory."""
    plan_file = directory / "plan.yaml"
    plan_file.write_text(_PLAN, encoding="utf-8")
    plan, run = load_plan(plan_file), directory / "hour"
    random = np.random.default_rng(1)
    seconds = [_second(random) for _ in range(_DISTINCT)]
    with RunWriter.create(run, plan, run_id="hour", build="b", environment=Environment({}, {})) as writer:
        writer.begin_scenario("api", 1, started_at="2030-01-01T00:00:00+00:00")
        for second in range(SECONDS):
            operations, generator = seconds[second % _DISTINCT]
            writer.window(Window("api", "0", second, second, operations, generator))
            gauges = {"cpu": 0.4, "memory_bytes": 2e8, "pool": 0.3}
            writer.resource(ResourceSample("api", second + 0.5, "target", gauges))
        writer.end_scenario(
            "api", "complete", ended_s=float(SECONDS), processes=[ProcessEnd("0", clean=True, windows=SECONDS)]
        )
        writer.finish("complete")
    return run


def _second(random: np.random.Generator) -> tuple[dict[str, Tally], Tally]:
    operations = {}
    for number in range(OPERATIONS):
        us = random.lognormal(8.5, 0.5, PER_SECOND).astype(np.int64) + 1
        histograms = {"response.ok": Histogram.of_us(us), "service.ok": Histogram.of_us(np.maximum(us - 100, 1))}
        counters = {"offered": PER_SECOND, "ok": PER_SECOND, "completed.ok": PER_SECOND}
        operations[f"operation {number}"] = Tally(counters, histograms)
    counters = {"cpu_ns": 3 * 10**8, "elapsed_ns": 10**9, "rss_bytes": 10**8, "in_flight": 3}
    lag = Histogram.of_us(random.integers(10, 300, OPERATIONS * PER_SECOND))
    return operations, Tally(counters, {"start lag": lag, "loop lag": Histogram.of_us(random.integers(10, 900, 20))})


def main(run: Path) -> None:
    """Read, judge and render the run, and print what it took."""
    spent: dict[str, float] = {}

    def timed(part: str, work: Callable[[], Made]) -> Made:
        began = time.process_time()
        made = work()
        spent[part] = round(time.process_time() - began, 3)
        return made

    found = timed("read", lambda: read_run(run))
    verdict = timed("judge", lambda: judge_run(found))
    page = timed("compose", lambda: page_of(verdict))
    timed("render", lambda: [FORMATS[name].render(page) for name in USUAL])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({"seconds": spent, "peak_mb": round(peak)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
