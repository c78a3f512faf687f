"""By build, counts are merged, never percentiles averaged; the runs' own differences make the interval."""

import math

import numpy as np
import pytest
from kept_runs import kept

from loadtests.history.address import Address
from loadtests.history.builds import spread_of
from loadtests.history.listing import read_trend
from loadtests.history.store import History, Selection
from loadtests.judge.quantiles import QuantileFigure
from loadtests.report.trend import page_of_trend
from loadtests.result.histogram import Histogram
from loadtests.result.window import RESPONSE_OK

API = Selection(scenario="api")


def figure(observed: float, *, low: float | None = None, high: float | None = None) -> QuantileFigure:
    return QuantileFigure(observed, low, high)


def test_a_build_is_the_merged_counts_of_its_runs(address: Address) -> None:
    """Its percentile is that of all answers together, which no average of the runs' percentiles is."""
    history = History.open(address)
    runs = [kept(number=n, build="1.0", middle_us=middle) for n, middle in enumerate((4_000, 5_000, 9_000))]
    for one in (*runs, kept(number=3, build="1.1")):
        history.add(one)
    first, second = read_trend(history, API, builds=True).points
    together = Histogram.merge(one.scenarios[0].total.steady.histogram(RESPONSE_OK) for one in runs)
    assert (first.build, first.runs, first.ok) == ("1.0", 3, 1_500)
    assert {label: found.observed for label, found in first.quantiles.items()} == {
        "p50": together.quantile_us(0.5) * 1e3,
        "p95": together.quantile_us(0.95) * 1e3,
        "p99": together.quantile_us(0.99) * 1e3,
    }
    assert first.quantiles["p50"].low < 4e6 < 8e6 < first.quantiles["p50"].high
    assert second == read_trend(history, API).points[-1]
    assert page_of_trend(read_trend(history, API, builds=True)).headline.startswith("4 runs, merged by build into 2")


def test_an_invalid_run_has_no_part_in_its_build(file: Address) -> None:
    """It says nothing about the target; runs made differently are points of their own."""
    history = History.open(file)
    history.add(kept(number=0, build="1.0"))
    history.add(kept(number=1, build="1.0", middle_us=50_000, status="interrupted"))
    history.add(kept(number=2, build="1.0", rate=60))
    points = read_trend(history, API, builds=True).points
    assert [(point.runs, point.ok) for point in points] == [(1, 500), (1, 500)]
    assert points[0].quantiles["p99"].observed < 20e6


def test_the_interval_of_a_build_covers_the_level_as_often_as_it_says() -> None:
    """Four runs around a level, 2,000 times: each bound misses it in 5% of them."""
    random = np.random.default_rng(5)
    logs = random.normal(0.0, 0.1, (2_000, 4))
    means = np.exp(logs.mean(axis=1))
    factors = np.array([spread_of([figure(math.exp(value)) for value in row]) for row in logs])
    assert np.mean(means / factors > 1.0) == pytest.approx(0.05, abs=0.015)
    assert np.mean(means * factors < 1.0) == pytest.approx(0.05, abs=0.015)


def test_two_runs_that_agree_by_chance_are_no_surer_than_their_own_bounds() -> None:
    """Equal figures, each known to a factor of 1.21: together to its root of two."""
    found = spread_of([figure(5e6, low=5e6 / 1.21, high=5e6 * 1.21)] * 2)
    assert found == pytest.approx(1.21 ** (1 / math.sqrt(2)))
