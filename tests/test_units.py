"""Quantities with units are read and written in one place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.units import (
    format_bytes,
    format_duration,
    format_rate,
    format_ratio,
    parse_duration_ns,
    parse_rate,
    parse_ratio,
    parse_size,
)

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("250ms", 250_000_000),
        ("1.5s", 1_500_000_000),
        ("2m30s", 150 * SECOND),
        ("1h", 3600 * SECOND),
        ("850us", 850_000),
        ("850µs", 850_000),
        ("3ns", 3),
        (" 1 s ", SECOND),
        ("0", 0),
        ("0s", 0),
        ("1.1s", 1_100_000_000),
    ],
)
def test_durations_are_nanoseconds(text: str, ns: int) -> None:
    assert parse_duration_ns(text) == ns


@pytest.mark.parametrize("text", ["", "5", "s", "5 minutes", "-1s", "1,5s", "1s2", "1e3s", "nan", "½s"])
def test_what_is_no_duration_says_so(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as"):
        parse_duration_ns(text)


@given(st.integers(0, 10**15))
def test_whole_nanoseconds_are_read_exactly(ns: int) -> None:
    assert parse_duration_ns(f"{ns}ns") == ns


@pytest.mark.parametrize(("text", "rate"), [("1000/s", 1000.0), ("90/m", 1.5), ("3600/h", 1.0), ("0.5 / s", 0.5)])
def test_rates_are_per_second(text: str, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "1000", "1000/d", "-1/s", "/s"])
def test_what_is_no_rate_says_so(text: str) -> None:
    with pytest.raises(ValueError, match="expected a rate such as"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "size"), [("512B", 512), ("64kB", 64_000), ("64KB", 64_000), ("64KiB", 65_536), ("2GB", 2 * 10**9)]
)
def test_sizes_are_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "64", "64kb", "2G", "-1B"])
def test_what_is_no_size_says_so(text: str) -> None:
    with pytest.raises(ValueError, match="expected a size such as"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "ratio"), [("1%", 0.01), ("99.9%", 0.999), ("0.05", 0.05), ("0%", 0.0), ("100%", 1.0), ("1", 1.0)]
)
def test_shares_are_zero_to_one(text: str, ratio: float) -> None:
    assert parse_ratio(text) == ratio


@given(st.integers(0, 100_000))
def test_a_percentage_is_the_float_nearest_to_it(thousandths: int) -> None:
    """So that 999 good of 1,000 is `>= 99.9%`: dividing 99.9 by 100 in floats gives a little too much."""
    assert parse_ratio(f"{thousandths / 1000:.3f}%") == thousandths / 100_000


@pytest.mark.parametrize("text", ["", "101%", "1.5", "-1%", "5 percent"])
def test_what_is_no_share_says_so(text: str) -> None:
    with pytest.raises(ValueError, match="expected a share such as"):
        parse_ratio(text)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 s"),
        (500, "500 ns"),
        (850_000, "850 µs"),
        (5_020_000, "5.02 ms"),
        (1_250_000_000, "1.25 s"),
        (60 * SECOND, "60 s"),
        (300 * SECOND, "5 min"),
        (7500 * SECOND, "2 h 5 min"),
        (999_999_999, "1 s"),
    ],
)
def test_durations_are_written_in_the_largest_fitting_unit(ns: int, text: str) -> None:
    assert format_duration(ns) == text


@pytest.mark.parametrize(("rate", "text"), [(1000.0, "1,000/s"), (1.5, "1.5/s"), (0.0, "0/s"), (49.517, "49.5/s")])
def test_rates_are_written_with_as_many_digits_as_mean_something(rate: float, text: str) -> None:
    assert format_rate(rate) == text


@pytest.mark.parametrize(("ratio", "text"), [(0.0, "0%"), (1.0, "100%"), (0.01, "1%"), (0.9985, "99.85%")])
def test_shares_are_written_as_percentages(ratio: float, text: str) -> None:
    assert format_ratio(ratio) == text


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_a_share_is_never_written_as_all_or_nothing_unless_it_is(ratio: float) -> None:
    assert format_ratio(ratio) not in ("100%", "0%", "-0%", "100.0%")


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (512, "512 B"), (64_000, "64 kB"), (1_250_000_000, "1.25 GB")])
def test_sizes_are_written_in_decimal_units(size: int, text: str) -> None:
    assert format_bytes(size) == text
