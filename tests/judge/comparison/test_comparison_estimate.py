"""Changes and their bounds: Welch's against scipy, shares against the score they should keep, and what they rest on."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_records import record, runs
from scipy import stats

from benchmarks.statistics.drawn import Truth, draw_run
from loadtests.judge.comparison.calibration import calibrated, detectable
from loadtests.judge.comparison.estimate import Basis, difference_bounds, estimate
from loadtests.judge.comparison.metrics import Metric
from loadtests.judge.comparison.within import Spread, log_spread

P95 = Metric("p95", "time", quantile=0.95)
FAILURES = Metric("failures", "share")
OLD, NEW = (20.0, 20.6, 19.5, 20.2), (21.9, 23.1, 21.2)


def logs(times: tuple[float, ...]) -> list[float]:
    return [math.log(P95.value(each) or 0.0) for each in runs(*times)]


def test_several_runs_a_side_are_judged_by_welchs_test() -> None:
    found = estimate(P95, runs(*OLD), runs(*NEW, name="new"))
    theirs = stats.ttest_ind(logs(NEW), logs(OLD), equal_var=False, alternative="greater")
    both = stats.ttest_ind(logs(NEW), logs(OLD), equal_var=False).confidence_interval(0.9)
    assert found is not None
    assert found.p_up == pytest.approx(theirs.pvalue, rel=1e-6)
    assert found.p_down == pytest.approx(1 - theirs.pvalue, rel=1e-6)
    assert (found.low, found.high) == pytest.approx((both.low, both.high), rel=1e-6)
    assert found.basis is Basis.RUNS


def test_one_run_against_many_borrows_their_spread() -> None:
    """The t test with the spread of the one side that has any: a prediction of one further run."""
    found = estimate(P95, runs(*OLD), runs(22.0, name="new"))
    values = np.array(logs(OLD))
    change = logs((22.0,))[0] - values.mean()
    t = change / (values.std(ddof=1) * math.sqrt(1 + 1 / 4))
    assert found is not None
    assert found.p_up == pytest.approx(float(stats.t.sf(t, 3)), rel=1e-6)


def test_a_calibration_lets_one_run_be_compared_with_one() -> None:
    """Its spread of 3% known by 9 degrees of freedom, times the root of two."""
    found = estimate(P95, runs(20.0), runs(22.0, name="new"), calibrated=Spread(0.03**2, 9.0))
    assert found is not None
    assert found.basis is Basis.CALIBRATION
    reach = float(stats.t.isf(0.05, 9)) * 0.03 * math.sqrt(2)
    assert found.low == pytest.approx(found.change - reach, rel=1e-4)


def test_a_run_more_restless_than_the_calibration_is_not_trusted_with_its_spread() -> None:
    """Seconds that differ by 30% and remember each other make a single run less sure than equal runs once were."""
    calm, wild = (
        draw_run(np.random.default_rng(1), Truth(spread=0.0, unrest=unrest, memory=0.6), name=f"old-{unrest}")
        for unrest in (0.0, 0.5)
    )
    spread = Spread(0.005**2, 30.0)
    sure, unsure = (estimate(P95, [calm], [each], calibrated=spread) for each in (calm, wild))
    assert sure is not None
    assert unsure is not None
    assert sure.spread is not None
    assert unsure.spread is not None
    assert unsure.spread > 3 * sure.spread


def test_many_runs_outweigh_a_calibration() -> None:
    """With 8 degrees of freedom of their own, an old calibration of almost no spread changes nothing."""
    base, candidate = runs(*OLD, 20.9), runs(*NEW, 22.5, 21.8, name="new")
    assert estimate(P95, base, candidate) == estimate(P95, base, candidate, calibrated=Spread(1e-8, 30.0))


def test_one_run_a_side_has_bounds_from_its_windows_and_none_without_them() -> None:
    one, two = (draw_run(np.random.default_rng(seed), Truth(), name=f"b-{seed}") for seed in (1, 2))
    found, bare = estimate(P95, [one], [two]), estimate(P95, runs(20.0), runs(22.0, name="new"))
    assert found is not None
    assert found.basis is Basis.WINDOWS
    assert found.low is not None
    assert found.low < found.change
    assert bare is not None
    assert (bare.low, bare.high, bare.p_up) == (None, None, 1.0)


def test_runs_that_agree_to_the_last_digit_are_known_no_better_than_a_histogram_tells() -> None:
    found = estimate(P95, runs(20, 20, 20), runs(20, 20, 20, name="new"))
    assert found is not None
    assert found.high is not None
    assert 0.0003 < found.high < 0.002


def test_a_run_without_a_figure_leaves_nothing_to_estimate() -> None:
    assert estimate(P95, runs(20, 20), [record("new-0"), record("new-1", answers=0, failed=9)]) is None
    assert estimate(FAILURES, [record(answers=0)], [record("new-0")]) is None


@given(st.integers(0, 200), st.integers(0, 200), st.integers(200, 2_000))
@settings(max_examples=60, deadline=None)
def test_bounds_of_a_difference_contain_it_and_mirror(first: int, second: int, trials: int) -> None:
    low, high = difference_bounds((first, trials), (second, trials))
    assert low - 1e-12 <= (second - first) / trials <= high + 1e-12
    assert difference_bounds((second, trials), (first, trials)) == pytest.approx((-high, -low))


@pytest.mark.parametrize(("base", "candidate"), [(0.0, 0.0), (0.002, 0.002), (0.01, 0.03), (0.2, 0.15)])
def test_bounds_of_a_difference_of_shares_cover_it_at_least_as_often_as_they_claim(
    base: float, candidate: float
) -> None:
    random = np.random.default_rng(1)
    hits = zip(random.binomial(600, base, 400), random.binomial(600, candidate, 400), strict=True)
    found = [difference_bounds((float(a), 600.0), (float(b), 600.0)) for a, b in hits]
    assert sum(low <= candidate - base for low, _ in found) >= 0.94 * 400
    assert sum(high >= candidate - base for _, high in found) >= 0.94 * 400


def test_shares_that_differ_more_between_runs_than_chance_allows_are_worth_less() -> None:
    """The same 60 failures a side: evenly over the runs, or all in one of them."""
    even = [record(f"old-{n}", failed=20) for n in range(3)]
    uneven = [record(f"old-{n}", failed=failed) for n, failed in enumerate((0, 0, 60))]
    clean = [record(f"new-{n}", failed=1) for n in range(3)]
    sure, unsure = estimate(FAILURES, even, clean), estimate(FAILURES, uneven, clean)
    assert sure is not None
    assert unsure is not None
    assert sure.p_down < 0.001
    assert unsure.p_down > 0.05


def test_the_spread_within_a_run_is_what_other_runs_of_the_same_kind_show() -> None:
    """The bootstrap over one run's seconds agrees with the spread of 150 such runs, to 25%."""
    truth = Truth(spread=0.0, unrest=0.1, memory=0.5)
    drawn = [draw_run(np.random.default_rng(seed), truth, name=f"r-{seed}") for seed in range(150)]
    seen = np.std([math.log(P95.value(each) or 0.0) for each in drawn])
    spreads = [log_spread(P95, each) for each in drawn[:30]]
    told = math.sqrt(float(np.mean([each.variance for each in spreads if each is not None])))
    assert told == pytest.approx(seen, rel=0.25)


def test_a_change_of_the_detectable_size_is_found_nine_times_in_ten() -> None:
    """By simulation of runs that differ as the calibration says, 1 against 1 and 4 against 4."""
    random = np.random.default_rng(3)
    for count in (1, 4):
        least = math.log1p(detectable(Spread(0.03**2, 19.0), (count, count), ratio=True))
        scale = np.sqrt(random.chisquare(19, 4_000) / 19) * 0.03  # as a calibration by 20 runs would find it
        change = random.normal(least, 0.03 * math.sqrt(2 / count), 4_000)
        found = change > stats.t.isf(0.05, 19) * scale * math.sqrt(2 / count)
        assert found.mean() == pytest.approx(0.9, abs=0.02)


def test_a_calibration_is_the_variance_of_the_logarithms_of_equal_runs() -> None:
    made = calibrated(runs(*OLD), made_at="2026-01-01T00:00:00+00:00")
    spread = made.spread(P95)
    assert spread is not None
    assert spread.variance == pytest.approx(np.var(logs(OLD), ddof=1))
    assert spread.freedom == 3.0
    with pytest.raises(ValueError, match="at least 3 runs"):
        calibrated(runs(20.0, 21.0), made_at="")
