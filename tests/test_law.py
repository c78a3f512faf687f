"""A law of latency gives each branch its share and each quantile its time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.law import parse_law, spread

MS = 10**6


@pytest.mark.parametrize(
    ("text", "u", "expected"),
    [
        pytest.param("5ms", 0.0, 5 * MS, id="constant at its start"),
        pytest.param("5ms", 0.999, 5 * MS, id="constant at its end"),
        pytest.param("1ms..9ms", 0.5, 5 * MS, id="the middle of a uniform"),
        pytest.param("5ms 98%, 100ms 2%", 0.979, 5 * MS, id="the common branch"),
        pytest.param("5ms 98%, 100ms 2%", 0.981, 100 * MS, id="the rare branch"),
        pytest.param("5ms, 100ms 2%", 0.5, 5 * MS, id="one share may be left out and takes the rest"),
        pytest.param("100ms 2%, 5ms", 0.021, 5 * MS, id="whatever the order"),
        pytest.param("exp 5ms", 0.5, round(5 * MS * 0.6931471805599453), id="the median of an exponential"),
        pytest.param("0ms", 0.3, 0, id="no time at all"),
    ],
)
def test_a_law_at_a_quantile(text: str, u: float, expected: int) -> None:
    assert parse_law(text).at(u) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fast",
        "5",
        "5ms 50%",
        "5ms, 6ms",
        "5ms 60%, 6ms 60%",
        "9ms..1ms",
        "exp",
        "5ms 150%",
        "5ms,",
        "exp 5",
        "..5ms",
    ],
)
def test_what_is_no_law_says_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_law(text)


@given(st.integers(0, 10**6), st.integers(200, 2000))
def test_any_run_of_draws_gives_a_branch_its_share_to_within_a_few(first: int, count: int) -> None:
    law = parse_law("5ms 98%, 100ms 2%")
    slow = sum(law.at(spread(index)) == 100 * MS for index in range(first, first + count))
    assert abs(slow - 0.02 * count) <= 3


def test_the_mean_of_an_exponential_is_the_one_written() -> None:
    law = parse_law("exp 5ms")
    assert np.mean([law.at(spread(index)) for index in range(20_000)]) == pytest.approx(5 * MS, rel=0.01)


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_a_law_of_one_component_rises_with_its_quantile(low: float, high: float) -> None:
    low, high = sorted((low, high))
    for text in ("exp 5ms", "1ms..9ms"):
        law = parse_law(text)
        assert 0 <= law.at(low) <= law.at(high)
