"""How response times are spread: over the quantiles, and over time and length at once."""

import math
from collections.abc import Sequence

import numpy as np

from loadtests.report.page import Curve, Spread
from loadtests.report.series import steps_of
from loadtests.result.histogram import Histogram, highest_equivalent_us
from loadtests.result.run import ScenarioRun
from loadtests.result.window import RESPONSE_FAILED, RESPONSE_OK, SERVICE_OK

__all__ = ["curves", "spread"]

_MOST_COLUMNS = 150
_PER_DECADE = 10
_PER_NINE = 16


def curves(run: ScenarioRun) -> tuple[Curve, ...]:
    """Response times of OK answers, service times, and all outcomes where any failed, over the steady interval."""
    tally = run.steady(run.total_names())
    response, failed = tally.histogram(RESPONSE_OK), tally.histogram(RESPONSE_FAILED)
    named = [("response time", response), ("service time", tally.histogram(SERVICE_OK))]
    if failed.total:
        named.append(("response time, OK and failed", Histogram.merge([response, failed])))
    return tuple(Curve(name, *_curve(found)) for name, found in named if found.total)


def _curve(histogram: Histogram) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(quantiles, ms), evenly spaced in nines, and the longest answer of all at the end."""
    total = histogram.total
    steps = range(math.floor(math.log10(total) * _PER_NINE) + 1)
    quantiles = [*(1.0 - 10.0 ** -(step / _PER_NINE) for step in steps), 1.0 - 0.5 / total]
    values = histogram.quantiles_us(quantiles) or ()
    return tuple(quantiles), tuple(us / 1e3 for us in values)


def spread(run: ScenarioRun) -> Spread | None:
    """OK answers by when they were due and how long they took, in tenths of a decade; none without an answer."""
    steps = steps_of(run, most=_MOST_COLUMNS)
    parts = steps.parts(run.by_second(run.total_names()))
    columns = [Histogram.merge(tally.histogram(RESPONSE_OK) for tally in found) for found in parts]
    present = [found for found in columns if found.total]
    if not present:
        return None
    edges = _edges(min(found.min_us or 0 for found in present), max(found.max_us or 0 for found in present))
    counts = tuple(_counted(found, edges) for found in columns)
    return Spread(steps.step_s, tuple(steps.starts), tuple(edge / 1e3 for edge in edges), counts)


def _edges(lowest_us: int, highest_us: int) -> list[float]:
    first = math.floor(math.log10(max(1, lowest_us)) * _PER_DECADE)
    last = math.floor(math.log10(max(1, highest_us)) * _PER_DECADE) + 1
    return [10.0 ** (step / _PER_DECADE) for step in range(first, last + 1)]


def _counted(histogram: Histogram, edges: Sequence[float]) -> tuple[int, ...]:
    values = highest_equivalent_us(histogram.indices.astype(np.int64))
    rows = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    dense = np.zeros(len(edges) - 1, np.int64)
    np.add.at(dense, rows, histogram.counts)
    return tuple(dense.tolist())
