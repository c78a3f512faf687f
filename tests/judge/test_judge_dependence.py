"""What dependence costs is measured once on windows, and never understated afterwards."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.judge.dependence import MARKS, Dependence, dependence_of_counts, dependence_of_times
from loadtests.judge.quantiles import QuantileFigure, quantile_figure
from loadtests.judge.series import effective_samples
from loadtests.result.histogram import Histogram


def test_between_two_marks_the_smaller_worth_holds() -> None:
    """Beyond the outermost marks theirs holds; where all or none are hits, every request counts in full."""
    found = Dependence(((0.01, 0.5), (0.1, 0.2), (0.5, 0.9)))
    shares = (0.0, 0.001, 0.01, 0.05, 0.1, 0.3, 0.6, 1.0)
    assert [found.worth(share) for share in shares] == [1.0, 0.5, 0.5, 0.2, 0.2, 0.2, 0.9, 1.0]
    assert Dependence().worth(0.3) == 1.0


def test_at_a_mark_the_worth_is_that_of_the_windows() -> None:
    """Alternating blocks of fast and slow seconds: far fewer independent requests than there are."""
    seconds = [Histogram.of_us(np.full(100, 1_000 if second // 5 % 2 else 2_000)) for second in range(60)]
    found = dependence_of_times(seconds)
    hits, trials = np.array([0.0 if s // 5 % 2 else 100.0 for s in range(60)]), np.full(60, 100.0)
    assert found.marks == ((0.5, effective_samples(hits, trials) / 6_000),)
    assert found.worth(0.5) < 0.05


def test_independent_requests_are_worth_about_one_each() -> None:
    random = np.random.default_rng(7)
    found = dependence_of_times([Histogram.of_us(random.integers(1_000, 9_000, 200)) for _ in range(120)])
    assert len(found.marks) == len(MARKS)
    assert all(worth > 0.5 for _, worth in found.marks)


def test_times_that_were_never_recorded_have_no_marks() -> None:
    """Nor have those that are all the same, of which none is beyond another."""
    assert dependence_of_times([Histogram.empty()] * 3) == Dependence()
    assert dependence_of_times([Histogram.of_us(np.full(9, 1_000))] * 3) == Dependence()
    assert dependence_of_counts(np.zeros(3), np.zeros(3)) == Dependence()


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=2, max_size=20))
def test_a_share_by_count_keeps_exactly_the_worth_of_its_windows(rows: list[tuple[int, int]]) -> None:
    hits = np.array([hit for hit, _ in rows], np.float64)
    trials = hits + np.array([miss for _, miss in rows], np.float64)
    total = trials.sum()
    share = hits.sum() / total if total else 0.0
    expected = effective_samples(hits, trials) / total if 0.0 < share < 1.0 else 1.0
    assert dependence_of_counts(hits, trials).worth(share) == expected


@pytest.mark.parametrize("quantile", [0.5, 0.75, 0.95, 0.97])
def test_an_interval_of_merged_counts_is_no_narrower_than_that_of_their_windows(quantile: float) -> None:
    """On seconds that resemble their neighbours, at the marks and between them; on average over 20 runs."""
    random = np.random.default_rng(11)
    merged, whole = [], []
    for _ in range(20):
        seconds = resembling(random)
        known = quantile_figure([Histogram.merge(seconds)], quantile, dependence=dependence_of_times(seconds))
        merged.append(_width(known))
        whole.append(_width(quantile_figure(seconds, quantile)))
        assert known.observed == quantile_figure(seconds, quantile).observed
    assert np.mean(merged) >= 0.98 * np.mean(whole)


def test_an_interval_that_knows_no_dependence_is_too_narrow_there() -> None:
    """The check above can fail: the seconds do resemble each other."""
    seconds = resembling(np.random.default_rng(11))
    bare = quantile_figure([Histogram.merge(seconds)], 0.5, dependence=Dependence())
    assert _width(bare) < 0.6 * _width(quantile_figure(seconds, 0.5))


def resembling(random: np.random.Generator) -> list[Histogram]:
    """A minute of 50 requests a second around a level that wanders, log-normal with lag-1 correlation 0.7."""
    level, seconds = random.normal(0.0, 0.2), []
    for _ in range(60):
        level = 0.7 * level + math.sqrt(1.0 - 0.7**2) * random.normal(0.0, 0.2)
        times = 10_000 * np.exp(level + random.normal(0.0, 0.3, 50))
        seconds.append(Histogram.of_us(np.round(times).astype(np.int64)))
    return seconds


def _width(found: QuantileFigure) -> float:
    assert found.low is not None
    assert found.high is not None
    return math.log(found.high / found.low)
