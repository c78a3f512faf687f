"""Figures in sentences: never across their limit, whatever their size."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_runs import threshold_of

from loadtests.judge.decision import Finding
from loadtests.judge.verdict import Outcome
from loadtests.judge.wording import amount, sentence, subject
from loadtests.units import parse_duration_ns


@pytest.mark.parametrize(
    ("value", "unit", "beside", "text"),
    [
        pytest.param(1_999_600_000, "ns", 2_000_000_000, "1.9996 s", id="just below 2 s"),
        pytest.param(2_000_400_000, "ns", 2_000_000_000, "2.0004 s", id="just above 2 s"),
        pytest.param(2_000_000_000, "ns", 2_000_000_000, "2 s", id="exactly 2 s"),
        pytest.param(1_500_000_000, "ns", 2_000_000_000, "1.5 s", id="far away, three digits do"),
        pytest.param(0.00999, "ratio", 0.01, "0.999%", id="just below 1%"),
        pytest.param(0.0100004, "ratio", 0.01, "1.00004%", id="just above 1%"),
        pytest.param(0.0001498, "ratio", 0.01, "0.015%", id="a small share keeps its digits"),
        pytest.param(989.97, "per_s", 990.0, "989.97/s", id="just below a rate"),
        pytest.param(2_000_400_000, "bytes", 2e9, "2.0004 GB", id="just above a size"),
    ],
)
def test_a_figure_keeps_to_its_side_of_the_limit(value: float, unit: str, beside: float, text: str) -> None:
    assert amount(value, unit, beside=beside) == text


@given(st.integers(1, 10**11), st.integers(1, 10**11))
@settings(max_examples=200)
def test_any_two_durations_read_in_their_order(value: int, limit: int) -> None:
    shown = parse_duration_ns(amount(value, "ns", beside=limit).replace(" ", "").replace(",", "").replace("min", "m"))
    assert (shown > limit) == (value > limit)
    assert (shown < limit) == (value < limit)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("p99.9 < 1s", "p99.9", id="a quantile"),
        pytest.param("get: service p50 < 1s", "service p50 of get", id="service time of one operation"),
        pytest.param("connect p95 < 1s", "connect p95", id="a protocol's own figure"),
        pytest.param("target cpu < 70%", "target cpu", id="a figure of the target"),
    ],
)
def test_what_a_threshold_speaks_of(text: str, said: str) -> None:
    assert subject(threshold_of(text)) == said


@pytest.mark.parametrize(
    ("finding", "low", "high", "said"),
    [
        pytest.param(
            Finding(Outcome.PASS, 1e8, samples=2_000, worth=2_000),
            9e7,
            1.2e8,
            "p99 is 100 ms, at most 120 ms with 95% confidence; limit 2 s (2,000 answers)",
            id="a pass shows the bound on the limit's side",
        ),
        pytest.param(
            Finding(Outcome.FAIL, 3e9, samples=2_000, worth=500),
            2.5e9,
            None,
            "p99 is 3 s, at least 2.5 s with 95% confidence; limit 2 s (2,000 answers, worth 500 independent)",
            id="so does a miss, with what its samples are worth",
        ),
        pytest.param(
            Finding(Outcome.INCONCLUSIVE, 1.9e9, samples=2_000, worth=2_000, still_open=3, needed=123_456),
            1.8e9,
            2.1e9,
            "p99 is 1.9 s, limit 2 s: at least 1.8 s and at most 2.1 s with 95% confidence each, so either is "
            "possible; about 130,000 would settle it (2,000 answers; 3 without an end)",
            id="an open question shows both bounds and what would settle it",
        ),
        pytest.param(Finding(Outcome.INVALID, reason="no data"), None, None, "p99: no data", id="nothing to compare"),
    ],
)
def test_sentences(finding: Finding, low: float | None, high: float | None, said: str) -> None:
    assert sentence(threshold_of("p99 < 2s"), finding, low=low, high=high) == said
