"""Our HdrHistogram payloads and logs mean the same to us and to the hdrhistogram library, both ways."""

import base64
import zlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import example, given
from hypothesis import strategies as st
from result_samples import dense_counts, histogram, values_us

from loadtests.result import hlog
from loadtests.result.histogram import COUNTERS, HIGHEST_US, Histogram

MOMENT = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


def counts_of(reference: HdrHistogram) -> dict[int, int]:
    counts = np.frombuffer(reference.counts, np.int64)
    return {index: int(counts[index]) for index in np.flatnonzero(counts).tolist()}


def as_dict(found: Histogram) -> dict[int, int]:
    return dict(zip(found.indices.tolist(), found.counts.tolist(), strict=True))


def edges() -> Histogram:
    return Histogram(np.array([0, 1, 3, COUNTERS - 1], np.int32), np.array([1, 63, 64, 2**54], np.int64))


@given(dense_counts())
@example(edges())
@example(Histogram.empty())
def test_the_library_decodes_what_we_encode(ours: Histogram) -> None:
    reference = HdrHistogram.decode(hlog.encode(ours))
    assert counts_of(reference) == as_dict(ours)
    assert reference.get_total_count() == ours.total
    assert (reference.lowest_trackable_value, reference.highest_trackable_value) == (1, HIGHEST_US)
    assert reference.significant_figures == 3


@given(values_us)
@example(np.array([1, 1, 2, 4]))
@example(np.array([HIGHEST_US]))
def test_we_decode_what_the_library_encodes(values: np.ndarray) -> None:
    reference = HdrHistogram(1, HIGHEST_US, 3)
    for value in values.tolist():
        reference.record_value(value)
    assert hlog.decode(reference.encode()) == Histogram.of_us(values)


@given(st.lists(dense_counts(), max_size=8))
@example([Histogram.empty(), edges(), Histogram.empty()])
@example([edges(), Histogram.empty(), Histogram.empty(), edges()])
def test_many_payloads_decode_to_the_same_as_one_at_a_time(found: list[Histogram]) -> None:
    payloads = [hlog.encode(each) for each in found]
    assert hlog.decode_many(payloads) == found == [hlog.decode(payload) for payload in payloads]


@pytest.mark.parametrize("count", [1, 63, 64, 8191, 8192, 2**31, 2**53, 2**54])
def test_counts_of_every_encoded_length_survive(count: int) -> None:
    found = Histogram(np.array([9], np.int32), np.array([count], np.int64))
    assert hlog.decode(hlog.encode(found)) == found


def test_a_count_too_large_for_the_format_is_refused() -> None:
    with pytest.raises(ValueError, match="expected counts below 2\\^55"):
        hlog.encode(Histogram(np.array([9], np.int32), np.array([2**56], np.int64)))


def tampered(part: bytes, *, at: int) -> bytes:
    raw = base64.b64decode(hlog.encode(histogram(5)))
    inner = bytearray(zlib.decompress(raw[8:]))
    inner[at : at + len(part)] = part
    packed = zlib.compress(bytes(inner))
    return base64.b64encode(raw[:4] + len(packed).to_bytes(4, "big") + packed)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b"", "V2 payload", id="nothing"),
        pytest.param(b"HISTFAAAAAR42pNpmSz", "V2 payload", id="torn"),
        pytest.param(b"\xff\xfe", "V2 payload", id="not base64"),
        pytest.param(base64.b64encode(b"\0" * 8 + zlib.compress(b"\0" * 60)), "cookies", id="another format"),
        pytest.param(tampered(b"\x00\x00\x00\x02", at=12), "3 digits", id="two digits"),
        pytest.param(tampered(b"\x00\x00\x00\x63", at=4), "99 bytes", id="a wrong length"),
        pytest.param(tampered(b"\xff", at=41), "bytes of counters", id="a number without its end"),
        pytest.param(tampered(b"\x7f", at=40), None, id="a run of zeros alone is no fault"),
    ],
)
def test_a_damaged_or_foreign_payload_is_refused_with_the_reason(payload: bytes, reason: str | None) -> None:
    if reason is None:
        assert hlog.decode(payload).total == 1
        return
    with pytest.raises(ValueError, match=reason):
        hlog.decode(payload)


def test_a_counter_beyond_the_range_is_refused() -> None:
    beyond = Histogram(np.array([COUNTERS], np.int32), np.array([1], np.int64))
    with pytest.raises(ValueError, match=f"at most {COUNTERS} counters"):
        hlog.decode(hlog.encode(beyond))


@given(st.text(max_size=12), st.none() | st.text(max_size=12), st.text(max_size=12))
@example("a,b", "GET /x y", "first byte")
@example("api", "(generator)", "lag")
@example("Tag=", "%2F", "\n\r\t")
def test_tags_carry_any_names_on_one_line_without_commas_or_spaces(
    scenario: str, operation: str | None, kind: str
) -> None:
    text = hlog.tag(scenario, operation, kind)
    assert hlog.untag(text) == (scenario, operation, kind)
    assert text.isascii()
    assert not set(text) & set(", \r\n\t")


