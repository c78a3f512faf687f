"""Sentences become thresholds and sentences again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.plan.model import Abort, Threshold
from loadtests.plan.thresholds import (
    WRITTEN,
    ThresholdError,
    format_threshold,
    parse_threshold,
    samples_needed,
    write_duration,
)
from loadtests.units import parse_duration_ns

MS = 10**6
SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("p99 < 2s", ("latency", "<", 2 * SECOND, "ns", 0.99), id="a quantile of the response time"),
        pytest.param("p99.9<=1500ms", ("latency", "<=", 1500 * MS, "ns", 0.999), id="a quantile with a decimal"),
        pytest.param("mean < 5ms", ("mean", "<", 5 * MS, "ns", None), id="the mean"),
        pytest.param("max < 1m", ("max", "<", 60 * SECOND, "ns", None), id="the maximum"),
        pytest.param("errors < 1%", ("errors", "<", 0.01, "ratio", None), id="a share in percent"),
        pytest.param("success >= 99.9%", ("success", ">=", 0.999, "ratio", None), id="99.9% is 0.999, not a bit more"),
        pytest.param("timeouts < 0.05", ("timeouts", "<", 0.05, "ratio", None), id="a share as a number"),
        pytest.param("drops <= 0%", ("drops", "<=", 0.0, "ratio", None), id="none at all"),
        pytest.param("throughput >= 990/s", ("throughput", ">=", 990.0, "per_s", None), id="a rate"),
        pytest.param("throughput > 90/m", ("throughput", ">", 1.5, "per_s", None), id="a rate by the minute"),
        pytest.param("connect p95 < 20ms", ("connect", "<", 20 * MS, "ns", 0.95), id="connect time"),
        pytest.param("first  byte p50 < 1ms", ("first byte", "<", MS, "ns", 0.5), id="two words, loosely spaced"),
        pytest.param("lag p99 < 1ms", ("lag", "<", MS, "ns", 0.99), id="the generator's own lag"),
        pytest.param("target cpu < 70%", ("target cpu", "<", 0.7, "ratio", None), id="the target's CPU"),
        pytest.param("target memory < 2GB", ("target memory", "<", 2 * 10**9, "bytes", None), id="its memory"),
        pytest.param("target pool < 80%", ("target pool", "<", 0.8, "ratio", None), id="its pool"),
        pytest.param("target lock wait < 50ms", ("target lock wait", "<", 50 * MS, "ns", None), id="its lock waits"),
    ],
)
def test_a_sentence_means(text: str, expected: tuple[object, ...]) -> None:
    found = parse_threshold(text)
    assert (found.metric, found.comparison, found.limit, found.unit, found.quantile) == expected
    assert (found.operation, found.service, found.sliding_ns, found.abort, found.clause) == (
        None,
        False,
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        pytest.param("execute: p99 < 3s", "operation", "execute", id="before the colon is the operation"),
        pytest.param("visit/log in: p99 < 3s", "operation", "visit/log in", id="a step of a journey"),
        pytest.param("a:b.c: p99 < 3s", "operation", "a:b.c", id="the last colon counts"),
        pytest.param("wait for x: p99 < 3s", "operation", "wait for x", id="an operation with the word for"),
        pytest.param("abort: errors < 1%", "operation", "abort", id="an operation named abort"),
        pytest.param("service p99 < 3s", "service", True, id="service time"),
        pytest.param("p99 < 2s for 30s", "sliding_ns", 30 * SECOND, id="every window of that length"),
        pytest.param("p99 < 2s abort", "abort", Abort(0), id="abort at once"),
        pytest.param("p99 < 2s abort after 10s", "abort", Abort(10 * SECOND), id="abort, but not before"),
        pytest.param("p99 < 2s [BASE-P99]", "clause", "BASE-P99", id="the clause it meets"),
    ],
)
def test_a_sentence_may_also_say(text: str, field: str, expected: object) -> None:
    assert getattr(parse_threshold(text), field) == expected


def test_all_parts_stand_together_in_one_sentence() -> None:
    found = parse_threshold("  execute:  service p99.9<2500ms for 30s abort after 1m   [SLO-P99]")
    assert found.text == "execute: service p99.9 < 2.5s for 30s abort after 1m"
    assert format_threshold(found) == "execute: service p99.9 < 2.5s for 30s abort after 1m [SLO-P99]"


_CLAIMS = st.one_of(
    st.tuples(
        st.sampled_from(["", "service ", "connect ", "first byte ", "lag "]),
        st.one_of(st.integers(1, 99).map(str), st.decimals("0.001", "99.999", places=3).map(str)),
    ).map(lambda pair: (f"{pair[0]}p{pair[1]}", "time")),
    st.sampled_from(["mean", "service max", "target lock wait"]).map(lambda name: (name, "time")),
    st.sampled_from(["errors", "success", "timeouts", "drops", "target cpu"]).map(lambda name: (name, "share")),
    st.just(("throughput", "rate")),
    st.just(("target memory", "size")),
)
_AMOUNTS = {
    "time": st.integers(0, 10**13).map(lambda ns: f"{ns}ns"),
    "share": st.one_of(
        st.decimals(0, 100, places=3).map(lambda percent: f"{percent}%"), st.floats(0, 1).map(lambda x: f"{x:.17f}")
    ),
    "rate": st.tuples(st.integers(0, 10**6), st.sampled_from("smh")).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    "size": st.integers(0, 10**13).map(lambda size: f"{size}B"),
}
_NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9 _.:/-]{0,8}[A-Za-z0-9])?", fullmatch=True)


@given(st.data())
def test_formatting_and_parsing_are_inverse(data: st.DataObject) -> None:
    metric, kind = data.draw(_CLAIMS)
    operation = data.draw(st.one_of(st.just(""), _NAMES.map(lambda name: f"{name}: ")))
    comparison = data.draw(st.sampled_from(["<", "<=", ">", ">="]))
    tail = data.draw(st.sampled_from(["", " for 30s", " abort", " for 1.5s abort after 2m [A-B]", " [BASE-P99]"]))
    found = parse_threshold(f"{operation}{metric} {comparison} {data.draw(_AMOUNTS[kind])}{tail}")
    assert parse_threshold(format_threshold(found)) == found


@pytest.mark.parametrize(
    ("text", "rule", "nearest"),
    [
        pytest.param("eror < 1%", "unknown metric", "errors", id="a misspelt share"),
        pytest.param("troughput > 3/s", "unknown metric", "throughput", id="a misspelt rate"),
        pytest.param("traget cpu < 1%", "unknown metric", "target cpu", id="a misspelt gauge"),
        pytest.param("latency < 3s", "unknown metric", None, id="latency needs its quantile written pNN"),
        pytest.param("p100 < 3s", "above 0 and below 100", "max", id="the hundredth percentile is the maximum"),
        pytest.param("connect < 3s", "needs a quantile", "connect p95", id="connect without a quantile"),
        pytest.param("errors p99 < 1%", "has no quantiles", "errors", id="a share has no quantile"),
        pytest.param("service errors < 1%", "only latencies", "errors", id="service of a share"),
        pytest.param("p99 < 2", "expected a duration", None, id="a duration without its unit"),
        pytest.param("errors < 200%", "expected a share", None, id="more than all"),
        pytest.param("throughput > 99", "expected a rate", None, id="a rate without its unit"),
        pytest.param("target memory < 2", "expected a size", None, id="a size without its unit"),
        pytest.param("p99 2s", "expected a sentence", None, id="no comparison"),
        pytest.param("p99 < < 2s", "expected a sentence", None, id="two comparisons"),
        pytest.param(": p99 < 2s", "expected a sentence", None, id="a colon after no operation"),
        pytest.param("", "expected a sentence", None, id="nothing"),
        pytest.param("p99 < 2s for ever", "expected a duration after for", None, id="a window that is no duration"),
        pytest.param("p99 < 2s for 0s", "longer than nothing", None, id="an empty window"),
        pytest.param("p99 < 2s abort after x", "after abort after", None, id="a delay that is no duration"),
    ],
)
def test_what_is_no_threshold_says_what_was_expected(text: str, rule: str, nearest: str | None) -> None:
    with pytest.raises(ThresholdError) as caught:
        parse_threshold(text)
    assert rule in str(caught.value)
    assert caught.value.nearest == nearest


@given(st.text("pabortefsx0123456789.<>=:%[]/ ", max_size=30))
def test_no_text_breaks_the_parser(text: str) -> None:
    """Any text either means a threshold that can be written again, or raises the one error there is."""
    try:
        found = parse_threshold(text)
    except ThresholdError:
        return
    assert parse_threshold(format_threshold(found)) == found


@pytest.mark.parametrize("metric", WRITTEN)
def test_every_listed_metric_is_a_metric(metric: str) -> None:
    endings = ("1s", "1%", "1/s", "1GB", "1")
    assert any(_parses(f"{metric} < {ending}") for ending in endings)


def _parses(text: str) -> Threshold | None:
    try:
        return parse_threshold(text)
    except ThresholdError:
        return None


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        pytest.param("p99 < 2s", 299, id="p99 needs 299"),
        pytest.param("p95 < 2s", 59, id="p95 needs 59"),
        pytest.param("p99.9 < 2s", 2995, id="p99.9 needs 2,995"),
        pytest.param("p50 < 2s", 5, id="the median needs 5"),
        pytest.param("errors < 1%", 299, id="zero failures need 299 trials to show less than 1%"),
        pytest.param("success >= 99%", 299, id="so does 99% success"),
        pytest.param("timeouts < 5%", 59, id="fewer for a wider limit"),
        pytest.param("errors <= 0%", None, id="none at all can never be shown by counting"),
        pytest.param("mean < 1s", None, id="a mean has no floor"),
        pytest.param("target cpu < 70%", None, id="the target's gauges are not requests"),
    ],
)
def test_samples_needed_at_95_percent_confidence(text: str, needed: int | None) -> None:
    assert samples_needed(parse_threshold(text)) == needed


@given(st.integers(0, 10**15))
def test_a_written_duration_reads_back_exactly(ns: int) -> None:
    assert parse_duration_ns(write_duration(ns)) == ns


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0s"), (1, "1ns"), (1500, "1.5us"), (250 * MS, "250ms"), (90 * SECOND, "90s"), (300 * SECOND, "5m")],
)
def test_durations_are_written_as_a_person_would(ns: int, text: str) -> None:
    assert write_duration(ns) == text
