"""Change points of a series: found where they are, no more often than chance, whatever the order of magnitude."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.judge.changes import _clearness, _distances_to_earlier, _distances_to_later, change_points


def noise(count: int, *, seed: int, spread: float = 0.02) -> np.ndarray:
    """Runs around 20 ms that differ by `spread`."""
    return 20e6 * np.exp(np.random.default_rng(seed).normal(0.0, spread, count))


@pytest.mark.parametrize(
    ("count", "steps", "slack"),
    [
        pytest.param(30, {18: 1.10}, 0, id="one step"),
        pytest.param(
            60, {30: 1.10, 40: 1 / 1.10}, 1, id="a bump of ten runs, whose cut alone changes the whole little"
        ),
        pytest.param(300, {100: 0.9, 200: 0.9}, 1, id="two steps down"),
        pytest.param(40, {4: 1.5}, 0, id="a step as early as a segment allows"),
    ],
)
def test_steps_are_found_where_they_are(count: int, steps: dict[int, float], slack: int) -> None:
    series = noise(count, seed=1)
    for start, factor in steps.items():
        series[start:] *= factor
    found = change_points(series)
    assert len(found) == len(steps)
    for point, (start, factor) in zip(found, steps.items(), strict=True):
        assert abs(point.index - start) <= slack
        assert point.change == pytest.approx(factor - 1, abs=0.03)
        assert point.after / point.before - 1 == pytest.approx(point.change)
        assert point.p_value <= 0.01


def test_a_step_below_the_floor_is_none_however_clear_it_is() -> None:
    """4% at a spread of 0.1% is certain, and no change worth a mark unless a smaller floor is asked for."""
    series = noise(40, seed=2, spread=0.001)
    series[20:] *= 1.04
    assert change_points(series) == ()
    assert [point.index for point in change_points(series, least_change=0.03)] == [20]


def test_a_wider_spread_without_another_level_is_no_change_point() -> None:
    series = np.concatenate([noise(40, seed=3, spread=0.001), noise(40, seed=3, spread=0.02)])
    assert change_points(series) == ()


def test_series_without_a_change_have_one_no_more_often_than_the_risk_says() -> None:
    """At a risk of 1%, at most 11 of 500 series of equal runs show anything (99.9% of all such trials)."""
    alarms = sum(bool(change_points(noise(24, seed=seed), least_change=0.0)) for seed in range(500))
    assert alarms <= 11


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_series_too_short_for_two_segments_has_no_change_point(count: int) -> None:
    assert change_points([20.0] * (count // 2) + [40.0] * (count - count // 2)) == ()


def test_shares_are_compared_by_difference_and_may_be_zero() -> None:
    failures = [0.0] * 12 + [0.05] * 12
    (point,) = change_points(failures, scale="difference", least_change=0.01)
    assert (point.index, point.before, point.after, point.change) == (12, 0.0, pytest.approx(0.05), pytest.approx(0.05))
    assert change_points(failures, scale="difference", least_change=0.06) == ()
    with pytest.raises(ValueError, match="above zero"):
        change_points(failures)


def test_a_segment_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        change_points([1.0] * 9, least_segment=1)


@given(st.lists(st.floats(1.0, 100.0), min_size=8, max_size=80), st.floats(0.001, 1000.0))
@settings(max_examples=30, deadline=None)
def test_change_points_are_apart_in_order_and_do_not_depend_on_the_unit(values: list[float], unit: float) -> None:
    found = change_points(values)
    edges = [0, *(point.index for point in found), len(values)]
    assert all(second - first >= 4 for first, second in pairwise(edges))
    assert found == change_points(values)
    scaled = change_points([value * unit for value in values])
    assert [point.index for point in scaled] == [point.index for point in found]


def test_the_statistic_is_the_energy_distance_between_the_parts() -> None:
    """The fast sums give, cut by cut, what the definition gives by all pairs."""
    series = np.random.default_rng(4).normal(size=75)

    def apart(first: np.ndarray, second: np.ndarray) -> float:
        return float(np.abs(first[:, None] - second[None, :]).sum())

    def defined(n: int) -> float:
        x, y = series[:n], series[n:]
        m = y.size
        energy = 2 * apart(x, y) / (n * m) - apart(x, x) / (n * (n - 1)) - apart(y, y) / (m * (m - 1))
        return n * m / (n + m) * energy

    found = _clearness(_distances_to_earlier(series[None, :]), _distances_to_later(series[None, :]), 4)
    assert found[0] == pytest.approx([defined(n) for n in range(4, 72)])
