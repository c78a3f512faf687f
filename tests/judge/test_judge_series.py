"""Intervals from seconds that resemble their neighbours cover the truth about as often as they claim: by simulation."""

import numpy as np
import pytest

from loadtests.judge.series import (
    FEWEST_WINDOWS,
    _resampled,
    block_length,
    design_effect,
    effective_samples,
    ratio_interval,
)
from loadtests.judge.statistics import lower_bound, upper_bound


def autoregressive(random: np.random.Generator, *, rows: int, runs: int, rho: float) -> np.ndarray:
    """Standard normal rows, each `rho` of the one before."""
    values = np.empty((runs, rows))
    values[:, 0] = random.normal(size=runs)
    for row in range(1, rows):
        values[:, row] = rho * values[:, row - 1] + np.sqrt(1 - rho**2) * random.normal(size=runs)
    return values


def misses(random: np.random.Generator, *, rows: int, runs: int, rho: float, spread: float) -> tuple[float, float]:
    """How often the lower and the upper bound of a wandering share of about 2% miss the truth."""
    logit = np.log(0.02 / 0.98)
    shares = 1 / (1 + np.exp(-(logit + spread * autoregressive(random, rows=rows, runs=runs, rho=rho))))
    truth = (1 / (1 + np.exp(-(logit + spread * random.normal(size=200_000))))).mean()
    trials = np.full(rows, 200.0)
    low = high = 0
    for hits in random.binomial(200, shares).astype(float):
        worth = effective_samples(hits, trials)
        low += lower_bound(hits.sum() / trials.sum() * worth, worth) > truth
        high += upper_bound(hits.sum() / trials.sum() * worth, worth) < truth
    return low / runs, high / runs


@pytest.mark.parametrize(
    ("rho", "spread", "allowed"),
    [
        pytest.param(0.0, 0.0, 0.06, id="independent requests: no more than 5% (and the simulation's own noise)"),
        pytest.param(0.0, 0.5, 0.08, id="seconds that differ"),
        pytest.param(0.5, 0.5, 0.08, id="seconds that differ and drag on"),
        pytest.param(0.7, 0.5, 0.13, id="and drag on for long: shares are skewed, so a few percent more than claimed"),
    ],
)
def test_the_bounds_of_a_share_miss_the_truth_about_as_often_as_they_claim(
    rho: float, spread: float, allowed: float
) -> None:
    low, high = misses(np.random.default_rng(11), rows=60, runs=400, rho=rho, spread=spread)
    assert max(low, high) <= allowed


def test_a_formula_for_independent_requests_would_miss_far_more_often() -> None:
    """What the design effect is for: the same bounds without it are wrong more than a quarter of the time."""
    random = np.random.default_rng(12)
    shares = 1 / (1 + np.exp(-(np.log(0.02 / 0.98) + 0.8 * autoregressive(random, rows=60, runs=300, rho=0.6))))
    truth = (1 / (1 + np.exp(-(np.log(0.02 / 0.98) + 0.8 * random.normal(size=200_000))))).mean()
    hits = random.binomial(1_000, shares).sum(axis=1)
    wrong = [lower_bound(k, 60_000) > truth or upper_bound(k, 60_000) < truth for k in hits]
    assert np.mean(wrong) > 0.5


@pytest.mark.parametrize(
    ("rho", "allowed"),
    [
        pytest.param(0.0, 0.07, id="independent seconds"),
        pytest.param(0.5, 0.08, id="seconds that resemble their neighbours"),
        pytest.param(0.7, 0.09, id="seconds that resemble their neighbours for long"),
    ],
)
def test_the_bootstrap_bounds_of_a_mean_miss_the_truth_about_as_often_as_they_claim(rho: float, allowed: float) -> None:
    random = np.random.default_rng(13)
    values = 50.0 + 5.0 * autoregressive(random, rows=60, runs=300, rho=rho)
    found = [ratio_interval(run, np.ones(60)) for run in values]
    assert np.mean([bounds[0] > 50.0 for bounds in found]) <= allowed
    assert np.mean([bounds[1] < 50.0 for bounds in found]) <= allowed


