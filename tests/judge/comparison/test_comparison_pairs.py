"""The exact test on pairs: against all sign patterns, against its own bounds, and no surer than so few pairs can be."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_records import record, runs

from loadtests.judge.comparison.metrics import Metric
from loadtests.judge.comparison.pairs import estimate_pairs, fewest_pairs, sign_flip

differences = st.lists(st.floats(-1.0, 1.0).map(lambda x: round(x, 3)), min_size=1, max_size=8).map(np.array)


def counted_p(values: np.ndarray, shift: float = 0.0) -> float:
    """By definition: the share of sign patterns whose sum is at least the observed one."""
    moved = values - shift
    sums = [float(np.dot(signs, moved)) for signs in product((1.0, -1.0), repeat=moved.size)]
    return sum(total >= moved.sum() - 1e-9 for total in sums) / len(sums)


@given(differences)
@settings(max_examples=60, deadline=None)
def test_the_p_values_are_those_of_all_sign_patterns(values: np.ndarray) -> None:
    found = sign_flip(values)
    assert found.p_up == pytest.approx(counted_p(values))
    assert found.p_down == pytest.approx(counted_p(-values))


@given(differences.filter(lambda values: values.size >= 5))
@settings(max_examples=40, deadline=None)
def test_a_bound_is_where_the_test_begins_to_reject(values: np.ndarray) -> None:
    """Just below the lower bound no change of that size is believed at 5%; just above it is."""
    found = sign_flip(values)
    assert found.low is not None
    assert counted_p(values, found.low - 1e-4) <= 0.05 + 1e-9
    assert counted_p(values, found.low + 1e-4) > 0.05


def test_the_bounds_of_both_sides_mirror_each_other() -> None:
    values = np.array([0.1, 0.3, -0.05, 0.2, 0.15, 0.22])
    found, mirrored = sign_flip(values), sign_flip(-values)
    assert (found.low, found.high) == pytest.approx((-mirrored.high, -mirrored.low))
    assert found.low <= found.change <= found.high


def test_four_pairs_have_no_bound_and_five_have_the_outermost() -> None:
    """2^4 orders cannot show anything at 5%; with 2^5 the smallest difference is the bound."""
    assert sign_flip(np.array([0.1, 0.2, 0.3, 0.4])).low is None
    assert sign_flip(np.array([0.1, 0.2, 0.3, 0.4, 0.5])).low == pytest.approx(0.1)


@pytest.mark.parametrize(("metrics", "pairs"), [(1, 5), (2, 6), (5, 7), (6, 7), (7, 8)])
def test_the_fewest_pairs_are_those_whose_smallest_p_value_survives_the_adjustment(metrics: int, pairs: int) -> None:
    assert fewest_pairs(metrics) == pairs
    assert 2.0**-pairs * metrics <= 0.05 < 2.0 ** -(pairs - 1) * metrics


def test_pairs_take_out_what_both_runs_of_a_pair_share() -> None:
    """A machine twice as slow in the second half hides nothing: every pair differs by 10%."""
    base = runs(20, 21, 20.5, 40, 41, 42, 40.5)
    candidate = runs(*(record * 1.1 for record in (20, 21, 20.5, 40, 41, 42, 40.5)), name="new")
    found = estimate_pairs(Metric("p95", "time", quantile=0.95), base, candidate)
    assert found is not None
    assert np.exp([found.low, found.change, found.high]) == pytest.approx(1.1, abs=0.002)
    assert found.p_up == 2**-7


def test_a_share_without_any_hit_in_any_pair_is_bounded_by_its_counts() -> None:
    """No failure among 7,000 a side: the difference is at most what 7,000 without one leave possible, 0.043 points."""
    found = estimate_pairs(Metric("failures", "share"), runs(*[20] * 7), runs(*[20] * 7, name="new"))
    assert found is not None
    assert (found.change, found.p_up) == (0.0, 1.0)
    assert found.high == pytest.approx(0.000428, rel=0.01)
    assert found.low == pytest.approx(-0.000428, rel=0.01)


def test_a_pair_without_an_answer_gives_no_estimate() -> None:
    silent = record("new-0", answers=0, failed=10)
    assert estimate_pairs(Metric("p95", "time", quantile=0.95), [record()], [silent]) is None
