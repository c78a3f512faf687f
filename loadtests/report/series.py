"""The run over time: warm-up included, in some hundred steps at most.

All courses of a scenario share these steps, so whatever happened at once stands above itself.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from loadtests.report.chart import Unit
from loadtests.report.page import Gauge, Generator, Series
from loadtests.result.histogram import Histogram
from loadtests.result.run import ScenarioRun
from loadtests.result.window import (
    COMPLETED_FAILED,
    COMPLETED_OK,
    DROPPED,
    DROPPED_AT,
    FAILED,
    OFFERED,
    OK,
    RESPONSE_OK,
    Tally,
)

__all__ = ["GAUGES", "Steps", "operation_p99s", "series", "steps_of"]

_MOST_STEPS = 600
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}
_PEAKS = frozenset({"memory_bytes", "machine_memory", "queued"})

GAUGES: Mapping[str, tuple[str, Unit, float]] = {
    "cpu": ("CPU, share of one instance", "ratio", 1.0),
    "memory_bytes": ("memory", "bytes", 1.0),
    "pool": ("pool in use", "ratio", 1.0),
    "machine_cpu": ("CPU of the whole machine", "ratio", 1.0),
    "machine_memory": ("memory in use on the machine", "ratio", 1.0),
    "lock_wait_s": ("lock wait", "ms", 1e3),
    "queued": ("executions in the queue", "number", 1.0),
    "running": ("executions running", "number", 1.0),
}
"""What is sampled of the target and of this machine, by recorded name: its words, its unit, and the factor to that."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Consecutive stretches of `step_s` seconds from the start of a run."""

    step_s: int
    starts: range

    def parts(self, by_second: Mapping[int, Tally]) -> list[list[Tally]]:
        """The tallies of each step; none where no window speaks of it."""
        return [
            [by_second[second] for second in range(start, start + self.step_s) if second in by_second]
            for start in self.starts
        ]

    def means(self, at: Iterable[tuple[float, float]], *, peaks: bool = False) -> tuple[float | None, ...]:
        """The mean (or the highest) of the (second, value) pairs that fall in each step."""
        found: list[list[float]] = [[] for _ in self.starts]
        for second, value in at:
            step = math.floor(second / self.step_s)
            if 0 <= step < len(found) and math.isfinite(value):
                found[step].append(value)
        reduce = max if peaks else _mean
        return tuple(reduce(values) if values else None for values in found)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def steps_of(run: ScenarioRun, *, most: int = _MOST_STEPS) -> Steps:
    """One second a step, or as many as it takes to have at most `most` of them."""
    length = len(run.recorded_seconds())
    step = max(1, -(-length // most))
    return Steps(step, range(0, length, step))


def series(run: ScenarioRun) -> Series:
    """Rates, response times, failures by kind, the target's gauges and the generator's, step by step."""
    steps = steps_of(run)
    parts = steps.parts(run.by_second(run.total_names()))
    quantiles = [_quantiles(found) for found in parts]
    counts = [_counts(found) for found in parts]
    kinds = sorted({name for found in counts for name in found or () if name.startswith(FAILED)})
    return Series(
        step_s=steps.step_s,
        second=tuple(steps.starts),
        offered=_rates(counts, OFFERED, steps),
        ok=_rates(counts, COMPLETED_OK, steps),
        failed=_rates(counts, COMPLETED_FAILED, steps),
        dropped=_rates(counts, DROPPED, steps),
        failures={kind[len(FAILED) :]: _rates(counts, kind, steps) for kind in kinds},
        p50_ms=_column(quantiles, "p50"),
        p90_ms=_column(quantiles, "p90"),
        p95_ms=_column(quantiles, "p95"),
        p99_ms=_column(quantiles, "p99"),
        max_ms=_column(quantiles, "max"),
        gauges=tuple(_gauges(run, steps)),
        generator=_generator(run, steps),
        open_connections=_open_connections(run, steps) if run.holds_connections else (),
    )


def operation_p99s(run: ScenarioRun, names: Iterable[str]) -> dict[str, tuple[float | None, ...]]:
    """The p99 of each operation's OK answers in ms, step by step."""
    steps = steps_of(run)
    found = {name: steps.parts(run.by_second([name])) for name in names}
    return {name: _column([_quantiles(part) for part in parts], "p99") for name, parts in found.items()}


def _counts(tallies: Sequence[Tally]) -> Counter[str] | None:
    if not tallies:
        return None
    found: Counter[str] = Counter()
    for tally in tallies:
        found.update(tally.counters)
    return found


def _rates(counts: Sequence[Counter[str] | None], name: str, steps: Steps) -> tuple[float | None, ...]:
    return tuple(None if found is None else found[name] / steps.step_s for found in counts)


def _quantiles(tallies: Sequence[Tally]) -> dict[str, float] | None:
    """Those of the step's OK answers in ms; none where there was no answer."""
    merged = Histogram.merge(tally.histogram(RESPONSE_OK) for tally in tallies)
    values = merged.quantiles_us(_QUANTILES.values())
    return None if values is None else {name: us / 1e3 for name, us in zip(_QUANTILES, values, strict=True)}


def _column(rows: Sequence[Mapping[str, float] | None], name: str) -> tuple[float | None, ...]:
    return tuple(None if row is None else row[name] for row in rows)


def _gauges(run: ScenarioRun, steps: Steps) -> Iterable[Gauge]:
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for sample in run.resources:
        if sample.source == "database":  # what it says of itself is its block's affair
            continue
        for name, value in sample.values.items():
            found.setdefault((sample.source, name), []).append((sample.at_s, value))
    for source, name in sorted(found, key=lambda key: (key[0] != "target", key)):
        label, unit, scale = GAUGES.get(name, (name, "number", 1.0))
        scaled = ((second, value * scale) for second, value in found[source, name])
        yield Gauge(source, name, label, unit, steps.means(scaled, peaks=name in _PEAKS))


def _generator(run: ScenarioRun, steps: Steps) -> Generator:
    """The worst engine process of each step."""
    cpu: list[tuple[float, float]] = []
    flying: dict[int, float] = {}
    for window in run.windows:
        tally = window.generator
        elapsed = tally.count("elapsed_ns")
        if elapsed:
            cpu.append((window.second, tally.count("cpu_ns") / elapsed))
        if "in_flight" in tally.counters:
            flying[window.second] = flying.get(window.second, 0) + tally.count("in_flight")
    by_second = run.generator_by_second()
    parts = [
        [tally for second in range(start, start + steps.step_s) for tally in by_second.get(second, ())]
        for start in steps.starts
    ]
    return Generator(
        cpu=steps.means(cpu, peaks=True),
        in_flight=steps.means(flying.items(), peaks=True),
        lag_p99_ms=_times(parts, "start lag", lambda found: found.quantile_us(0.99)),
        loop_lag_max_ms=_times(parts, "loop lag", lambda found: found.max_us),
        gc_pause_max_ms=_times(parts, "gc pause", lambda found: found.max_us),
    )


def _times(
    parts: Sequence[Sequence[Tally]], name: str, pick: Callable[[Histogram], int | None]
) -> tuple[float | None, ...]:
    found = (pick(Histogram.merge(tally.histogram(name) for tally in tallies)) for tallies in parts)
    return tuple(None if value is None else value / 1e3 for value in found)


def _open_connections(run: ScenarioRun, steps: Steps) -> tuple[int, ...]:
    """Established less dropped, at the end of each step; an attempt counts from the second in which it was due."""
    now, found = 0, []
    for tallies in steps.parts(run.connections_by_second()):
        now += sum(tally.count(OK) - tally.count(DROPPED_AT) for tally in tallies)
        found.append(now)
    return tuple(found)
