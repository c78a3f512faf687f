"""The reader of server-sent events: whatever the pieces, the same events; held against a plain reading of all."""

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadtests.drive.drivers.agent.sse import LARGEST_EVENT, BadStream, EventReader


def read(*pieces: bytes) -> list[tuple[bytes, bytes]]:
    reader = EventReader()
    return [event for piece in pieces for event in reader.feed(piece)]


def by_the_standard(stream: bytes) -> list[tuple[str, str]]:
    """The events of a whole stream, decoded first and read line by line, as the standard's prose says it."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    lines = re.split("\r\n|\n|\r", text)[:-1]  # what follows the last line end is no line
    found, name, data = [], "", []
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                found.append((name or "message", "\n".join(data)))
            name, data = "", []
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
    return found


LINES = st.sampled_from(
    [
        *(b"data: x", b"data:x", b"data", b"data:", b"data:  two", b"event: token", b"event:", b": comment", b":"),
        *(b"id: 7", b"retry: 10", b"retry: x", b"odd: 1", b"data: a: b", "data: é€😀".encode(), b"", b"", b""),
        *(b"data: \xff\xfe", b" data: indented", b"datax: 1"),
    ]
)
STREAMS = st.builds(
    lambda bom, parts: bom + b"".join(line + end for line, end in parts),
    st.sampled_from([b"", b"\xef\xbb\xbf", b"\xef\xbb"]),
    st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=20),
)


@given(STREAMS, st.lists(st.integers(0, 400), max_size=12))
@example(b"data: x\r\n\r\n", [8, 9, 10])
@example("\ufeffdata: 😀\n\n".encode(), [1, 2, 10, 11])
def test_the_same_events_come_whatever_the_pieces(stream: bytes, cuts: list[int]) -> None:
    """Cut anywhere (within a line end, a BOM, a character) the events are those of the whole."""
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(edges)]
    found = [(name.decode(), data.decode("utf-8", "replace")) for name, data in read(*pieces)]
    assert found == by_the_standard(stream)


@given(STREAMS)
def test_byte_by_byte_is_as_good_as_at_once(stream: bytes) -> None:
    """The fast way for a whole event in one piece gives what the slow way gives."""
    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == read(stream)


@given(st.lists(st.sampled_from([b"event: token\ndata: {}\n\n", b"data: [1]\n\n", b"event: a\n\n", b": c\n\n"])))
def test_whole_events_one_a_piece_are_read_like_the_joined_stream(pieces: list[bytes]) -> None:
    """As most servers send them."""
    assert read(*pieces) == read(b"".join(pieces))


def test_the_last_id_and_the_retry_are_kept() -> None:
    """An id sticks until another is given, one with NUL is none; a retry is digits or nothing."""
    reader = EventReader()
    reader.feed(b"id: 1\ndata: a\n\nid: x\0y\nretry: 250\ndata: b\n\nretry: 1.5\n\n")
    assert (reader.last_id, reader.retry_ms) == (b"1", 250)
    reader.feed(b"id\n\n")
    assert reader.last_id == b""


def test_an_unfinished_event_is_none() -> None:
    """The standard throws it away; a reader can tell that there was one."""
    reader = EventReader()
    assert reader.feed(b"data: a\n\nevent: b\ndata: half") == [(b"message", b"a")]
    assert reader.within_event


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 65_536, b"data: " + b"x" * 65_529 + b"\n"])
def test_an_event_that_does_not_end_is_given_up(piece: bytes) -> None:
    """Neither one long line nor many lines may fill the memory."""
    with pytest.raises(BadStream, match="more than 4 MiB"):
        read(*(piece for _ in range(LARGEST_EVENT // len(piece) + 2)))
