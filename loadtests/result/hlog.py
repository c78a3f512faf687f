"""Histograms as text: the HdrHistogram V2 payload and the interval log around it.

A payload, as every HdrHistogram library reads it (HdrHistogram, `encodeIntoCompressedByteBuffer`), all big-endian:

    base64( cookie u32 · length u32 · zlib( cookie u32 · length u32 · normalizing offset i32 · digits i32
                                            · lowest u64 · highest u64 · ratio f64 · words ) )

`words` are ZigZag LEB128 numbers: a positive one is the next counter's count, a negative one a run of zero counters.

A log holds one line per histogram and second:

    Tag=<scenario>/<operation>/<kind>,<start s>,<interval s>,<max µs>,<payload>

Each name is percent-encoded, so commas, spaces and slashes in names survive; the generator's own histograms stand under
the operation `(generator)`, which no encoded name can spell. Start times count from the log's base time. Lines come in
the order in which windows arrived, so a late answer's line can follow one of a later second.
"""

import binascii
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import NDArray

from loadtests.result.histogram import COUNTERS, HIGHEST_US, LOWEST_US, Histogram

__all__ = ["GENERATOR", "LogEntry", "decode", "decode_many", "encode", "header", "line", "read_log", "tag", "untag"]

GENERATOR = "(generator)"
"""The operation part of a tag for the generator's own histograms."""

_DIGITS = 3
_OUTER_COOKIE = (0x1C849304 | 0x10).to_bytes(4)
_INNER_COOKIE = (0x1C849303 | 0x10).to_bytes(4)
_SETTINGS = struct.pack(">iiQQd", 0, _DIGITS, LOWEST_US, HIGHEST_US, 1.0)
_OUTER = struct.Struct(">4sI")
_BODY = _OUTER.size + len(_SETTINGS)
_LONGEST_WORD = 8
_INT32 = 2**31
_CHUNK = 64  # larger blocks only miss the cache


class LogEntry(NamedTuple):
    """One line of a log; `operation` is `None` for the generator's own histograms."""

    scenario: str
    operation: str | None
    kind: str
    histogram: Histogram


def encode(histogram: Histogram) -> bytes:
    """The V2 payload in base64. `clamped` has no place in it and is kept elsewhere by whoever needs it."""
    words = _words(histogram)
    packed = zlib.compress(_OUTER.pack(_INNER_COOKIE, len(words)) + _SETTINGS + words, 1)
    return binascii.b2a_base64(_OUTER.pack(_OUTER_COOKIE, len(packed)) + packed, newline=False)


def decode(payload: bytes) -> Histogram:
    """The histogram of one payload; `ValueError` says what is wrong with it."""
    return decode_many([payload])[0]


def decode_many(payloads: Sequence[bytes]) -> list[Histogram]:
    """The histograms of many payloads, unpacked together: several times faster than one at a time."""
    return _unpack([_body(payload) for payload in payloads])


def header(started: datetime) -> list[bytes]:
    """The lines a log begins with; start times of its intervals count from `started`."""
    epoch = started.timestamp()
    text = [
        "#[Values are microseconds, Interval_Max too; Tag is scenario/operation/kind, each percent-encoded]",
        "#[Histogram log format version 1.3]",
        f"#[BaseTime: {epoch:.3f} (seconds since epoch)]",
        f"#[StartTime: {epoch:.3f} (seconds since epoch), {started.astimezone(UTC).isoformat(' ', 'milliseconds')}]",
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
    ]
    return [entry.encode() for entry in text]


def tag(scenario: str, operation: str | None, kind: str) -> str:
    """The tag of a histogram; `None` as operation means the generator itself."""
    middle = GENERATOR if operation is None else quote(operation, safe="")
    return f"{quote(scenario, safe='')}/{middle}/{quote(kind, safe='')}"


def untag(text: str) -> tuple[str, str | None, str]:
    """Scenario, operation and kind of a tag that `tag` wrote; `ValueError` for any other."""
    parts = text.split("/")
    if len(parts) != 3:
        raise ValueError(f"expected a tag of scenario/operation/kind, got {text!r}")
    scenario, middle, kind = parts
    return unquote(scenario), None if middle == GENERATOR else unquote(middle), unquote(kind)


def line(tag_text: str, start_s: float, *, histogram: Histogram, interval_s: float = 1.0) -> bytes:
    """One interval line, without its newline."""
    prefix = f"Tag={tag_text},{max(start_s, 0.0):.3f},{interval_s:.3f},{histogram.max_us or 0:.3f},"
    return prefix.encode() + encode(histogram)


def read_log(path: Path) -> Iterator[LogEntry]:
    """The intervals of a log in file order, decoded in bulk; memory stays bounded by a few dozen lines.

    Ends at the first line that is torn or damaged: everything before it is whole (each payload carries a checksum).
    Comments, the legend and untagged lines are passed over.
    """
    tags: list[tuple[str, str | None, str]] = []
    bodies: list[bytes] = []
    for names, body in _intervals(path):
        tags.append(names)
        bodies.append(body)
        if len(tags) == _CHUNK:
            yield from _entries(tags, bodies)
            tags, bodies = [], []
    yield from _entries(tags, bodies)


