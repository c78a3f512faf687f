"""How much a figure of a single run would vary, had its seconds come otherwise: moving-block bootstrap over windows.

This is what can be known from one run. It says nothing of how the next run would differ, which is usually more.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtests.judge.comparison.metrics import Metric, Shares
from loadtests.judge.record import RunRecord
from loadtests.judge.series import (
    FEWEST_WINDOWS,
    block_freedom,
    block_length,
    block_weights,
    blocks_miss,
    effective_samples,
)
from loadtests.result.histogram import Histogram, highest_equivalent_us, lowest_equivalent_us
from loadtests.result.run import ScenarioRun
from loadtests.result.window import Tally

__all__ = ["Spread", "log_spread", "quantile_resamples", "worth"]

_RESAMPLES = 400
_GRID = np.concatenate([np.linspace(0.005, 0.99, 198), 1.0 - np.geomspace(0.009, 0.0001, 40), [1.0]])
"""Shares of the answers at which columns end: finer where the slowest are."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spread:
    """The variance of one run's figure, with the degrees of freedom it is known by."""

    variance: float
    freedom: float


def log_spread(metric: Metric, record: RunRecord) -> Spread | None:
    """The variance of the logarithm of a time or a rate; `None` without windows, or with too few."""
    tallies = _tallies(metric, record)
    if metric.kind == "rate":
        rows = np.array([metric.completed(tally) for tally in tallies], np.float64)
        if rows.size < FEWEST_WINDOWS or not rows.all():
            return None
        resampled, blocks = _resampled(rows[:, None], rows - rows.mean())
        return _spread(np.log(resampled[:, 0]), blocks)
    if metric.quantile is None:
        return None
    histograms = [tally.histogram(metric.histogram) for tally in tallies]
    found = quantile_resamples([each for each in histograms if each.total], np.array([metric.quantile]))
    return None if found is None else _spread(np.log(found.times_us[:, 0]), found.blocks)


def worth(metric: Metric, record: RunRecord) -> Shares:
    """The record's (hits, trials) of a share as independent ones, by its windows; as counted where there are none."""
    hits, trials = metric.shares(metric.tally(record))
    rows = np.array([metric.shares(tally) for tally in _tallies(metric, record)], np.float64).reshape(-1, 2)
    if rows.shape[0] < FEWEST_WINDOWS or not trials:
        return hits, trials
    part = effective_samples(rows[:, 0], rows[:, 1]) / trials
    return hits * part, trials * part


@dataclass(frozen=True, slots=True)
class _Blocks:
    """`rows` seconds taken in blocks of `length`, which do not see the part `missed` of the variance."""

    rows: int
    length: int
    missed: float


@dataclass(frozen=True, slots=True)
class Resamples:
    """Quantiles of resampled runs, (resamples, quantiles), in µs."""

    times_us: Floats
    blocks: _Blocks


def quantile_resamples(seconds: list[Histogram], quantiles: Floats) -> Resamples | None:
    """Quantiles of runs resampled by blocks of seconds; `None` for fewer than five seconds with answers."""
    if len(seconds) < FEWEST_WINDOWS:
        return None
    counts, edges = _dense(seconds)
    running = np.cumsum(counts.sum(axis=0))
    middle = int(np.searchsorted(running, quantiles[quantiles.size // 2] * running[-1]))
    hits, trials = counts[:, middle + 1 :].sum(axis=1), counts.sum(axis=1)
    resampled, blocks = _resampled(counts, hits - float(hits.sum() / trials.sum()) * trials)
    return Resamples(_quantiles(resampled, edges, quantiles), blocks)


def _tallies(metric: Metric, record: RunRecord) -> list[Tally]:
    run = record.windows
    if run is None or metric.source == "connections":
        return []
    names = run.total_names() if metric.operation is None else [metric.operation]
    return _in(run, run.by_second(names))


def _in(run: ScenarioRun, tallies: dict[int, Tally]) -> list[Tally]:
    return [tallies.get(second, Tally()) for second in run.seconds()]


def _resampled(counts: Floats, residuals: Floats) -> tuple[Floats, _Blocks]:
    """`weights @ counts` by blocks as long as the residuals of the seconds ask for."""
    rows, length = counts.shape[0], block_length(residuals)
    blocks = _Blocks(rows, length, blocks_miss(residuals, length))
    return block_weights(rows, length, resamples=_RESAMPLES) @ counts, blocks


def _dense(seconds: list[Histogram]) -> tuple[Floats, Floats]:
    """Counts (seconds, columns) and the columns' edges in µs; each column holds about as much as `_GRID` says."""
    pooled = Histogram.merge(seconds)
    running = np.cumsum(pooled.counts)
    ends = np.unique(np.searchsorted(running, _GRID * running[-1]))  # positions of the last counter of each column
    counts = np.zeros((len(seconds), ends.size))
    for row, each in zip(counts, seconds, strict=True):
        columns = np.searchsorted(pooled.indices[ends], each.indices)
        row += np.bincount(columns, weights=each.counts, minlength=ends.size)
    first = np.concatenate([[0], ends[:-1] + 1])
    lowest = lowest_equivalent_us(pooled.indices[first].astype(np.int64)).astype(np.float64)
    last = highest_equivalent_us(pooled.indices[-1:].astype(np.int64)) + 1.0
    return counts, np.concatenate([lowest, last])


def _quantiles(counts: Floats, edges: Floats, quantiles: Floats) -> Floats:
    """The quantiles of each row, (rows, quantiles), evenly spread within a bin."""
    running = np.cumsum(counts, axis=1)
    found = np.empty((counts.shape[0], quantiles.size))
    for column, quantile in enumerate(quantiles):
        rank = quantile * running[:, -1]
        bins = (running < rank[:, None]).sum(axis=1)
        inside = np.take_along_axis(counts, bins[:, None], axis=1)[:, 0]
        before = np.take_along_axis(running, bins[:, None], axis=1)[:, 0] - inside
        part = (rank - before) / inside
        found[:, column] = np.maximum(1.0, edges[bins] + part * (edges[bins + 1] - edges[bins]))
    return found


def _spread(logs: Floats, blocks: _Blocks) -> Spread:
    """Widened for what blocks take away: about length / rows by where they may start, and what they do not see."""
    variance = float(logs.var(ddof=1)) * blocks.rows / (blocks.rows - blocks.length) / (1.0 - blocks.missed)
    return Spread(variance, block_freedom(blocks.rows, blocks.length))
