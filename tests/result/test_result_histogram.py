"""Histograms count what HdrHistogram counts, and merge exactly."""

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import example, given, settings
from hypothesis import strategies as st
from result_samples import histogram, histograms, values_us

from loadtests.result.histogram import (
    COUNTERS,
    HIGHEST_US,
    Histogram,
    highest_equivalent_us,
    index_of,
    lowest_equivalent_us,
)


def theirs(values: np.ndarray) -> HdrHistogram:
    reference = HdrHistogram(1, HIGHEST_US, 3)
    for value in values.tolist():
        assert reference.record_value(value)
    return reference


@given(histograms, histograms, histograms)
def test_merging_is_associative(a: Histogram, b: Histogram, c: Histogram) -> None:
    merge = Histogram.merge
    assert merge([merge([a, b]), c]) == merge([a, merge([b, c])]) == merge([a, b, c])


@given(histograms, histograms)
def test_merging_is_commutative(a: Histogram, b: Histogram) -> None:
    assert Histogram.merge([a, b]) == Histogram.merge([b, a])


@given(histograms)
def test_the_empty_histogram_is_neutral(a: Histogram) -> None:
    empty = Histogram.empty()
    assert Histogram.merge([a, empty]) == Histogram.merge([empty, a]) == Histogram.merge([a]) == a


@given(st.lists(values_us, max_size=6))
def test_merging_parts_equals_counting_everything_at_once(parts: list[np.ndarray]) -> None:
    whole = np.concatenate([np.empty(0, np.int64), *parts])
    assert Histogram.merge(map(Histogram.of_us, parts)) == Histogram.of_us(whole)


def test_merging_more_parts_than_are_added_in_one_go_loses_none() -> None:
    parts = [histogram(value, 7) for value in range(1, 1001)]
    merged = Histogram.merge(parts)
    assert merged.total == 2000
    assert merged.counts[merged.indices == 7] == 1001


def test_merging_nothing_is_empty() -> None:
    assert Histogram.merge([]) == Histogram.empty()


def test_merging_adds_up_what_was_clamped() -> None:
    outside = Histogram.of_us(np.array([0, HIGHEST_US + 1, 5]))
    assert outside.clamped == 2
    assert Histogram.merge([outside, histogram(5), outside]).clamped == 4


def test_counters_follow_each_other_without_gap_or_overlap_over_the_whole_range() -> None:
    """Every counter begins where the one before it ends, and the last holds one hour."""
    every = np.arange(COUNTERS, dtype=np.int64)
    lowest, highest = lowest_equivalent_us(every), highest_equivalent_us(every)
    assert lowest[0] == 0
    assert np.array_equal(lowest[1:], highest[:-1] + 1)
    assert np.array_equal(index_of(lowest), every)
    assert np.array_equal(index_of(highest), every)
    assert lowest[-1] <= 2**32 - 1 == highest[-1]
    assert index_of(np.array([HIGHEST_US]))[0] < COUNTERS


@given(st.integers(1, HIGHEST_US))
@example(1)
@example(2047)
@example(2048)
@example(4095)
@example(HIGHEST_US)
def test_a_counter_holds_its_value_to_within_a_thousandth(value: int) -> None:
    index = index_of(np.array([value]))
    low, high = int(lowest_equivalent_us(index)[0]), int(highest_equivalent_us(index)[0])
    assert low <= value <= high
    assert high - low < value / 1000


@given(st.lists(st.integers(1, HIGHEST_US), min_size=2, max_size=50))
def test_a_larger_value_never_has_a_smaller_index(values: list[int]) -> None:
    assert np.all(np.diff(index_of(np.array(sorted(values)))) >= 0)


