"""Windows cross a process boundary unchanged and add up exactly."""

from typing import Any

import msgpack
from hypothesis import given, settings
from hypothesis import strategies as st
from result_samples import histogram, tallies, windows_of

from loadtests.result.histogram import Histogram
from loadtests.result.window import Tally, Window


@settings(max_examples=50)
@given(windows_of("api"))
def test_a_window_comes_back_equal_from_the_wire(windows: list[Window]) -> None:
    for window in windows:
        packed: Any = msgpack.unpackb(msgpack.packb(window.to_wire()))
        assert Window.from_wire(packed) == window


def test_clamped_counts_and_empty_histograms_cross_the_wire() -> None:
    tally = Tally({}, {"a": Histogram(histogram(1).indices, histogram(1).counts, 1), "b": Histogram.empty()})
    window = Window("s", "p", 0, 0, {"op": tally})
    assert Window.from_wire(window.to_wire()) == window


@given(tallies, tallies, tallies)
def test_merging_tallies_is_associative_and_commutative(a: Tally, b: Tally, c: Tally) -> None:
    merge = Tally.merge
    assert merge([merge([a, b]), c]) == merge([a, merge([b, c])]) == merge([c, b, a])


@given(tallies)
def test_the_empty_tally_is_neutral(a: Tally) -> None:
    assert Tally.merge([a, Tally()]) == Tally.merge([a]) == a


@given(st.lists(tallies, max_size=5))
def test_every_counter_of_a_merge_is_the_sum_of_the_parts(parts: list[Tally]) -> None:
    merged = Tally.merge(parts)
    for name in ("offered", "ok", "failed.timeout", "dropped", "never counted"):
        assert merged.count(name) == sum(part.count(name) for part in parts)


def test_failures_are_listed_by_kind_and_only_where_there_are_any() -> None:
    tally = Tally({"failed.timeout": 2, "failed.reset": 1, "failed.check": 0, "ok": 9, "completed.failed": 3})
    assert tally.failures == {"reset": 1, "timeout": 2}
    assert tally.failed == 3


def test_a_histogram_never_recorded_is_empty() -> None:
    assert Tally().histogram("response.ok") == Histogram.empty()
