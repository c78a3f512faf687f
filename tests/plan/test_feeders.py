"""A feeder's value is a pure function of the execution's index."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from loadtests.plan.chance import Draws, derive_seed, drawing, uniform, uniforms
from loadtests.plan.data import recurs_after, row, rows, value
from loadtests.plan.model import Feeder


def test_a_sequence_starts_over_at_its_end() -> None:
    feeder = Feeder(range(1, 4))
    assert [value(feeder, index) for index in range(7)] == ["1", "2", "3", "1", "2", "3", "1"]


def test_a_random_feeder_draws_evenly_and_repeats_with_its_seed() -> None:
    feeder = Feeder(range(1, 11), "random", seed=3)
    drawn = [value(feeder, index) for index in range(5000)]
    assert drawn == [value(feeder, index) for index in range(5000)]
    assert drawn != [value(Feeder(range(1, 11), "random", seed=4), index) for index in range(5000)]
    counts = Counter(drawn)
    assert set(counts) == set(map(str, range(1, 11)))
    assert stats.chisquare(list(counts.values())).pvalue > 0.01


@given(st.integers(0, 2**40), st.integers(0, 2**64), st.integers(1, 1000))
def test_every_index_and_seed_gives_a_value_of_the_feeder(index: int, seed: int, length: int) -> None:
    assert 0 <= int(value(Feeder(range(length), "random", seed), index)) < length


def test_columns_of_one_table_come_from_the_same_row() -> None:
    data = {
        "account.name": Feeder(("ann", "bob", "cid"), "random", seed=8),
        "account.mail": Feeder(("a@x", "b@x", "c@x"), "random", seed=8),
    }
    rows = {tuple(row(data, data, index).values()) for index in range(100)}
    assert rows == {("ann", "a@x"), ("bob", "b@x"), ("cid", "c@x")}


@given(st.integers(0, 2**40), st.lists(st.sampled_from("abcd"), unique=True))
def test_rows_of_names_known_beforehand_are_the_same(index: int, names: list[str]) -> None:
    """One name in sequence has a way of its own; `d` has no feeder."""
    data = {"a": Feeder(range(7)), "b": Feeder(("x", "y")), "c": Feeder(range(9), "random", seed=5)}
    assert rows(data, names)(index) == row(data, names, index)


@given(st.integers(0, 2**40), st.sets(st.sampled_from("abc")))
def test_rows_come_round_again_after_the_common_multiple_of_their_lengths(index: int, names: set[str]) -> None:
    """Not a single one sooner; what is drawn at random, or has no feeder, never does."""
    data = {
        "a": Feeder(range(6)),
        "b": Feeder(("x", "y", "z", "w")),
        "c": Feeder(range(5)),
        "d": Feeder((1,), "random"),
    }
    period = recurs_after(data, names)
    assert period is not None
    assert row(data, names, index) == row(data, names, index + period)
    assert len({tuple(row(data, sorted(names), at).values()) for at in range(period)}) == period
    assert recurs_after(data, names | {"d"}) is None
    assert recurs_after(data, names | {"e"}) is None


def test_a_row_leaves_out_names_that_are_extracted_later() -> None:
    assert row({"user": Feeder(("ann",))}, ["user", "token"], 5) == {"user": "ann"}


@given(st.integers(0, 2**64 - 1), st.lists(st.integers(0, 2**50), min_size=1, max_size=20))
def test_drawing_many_equals_drawing_one_by_one(seed: int, indices: list[int]) -> None:
    one_by_one = [uniform(seed, index) for index in indices]
    assert uniforms(seed, np.array(indices)).tolist() == one_by_one
    assert [drawing(seed)(index) for index in indices] == one_by_one
    draws = Draws(seed)
    for index, expected in zip(indices, one_by_one, strict=True):
        draws.next = index
        assert (draws.draw(), draws.next) == (expected, index + 1)


def test_draws_are_uniform_and_unrelated_between_indices_and_purposes() -> None:
    drawn = uniforms(derive_seed(1, "a"), np.arange(50_000))
    other = uniforms(derive_seed(1, "b"), np.arange(50_000))
    assert stats.kstest(drawn, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.02
    assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.02


@pytest.mark.parametrize("index", [0, 1, 10**12])
def test_draws_lie_from_zero_to_below_one(index: int) -> None:
    assert 0.0 <= uniform(7, index) < 1.0