@settings(max_examples=40)
@given(values_us)
def test_counts_minimum_maximum_and_mean_are_those_of_the_reference_library(values: np.ndarray) -> None:
    ours, reference = Histogram.of_us(values), theirs(values)
    assert ours.total == reference.get_total_count()
    if not values.size:
        assert (ours.min_us, ours.max_us, ours.mean_us, ours.quantile_us(0.5)) == (None, None, None, None)
        return
    assert ours.min_us == reference.get_min_value()
    assert ours.max_us == reference.get_max_value()
    assert ours.mean_us == pytest.approx(reference.get_mean_value(), rel=1e-12)
    assert np.flatnonzero(np.frombuffer(reference.counts, np.int64)).tolist() == ours.indices.tolist()


@pytest.mark.parametrize("quantile", [0.001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0])
@pytest.mark.parametrize("size", [1, 2, 10, 59, 100, 299, 500, 1000, 3001])
def test_quantiles_are_those_of_the_reference_library(quantile: float, size: int) -> None:
    values = np.random.default_rng(size).lognormal(8, 1.5, size).astype(np.int64) + 1
    assert Histogram.of_us(values).quantile_us(quantile) == theirs(values).get_value_at_percentile(quantile * 100)


def test_the_quantile_zero_is_the_smallest_observation() -> None:
    assert histogram(7, 8, 9).quantile_us(0.0) == 7


@pytest.mark.parametrize(
    ("values", "kept", "clamped"),
    [
        pytest.param([0], [1], 1, id="zero counts as 1 µs"),
        pytest.param([-5, 3], [1, 3], 1, id="a negative time counts as 1 µs"),
        pytest.param([HIGHEST_US], [HIGHEST_US], 0, id="one hour is inside"),
        pytest.param([HIGHEST_US + 1, 2**62], [HIGHEST_US, HIGHEST_US], 2, id="more than an hour counts as one hour"),
    ],
)
def test_what_is_out_of_range_is_clamped_and_counted(values: list[int], kept: list[int], clamped: int) -> None:
    found = Histogram.of_us(np.array(values, np.int64))
    inside = histogram(*kept)
    assert (found.indices.tolist(), found.counts.tolist()) == (inside.indices.tolist(), inside.counts.tolist())
    assert found.clamped == clamped


@pytest.mark.parametrize(
    ("ns", "us"),
    [(1_000, 1), (1_499, 1), (1_500, 2), (500, 1), (2_000_000, 2_000)],
)
def test_nanoseconds_are_rounded_to_the_nearest_microsecond(ns: int, us: int) -> None:
    assert Histogram.of_ns(np.array([ns])) == histogram(us)


@pytest.mark.parametrize(
    ("limit_us", "over"),
    [
        pytest.param(4, 3, id="everything is over a limit below it"),
        pytest.param(5, 2, id="an observation at the limit is not over it"),
        pytest.param(5.9, 2, id="nor at a limit between two microseconds"),
        pytest.param(100_000, 1, id="an observation sharing the limit's counter is not provably over it"),
        pytest.param(100_031, 1, id="the last value of that counter"),
        pytest.param(99_967, 2, id="a limit in the counter below"),
        pytest.param(3_000_000, 0, id="nothing is over the largest"),
        pytest.param(0, 3, id="a limit of zero"),
        pytest.param(10.0**12, 0, id="a limit beyond the range"),
    ],
)
def test_observations_over_a_limit_are_those_whose_counter_lies_above(limit_us: float, over: int) -> None:
    """100,020 µs shares its counter with 99,968..100,031 µs; only whole counters are told apart."""
    found = histogram(5, 100_020, 2_000_000)
    assert found.count_over_us(limit_us) == over


def test_nothing_is_over_any_limit_in_an_empty_histogram() -> None:
    assert Histogram.empty().count_over_us(1) == 0


@given(values_us, st.integers(1, HIGHEST_US))
def test_the_count_over_a_limit_is_exact_but_for_the_limits_own_counter(values: np.ndarray, limit: int) -> None:
    over = Histogram.of_us(values).count_over_us(limit)
    edge = int(highest_equivalent_us(index_of(np.array([limit])))[0])
    assert over == int((values > edge).sum()) <= int((values > limit).sum())


def test_a_histogram_equals_no_other_kind_of_value() -> None:
    assert histogram(1) != 1
    assert histogram(1) != histogram(2)