def test_the_design_effect_of_independent_requests_is_about_one() -> None:
    random = np.random.default_rng(14)
    effects = [design_effect(random.binomial(500, 0.02, 60).astype(float), np.full(60, 500.0)) for _ in range(100)]
    assert 1.0 <= np.mean(effects) < 1.4


def test_the_design_effect_of_whole_seconds_that_fail_together_is_their_size() -> None:
    """Every second is all good or all bad, by chance: 100 requests say as much as one."""
    random = np.random.default_rng(15)
    effects = [design_effect(100.0 * random.binomial(1, 0.3, 200), np.full(200, 100.0)) for _ in range(50)]
    assert np.mean(effects) == pytest.approx(100, rel=0.2)


@pytest.mark.parametrize(
    ("hits", "trials", "effect"),
    [
        pytest.param([0, 0, 0], [10, 10, 10], 1.0, id="nothing over the limit gives no sign of dependence"),
        pytest.param([10, 10, 10], [10, 10, 10], 1.0, id="nor does everything over it"),
        pytest.param([5], [10], 10.0, id="a single mixed second is worth one request"),
        pytest.param([0, 0], [0, 0], 1.0, id="no requests at all"),
    ],
)
def test_the_design_effect_at_the_edges(hits: list[float], trials: list[float], effect: float) -> None:
    assert design_effect(np.array(hits, float), np.array(trials, float)) == effect


def test_clean_samples_are_worth_all_of_themselves_however_few_seconds_they_come_from() -> None:
    assert effective_samples(np.zeros(2), np.array([149.0, 150.0])) == 299.0


def test_blocks_grow_with_the_dependence_and_the_length_and_stay_within_a_third() -> None:
    random = np.random.default_rng(16)
    loose, tight = (autoregressive(random, rows=300, runs=1, rho=rho)[0] for rho in (0.0, 0.9))
    assert 7 <= block_length(loose) < block_length(tight) <= 100
    assert block_length(np.ones(50)) == 1


def test_the_bootstrap_is_the_same_each_time_and_needs_a_few_rows() -> None:
    random = np.random.default_rng(17)
    totals, counts = random.normal(100, 5, 30), np.full(30, 10.0)
    assert ratio_interval(totals, counts) == ratio_interval(totals, counts)
    assert ratio_interval(totals[: FEWEST_WINDOWS - 1], counts[: FEWEST_WINDOWS - 1]) is None


def test_a_smaller_risk_gives_wider_bounds() -> None:
    random = np.random.default_rng(18)
    totals, counts = random.normal(100, 5, 30), np.full(30, 10.0)
    usual, careful = ratio_interval(totals, counts), ratio_interval(totals, counts, risk=0.001)
    assert careful[0] < usual[0] < usual[1] < careful[1]


def test_empty_rows_change_nothing() -> None:
    totals, counts = np.array([9.0, 11, 10, 8, 12, 10]), np.ones(6)
    padded = np.insert(totals, 3, 0.0), np.insert(counts, 3, 0.0)
    assert ratio_interval(*padded) == ratio_interval(totals, counts)
    hits = np.array([1.0, 0, 3, 0, 2, 1])
    assert design_effect(np.insert(hits, 3, 0.0), np.insert(10 * counts, 3, 0.0)) == design_effect(hits, 10 * counts)


def test_resampled_sums_are_those_of_the_rows_that_were_drawn():
    """What running sums give is what adding up each drawn block would, the last one cut to the number of rows."""
    random = np.random.default_rng(3)
    values = random.normal(size=23)
    starts = random.integers(0, 23 - 5 + 1, size=(40, 5))
    drawn = [np.concatenate([np.arange(start, start + 5) for start in row])[:23] for row in starts]
    assert _resampled(values, starts, 5) == pytest.approx([values[rows].sum() for rows in drawn])