def _entries(tags: Sequence[tuple[str, str | None, str]], bodies: Sequence[bytes]) -> Iterable[LogEntry]:
    return (LogEntry(*names, histogram) for names, histogram in zip(tags, _unpack(bodies), strict=True))


def _intervals(path: Path) -> Iterator[tuple[tuple[str, str | None, str], bytes]]:
    known: dict[bytes, tuple[str, str | None, str]] = {}
    with path.open("rb") as file:
        for raw in file:
            if not raw.endswith(b"\n"):
                return
            if not raw.startswith(b"Tag="):
                continue
            try:
                label, _, _, _, payload = raw[4:-1].split(b",")
                if label not in known:
                    known[label] = untag(label.decode())
                body = _body(payload)
            except ValueError:
                return
            yield known[label], body


def _body(payload: bytes) -> bytes:
    """The words of a payload, after checking everything around them."""
    try:
        raw = binascii.a2b_base64(payload)
        inner = zlib.decompress(memoryview(raw)[_OUTER.size :])
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"expected an HdrHistogram V2 payload: {error}") from error
    if raw[:4] != _OUTER_COOKIE or inner[:4] != _INNER_COOKIE or int.from_bytes(raw[4:8]) != len(raw) - _OUTER.size:
        raise ValueError(f"expected an HdrHistogram V2 payload, got cookies {raw[:4].hex()} and {inner[:4].hex()}")
    if inner[_OUTER.size : _BODY] != _SETTINGS:
        raise ValueError(f"expected a histogram of {LOWEST_US} to {HIGHEST_US} with {_DIGITS} digits")
    length = int.from_bytes(inner[4 : _OUTER.size])
    words = inner[_BODY:]
    if len(words) != length or (length and words[-1] & 0x80):
        raise ValueError(f"expected {length} bytes of counters, got {len(words)}")
    return words


def _words(histogram: Histogram) -> bytes:
    """The counters as ZigZag LEB128: -(zeros before) where there are any, then the count, for each counter."""
    if not histogram.indices.size:
        return b""
    gaps = np.diff(histogram.indices, prepend=-1).astype(np.int64) - 1
    zigzag = np.empty(2 * gaps.size, np.int64)
    zigzag[0::2] = 2 * gaps - 1
    zigzag[1::2] = 2 * histogram.counts
    words = zigzag[zigzag > 0]
    width = max(1, -(-int(words.max()).bit_length() // 7))
    if width > _LONGEST_WORD:
        raise ValueError(f"expected counts below 2^55, got {histogram.counts.max()}")
    groups = words[:, None] >> np.arange(0, 7 * width, 7)
    more = groups[:, 1:] > 0
    octets = (groups & 0x7F).astype(np.uint8)
    octets[:, :-1] |= more.astype(np.uint8) << 7
    kept = np.ones(octets.shape, bool)
    kept[:, 1:] = more
    return octets[kept].tobytes()


def _unpack(bodies: Sequence[bytes]) -> list[Histogram]:
    """The histograms of many bodies at once: one pass of numpy over all their words."""
    octets = np.frombuffer(b"".join(bodies), np.uint8)
    ends = np.flatnonzero(octets < 0x80) + 1
    values = _unzigzag(octets, ends)
    byte_ends = np.cumsum(np.fromiter(map(len, bodies), np.int64, len(bodies)))
    word_ends = np.searchsorted(ends, byte_ends, side="right")

    after = np.cumsum(np.where(values < 0, -values, 1))
    base = np.concatenate(([0], after))[np.concatenate(([0], word_ends))]
    present = np.flatnonzero(values > 0)
    counts = values[present]
    if counts.size and int(counts.max()) < _INT32:
        counts = counts.astype(np.int32)  # half the memory, and any sum of them is an int64 again
    edges = np.searchsorted(present, word_ends)
    owners = np.repeat(base[:-1], np.diff(edges, prepend=0))
    indices = (after[present] - 1 - owners).astype(np.int32)
    if indices.size and int(indices.max()) >= COUNTERS:
        raise ValueError(f"expected at most {COUNTERS} counters, got one at {indices.max()}")
    cuts = [0, *edges.tolist()]
    return [Histogram(indices[a:b], counts[a:b]) for a, b in pairwise(cuts)]


def _unzigzag(octets: NDArray[np.uint8], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """The signed numbers whose last bytes are those before `ends`."""
    starts = np.concatenate(([0], ends[:-1])) if ends.size else ends
    lengths = ends - starts
    longest = int(lengths.max(initial=0))
    if longest > _LONGEST_WORD:
        raise ValueError(f"expected counts of at most {_LONGEST_WORD} bytes, got {longest}")
    words = np.zeros(ends.size, np.int64)
    for position in range(longest):
        long_enough = np.flatnonzero(lengths > position)
        words[long_enough] |= (octets[starts[long_enough] + position].astype(np.int64) & 0x7F) << (7 * position)
    return (words >> 1) ^ -(words & 1)