def test_an_operation_called_like_the_generator_is_not_the_generator() -> None:
    assert hlog.tag("api", "(generator)", "lag") != hlog.tag("api", None, "lag")


@pytest.mark.parametrize("text", ["", "api", "api/health", "a/b/c/d"])
def test_a_foreign_tag_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="scenario/operation/kind"):
        hlog.untag(text)


def write_log(path: Path, *entries: tuple[str, float, Histogram], started: datetime = MOMENT) -> Path:
    lines = [*hlog.header(started), *(hlog.line(tag, at, histogram=found) for tag, at, found in entries)]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def test_the_librarys_log_reader_reads_our_log_back_equal(tmp_path: Path) -> None:
    entries = [
        (hlog.tag("a,b", "GET /x", "response.ok"), 0.0, histogram(5, 5, 70_000)),
        (hlog.tag("a,b", None, "start lag"), 0.0, edges()),
        (hlog.tag("api", "health", "first byte"), 61.25, histogram(HIGHEST_US)),
    ]
    reader = HistogramLogReader(str(write_log(tmp_path / "a.hlog", *entries)), HdrHistogram(1, HIGHEST_US, 3))
    try:
        for tag, at, found in entries:
            theirs = reader.get_next_interval_histogram()
            assert theirs.get_tag() == tag
            assert counts_of(theirs) == as_dict(found)
            assert theirs.get_start_time_stamp() == pytest.approx((MOMENT.timestamp() + at) * 1000)
            assert theirs.get_end_time_stamp() - theirs.get_start_time_stamp() == pytest.approx(1000)
        assert reader.get_next_interval_histogram() is None
        assert reader.get_start_time_sec() == MOMENT.timestamp() == reader.base_time_sec
    finally:
        reader.close()


def test_the_header_states_unit_version_base_and_start_time_and_legend() -> None:
    started = MOMENT.astimezone(timezone(timedelta(hours=2)))
    assert [line.decode() for line in hlog.header(started)] == [
        "#[Values are microseconds, Interval_Max too; Tag is scenario/operation/kind, each percent-encoded]",
        "#[Histogram log format version 1.3]",
        "#[BaseTime: 1795422600.000 (seconds since epoch)]",
        "#[StartTime: 1795422600.000 (seconds since epoch), 2026-11-23 08:30:00.000+00:00]",
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
    ]


def test_a_line_states_tag_start_length_and_maximum_in_microseconds() -> None:
    line = hlog.line("api/health/x", 3.5, histogram=histogram(7, 100)).decode()
    assert line.startswith("Tag=api/health/x,3.500,1.000,100.000,HISTFAAAA")


def test_a_clock_set_back_gives_no_negative_start_which_readers_cannot_parse() -> None:
    assert hlog.line("a/b/c", -0.4, histogram=histogram(1)).startswith(b"Tag=a/b/c,0.000,")


def test_reading_passes_over_comments_legend_and_untagged_lines(tmp_path: Path) -> None:
    path = write_log(tmp_path / "a.hlog", ("api/health/x", 0, histogram(1)))
    foreign = b"# a comment\n0.0,1.0,1.0," + hlog.encode(histogram(2)) + b"\n"
    path.write_bytes(foreign + path.read_bytes())
    assert list(hlog.read_log(path)) == [("api", "health", "x", histogram(1))]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(b"Tag=api/health/x,1.000,1.000,1.000,HISTFAAAA", id="a torn line"),
        pytest.param(b"Tag=api/health/x,1.000\n", id="a short line"),
        pytest.param(b"Tag=api,0,1,1," + hlog.encode(histogram(1)) + b"\n", id="a foreign tag"),
        pytest.param(b"Tag=\xff/b/c,0,1,1," + hlog.encode(histogram(1)) + b"\n", id="a tag that is no text"),
        pytest.param(b"Tag=a/b/c,0,1,1,AAAA\n", id="a payload that is none"),
    ],
)
def test_reading_ends_before_the_first_damaged_line(tmp_path: Path, damage: bytes) -> None:
    path = write_log(tmp_path / "a.hlog", ("api/health/x", 0, histogram(1)))
    whole = path.read_bytes()
    path.write_bytes(whole + damage + whole)
    assert list(hlog.read_log(path)) == [("api", "health", "x", histogram(1))]


def test_long_logs_are_read_in_order_across_blocks(tmp_path: Path) -> None:
    entries = [("api/health/x", float(n), histogram(n + 1)) for n in range(200)]
    found = list(hlog.read_log(write_log(tmp_path / "a.hlog", *entries)))
    assert [entry.histogram.min_us for entry in found] == list(range(1, 201))
