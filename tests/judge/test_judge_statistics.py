"""Exact bounds against scipy, and against the definition they come from."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loadtests.judge.statistics import (
    beta_quantile,
    holm,
    lower_bound,
    regularised_beta,
    samples_to_settle,
    student_quantile,
    student_tail,
    surely_above,
    surely_below,
    two_sided_bounds,
    upper_bound,
)
from loadtests.plan.thresholds import trials_needed

shapes = st.floats(0.05, 50_000)


@given(st.floats(0.0, 1.0), shapes, shapes)
@settings(max_examples=150, deadline=None)
def test_the_incomplete_beta_function_agrees_with_scipy(x: float, a: float, b: float) -> None:
    assert regularised_beta(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), abs=1e-9)


@given(st.floats(0.0001, 0.9999), st.floats(1.0, 50_000), st.floats(1.0, 50_000))
@settings(max_examples=150, deadline=None)
def test_the_beta_quantile_agrees_with_scipy(probability: float, a: float, b: float) -> None:
    assert beta_quantile(probability, a, b) == pytest.approx(stats.beta.ppf(probability, a, b), rel=1e-7)


@given(st.floats(0.0001, 0.4999), st.floats(1.0, 1_000))
@settings(max_examples=100, deadline=None)
def test_students_quantile_agrees_with_scipy(risk: float, freedom: float) -> None:
    assert student_quantile(risk, freedom) == pytest.approx(stats.t.isf(risk, freedom), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("hits", "trials"),
    [
        pytest.param(0, 299, id="nothing hit"),
        pytest.param(1, 300, id="one hit"),
        pytest.param(600, 60_000, id="a share of exactly 1%"),
        pytest.param(20, 20, id="everything hit"),
    ],
)
def test_two_sided_bounds_are_scipys_exact_interval(hits: int, trials: int) -> None:
    exact = stats.binomtest(hits, trials).proportion_ci(0.95, method="exact")
    assert two_sided_bounds(hits, trials) == pytest.approx((exact.low, exact.high), rel=1e-9)


@given(st.floats(0.0, 400.0), st.floats(1.0, 4_000.0), st.floats(0.001, 0.999))
@settings(max_examples=150, deadline=None)
def test_asking_whether_a_share_is_surely_beyond_gives_the_same_answer_as_its_bound(
    hits: float, rest: float, share: float
) -> None:
    trials = hits + rest
    upper, lower = upper_bound(hits, trials), lower_bound(hits, trials)
    if abs(upper - share) > 1e-9:
        assert surely_below(share, hits, trials) == (upper < share)
    if abs(lower - share) > 1e-9:
        assert surely_above(share, hits, trials) == (lower > share)


@pytest.mark.parametrize(
    ("quantile", "needed"),
    [
        pytest.param(0.5, 5, id="the median needs 5"),
        pytest.param(0.95, 59, id="p95 needs 59"),
        pytest.param(0.99, 299, id="p99 needs 299"),
        pytest.param(0.999, 2_995, id="p99.9 needs 2,995"),
    ],
)
def test_the_sample_floor_is_the_first_clean_sample_that_passes(quantile: float, needed: int) -> None:
    assert trials_needed(quantile) == needed
    assert surely_below(1 - quantile, 0, needed)
    assert not surely_below(1 - quantile, 0, needed - 1)


@pytest.mark.parametrize(
    ("observed", "share"),
    [
        pytest.param(0.0, 0.01, id="nothing over the limit"),
        pytest.param(0.008, 0.01, id="a little below the limit"),
        pytest.param(0.013, 0.01, id="a little above the limit"),
        pytest.param(0.995, 0.99, id="a share of successes"),
    ],
)
def test_the_samples_said_to_settle_a_claim_do_settle_it(observed: float, share: float) -> None:
    needed = samples_to_settle(observed, share)
    assert needed is not None
    settles = surely_below if observed < share else surely_above
    assert settles(share, observed * needed, needed)
    assert not settles(share, observed * needed * 0.9, needed * 0.9)


@pytest.mark.parametrize("observed", [0.01, 0.0100001])
def test_no_number_of_samples_settles_a_share_that_sits_on_its_limit(observed: float) -> None:
    assert samples_to_settle(observed, 0.01) is None


@pytest.mark.parametrize(("share", "trials"), [(0.01, 500), (0.05, 120), (0.5, 40)])
def test_each_one_sided_bound_covers_the_truth_at_least_as_often_as_it_claims(share: float, trials: int) -> None:
    hits = np.arange(trials + 1)
    weight = stats.binom.pmf(hits, trials, share)
    assert sum(w for k, w in zip(hits, weight, strict=True) if upper_bound(k, trials) >= share) >= 0.95
    assert sum(w for k, w in zip(hits, weight, strict=True) if lower_bound(k, trials) <= share) >= 0.95


@given(st.floats(-40.0, 40.0), st.floats(1.0, 1_000.0))
@settings(max_examples=100, deadline=None)
def test_students_tail_agrees_with_scipy(t: float, freedom: float) -> None:
    assert student_tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), rel=1e-6, abs=1e-12)


def test_students_tail_ends_at_nothing_and_all() -> None:
    assert (student_tail(math.inf, 3.0), student_tail(-math.inf, 3.0)) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        pytest.param([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02], id="the example of Holm's method"),
        pytest.param([0.5, 0.6], [1.0, 1.0], id="never above 1"),
        pytest.param([0.02, 0.011], [0.022, 0.022], id="never below a smaller one's"),
        pytest.param([0.03], [0.03], id="alone as it is"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_holms_adjustment(p_values: list[float], adjusted: list[float]) -> None:
    assert holm(p_values) == pytest.approx(adjusted)
