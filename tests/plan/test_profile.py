"""The schedule is the profile's integral, however it is cut up."""

import itertools
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loadtests.law import parse_law
from loadtests.plan.chance import derive_seed, uniform
from loadtests.plan.model import Arrivals, ClosedLoad, OpenLoad, Scenario, Stage
from loadtests.plan.profile import Curve, arrivals, due_times, operation_shares, user_operations
from loadtests.plan.protocol.null import NullOperation

SECOND = 10**9
LAW = parse_law("1ms")


def scenario(
    *stages: Stage, kind: Arrivals = "constant", seed: int = 1, weights: Sequence[float] = (3.0, 1.0)
) -> Scenario:
    operations = tuple(NullOperation(f"op{number}", LAW, weight) for number, weight in enumerate(weights))
    return Scenario("s", "null", OpenLoad(stages, kind), operations, seed=seed)


def hold(rate: float, seconds: float) -> Stage:
    return Stage(rate, round(seconds * SECOND), ramp=False)


def climb(rate: float, seconds: float) -> Stage:
    return Stage(rate, round(seconds * SECOND), ramp=True)


def whole(planned: Scenario, **cut: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chunks = list(arrivals(planned, **cut))
    return tuple(  # type: ignore[return-value]
        np.concatenate([getattr(chunk, name) for chunk in chunks] or [np.empty(0, np.int64)])
        for name in ("due_ns", "index", "operation")
    )


profiles = st.lists(
    st.builds(
        Stage,
        st.sampled_from([0.0, 0.5, 1.0, 7.0, 100 / 60, 333.3, 1000.0]),
        st.integers(1, 4000).map(lambda ms: ms * 10**6),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


def integral(stages: Sequence[Stage]) -> Fraction:
    """The area under the rate, by trapezoids, in exact arithmetic."""
    total, rate = Fraction(0), Fraction(0)
    for stage in stages:
        target = Fraction(stage.rate).limit_denominator(3600 * 10**6)
        low = rate if stage.ramp else target
        total += (low + target) / 2 * Fraction(stage.duration_ns, SECOND)
        rate = target
    return total


@settings(max_examples=60, deadline=None)
@given(profiles)
def test_constant_arrivals_are_as_many_as_the_integral_of_the_rate_rounded_up(stages: list[Stage]) -> None:
    due, index, _ = whole(scenario(*stages))
    assert len(due) == -int(-integral(stages) // 1)
    assert index.tolist() == list(range(len(due)))
    assert (np.diff(due) >= 0).all()
    assert len(due) == 0 or (due[0] >= 0 and due[-1] < sum(stage.duration_ns for stage in stages))


@settings(max_examples=60, deadline=None)
@given(profiles, st.integers(0, 20_000_000_000))
def test_by_any_moment_constant_arrivals_are_the_integral_so_far_to_within_one(stages: list[Stage], at: int) -> None:
    due, _, _ = whole(scenario(*stages))
    assert abs(int((due < at).sum()) - Curve(stages).until(at)) <= 1.0 + 1e-6


@settings(max_examples=40, deadline=None)
@given(profiles, st.sampled_from(["constant", "poisson"]), st.integers(1, 5), st.integers(1, 50), st.integers(0, 2**32))
def test_shards_partition_the_schedule(stages: list[Stage], kind: Arrivals, shards: int, chunk: int, seed: int) -> None:
    planned = scenario(*stages, kind=kind, seed=seed)
    due, index, operation = whole(planned)
    parts = [whole(planned, shard=shard, shards=shards, chunk=chunk) for shard in range(shards)]
    for shard, (_, found, _) in enumerate(parts):
        assert (found % shards == shard).all()
    order = np.argsort(np.concatenate([part[1] for part in parts]), kind="stable")
    for position, expected in enumerate((due, index, operation)):
        assert np.array_equal(np.concatenate([part[position] for part in parts])[order], expected)


def test_chunks_hold_no_more_than_asked_and_only_consecutive_arrivals() -> None:
    chunks = list(arrivals(scenario(hold(1000, 20)), chunk=300, shards=3, shard=1))
    assert max(len(chunk.due_ns) for chunk in chunks) <= 300
    assert np.array_equal(np.concatenate([chunk.index for chunk in chunks]), np.arange(1, 20_000, 3))


@pytest.mark.parametrize(
    ("stages", "expected_ms"),
    [
        pytest.param([hold(4, 1)], [0, 250, 500, 750], id="a hold spaces its arrivals evenly from the start"),
        pytest.param([climb(4, 2)], [0, 1000, 1414.213562, 1732.050808], id="a climb from zero is the square root"),
        pytest.param([hold(0, 3), hold(2, 1)], [3000, 3500], id="nothing is due while the rate is zero"),
        pytest.param([hold(2, 1), hold(0, 5), hold(2, 1)], [0, 500, 6000, 6500], id="a pause resumes at its end"),
        pytest.param([hold(2, 1), climb(0, 2)], [0, 500, 1000, 1585.786438], id="a fall to zero ends with its area"),
        pytest.param([hold(1, 0.5)], [0], id="half an arrival is one, at the start"),
        pytest.param([hold(0, 5)], [], id="a rate of zero has no arrivals"),
    ],
)
def test_constant_arrivals_are_due_where_the_integral_reaches_their_number(
    stages: list[Stage], expected_ms: list[float]
) -> None:
    due, _, _ = whole(scenario(*stages))
    assert (due / 1e6).tolist() == pytest.approx(expected_ms, abs=1e-6)


def test_a_rate_per_minute_loses_no_arrival_to_rounding() -> None:
    due, _, _ = whole(scenario(hold(100 / 60, 60)))
    assert len(due) == 100
    assert due[3] == 1_800_000_000


def test_a_thousand_a_second_is_due_on_every_millisecond_exactly() -> None:
    due, _, _ = whole(scenario(hold(1000, 30)))
    assert np.array_equal(due, np.arange(30_000) * 1_000_000)


def test_poisson_gaps_are_exponential() -> None:
    due, _, _ = whole(scenario(hold(1000, 20), kind="poisson", seed=42))
    gaps = np.diff(due, prepend=0) / 1e6
    assert stats.kstest(gaps, "expon").pvalue > 0.01
    assert abs(np.corrcoef(gaps[:-1], gaps[1:])[0, 1]) < 0.03


def test_poisson_arrivals_follow_a_ramp() -> None:
    """Under r(t) = 100t, arrival times over the whole are distributed as t² (a property of Poisson processes)."""
    due, _, _ = whole(scenario(climb(1000, 10), kind="poisson", seed=5))
    assert stats.kstest((due / 1e10) ** 2, "uniform").pvalue > 0.01
    assert abs(len(due) - 5000) < 4 * 5000**0.5


@pytest.mark.parametrize("kind", ["constant", "poisson"])
def test_the_seed_reproduces_the_schedule_and_another_seed_changes_it(kind: Arrivals) -> None:
    planned = scenario(hold(500, 4), kind=kind, seed=9)
    first, again, other = whole(planned), whole(planned), whole(replace(planned, seed=10))
    assert all(np.array_equal(left, right) for left, right in zip(first, again, strict=True))
    assert not np.array_equal(first[2], other[2])
    assert np.array_equal(first[0], other[0]) == (kind == "constant")


def test_operations_come_by_weight() -> None:
    _, _, operation = whole(scenario(hold(10_000, 4), weights=(3, 0, 1, 6)))
    counts = np.bincount(operation, minlength=4)
    assert counts[1] == 0
    assert stats.chisquare(counts[[0, 2, 3]], np.array([0.3, 0.1, 0.6]) * 40_000).pvalue > 0.01


def test_a_single_operation_is_always_chosen() -> None:
    _, _, operation = whole(scenario(hold(100, 1), weights=(2.5,)))
    assert operation.tolist() == [0] * 100


def test_shares_are_weights_over_their_sum() -> None:
    assert operation_shares(scenario(hold(1, 1), weights=(3, 0, 1)).operations) == (0.75, 0.0, 0.25)


def test_each_user_has_a_sequence_of_operations_of_its_own_that_repeats_with_the_seed() -> None:
    planned = scenario(hold(1, 1))
    taken = [list(itertools.islice(user_operations(planned, user), 1000)) for user in (0, 0, 1)]
    assert taken[0] == taken[1] != taken[2]
    assert 650 < taken[0].count(0) < 850


def test_each_choice_of_a_user_is_a_function_of_its_number_alone() -> None:
    """However many are computed at once: three in four are below 0.75, none is drawn twice."""
    taken = list(itertools.islice(user_operations(scenario(hold(1, 1), seed=5), 2), 1000))
    assert taken == [int(uniform(derive_seed(5, "user 2"), number) >= 0.75) for number in range(1000)]


def test_a_closed_load_has_no_arrivals() -> None:
    planned = replace(scenario(hold(1, 1)), load=ClosedLoad(users=3, duration_ns=SECOND))
    with pytest.raises(TypeError, match="closed load"):
        next(arrivals(planned))


def test_an_hour_at_fifty_thousand_a_second_is_not_held_in_memory() -> None:
    planned = scenario(hold(50_000, 3600), kind="poisson")
    tracemalloc.start()
    taken = sum(len(chunk.due_ns) for chunk in itertools.islice(arrivals(planned), 40))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken >= 40 * 4000
    assert peak < 4_000_000


def test_an_arrival_costs_less_than_a_microsecond_even_on_a_busy_machine() -> None:
    """Some 30 ns on an idle core; the bound only catches a loop in Python."""
    begin = perf_counter()
    count = len(whole(scenario(climb(20_000, 20), kind="poisson"))[0])
    assert (perf_counter() - begin) / count < 1e-6


@pytest.mark.parametrize("kind", ["constant", "poisson"])
def test_due_times_are_those_of_the_arrivals(kind: Arrivals) -> None:
    """The same moments without the operations, of the whole and of a shard."""
    found = scenario(Stage(300.0, 20 * SECOND, True), Stage(900.0, 20 * SECOND, False), kind=kind)
    for shard, shards in ((0, 1), (2, 3)):
        whole = np.concatenate([chunk.due_ns for chunk in arrivals(found, shard=shard, shards=shards)])
        assert np.array_equal(np.concatenate(list(due_times(found, shard=shard, shards=shards))), whole)
