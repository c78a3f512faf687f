"""An answer reads the same however it was split, and ends where it ends."""

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.drive.drivers.http.reader import AnswerReader, MalformedAnswer


@dataclass(frozen=True)
class Expected:
    status: int
    body: bytes
    keep_alive: bool = True
    head_only: bool = False
    by_close: bool = False


ANSWERS = [
    pytest.param(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Expected(200, b"hello"), id="a body of known length"
    ),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Expected(200, b""), id="an empty body"),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n",
        Expected(200, b"hello"),
        id="chunks with an extension and a trailer",
    ),
    pytest.param(b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", Expected(204, b""), id="204 has no body"),
    pytest.param(
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        Expected(304, b""),
        id="304 has no body, whatever its length says",
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        Expected(200, b"", head_only=True),
        id="the answer to HEAD has no body, whatever its length says",
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        Expected(200, b"", head_only=True),
        id="the answer to HEAD has no chunks",
    ),
    pytest.param(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
        Expected(201, b"ok"),
        id="interim answers are skipped",
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        Expected(200, b"ok", keep_alive=False),
        id="Connection: close",
    ),
    pytest.param(
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", Expected(200, b"ok", keep_alive=False), id="HTTP/1.0 closes"
    ),
    pytest.param(
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        Expected(200, b"ok"),
        id="HTTP/1.0 with keep-alive",
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        Expected(200, b"until the end", keep_alive=False, by_close=True),
        id="a body without a length ends with the connection",
    ),
    pytest.param(
        b"HTTP/1.0 200 OK\r\nX: 1\r\n\r\nuntil the end",
        Expected(200, b"until the end", keep_alive=False, by_close=True),
        id="a body without a length, HTTP/1.0",
    ),
]


def read(reader: AnswerReader, pieces: list[bytes], expected: Expected) -> None:
    reader.begin(head_only=expected.head_only, keep=1 << 20)
    done = [reader.feed(piece) for piece in pieces]
    if expected.by_close:
        assert not any(done)
        assert reader.end()
    else:
        assert done == [False] * (len(pieces) - 1) + [True], "complete with the last byte, not before"
    assert (reader.status, reader.body(), reader.size) == (expected.status, expected.body, len(expected.body))
    assert (reader.keep_alive, reader.surplus) == (expected.keep_alive, False)
    assert reader.head().status == expected.status


@pytest.mark.parametrize(("answer", "expected"), ANSWERS)
def test_an_answer_reads_the_same_split_at_every_byte(answer: bytes, expected: Expected) -> None:
    """In two pieces at every boundary, and in single bytes; with one reader, which starts afresh each time."""
    reader = AnswerReader()
    for at in range(1, len(answer)):
        if expected.keep_alive:
            read(reader, [answer[:at], answer[at:]], expected)
        else:  # after a close the parser takes no further answer, nor does a connection
            read(AnswerReader(), [answer[:at], answer[at:]], expected)
    read(AnswerReader(), [answer[at : at + 1] for at in range(len(answer))], expected)
    read(AnswerReader(), [answer], expected)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", id="a body cut short"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", id="chunks cut short"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", id="headers cut short"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="only an interim answer"),
    ],
)
def test_the_end_of_the_connection_is_no_end_of_an_answer_that_promised_more(answer: bytes) -> None:
    """Only a body without a length may end that way."""
    reader = AnswerReader()
    assert not reader.feed(answer)
    assert not reader.end()


@pytest.mark.parametrize(
    "surplus",
    [
        pytest.param(b"garbage", id="garbage"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", id="a second answer"),
        pytest.param(b"H", id="the beginning of something"),
    ],
)
@pytest.mark.parametrize("closing", [False, True])
def test_more_than_the_answer_is_noticed_and_does_not_spoil_it(surplus: bytes, closing: bool) -> None:
    """The answer stands; the connection must not be used again."""
    reader = AnswerReader()
    connection = b"Connection: close\r\n" if closing else b""
    reader.begin(keep=100)
    assert reader.feed(b"HTTP/1.1 200 OK\r\n" + connection + b"Content-Length: 2\r\n\r\nok" + surplus)
    assert (reader.status, reader.body(), reader.surplus) == (200, b"ok", True)


def test_a_body_after_the_answer_to_head_is_surplus() -> None:
    """A server that answers HEAD as if it were GET gets its connection closed."""
    reader = AnswerReader()
    reader.begin(head_only=True)
    assert reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert reader.surplus


def test_only_so_much_of_a_body_is_remembered() -> None:
    """`keep` bounds memory; `size` still counts all of it."""
    reader = AnswerReader()
    reader.begin(keep=10)
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(1000):
        reader.feed(b"x" * 100)
    assert reader.complete
    assert (reader.size, len(reader.body())) == (100_000, 100)


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    """Whatever comes is an answer, an unfinished one, or malformed: never another exception."""
    reader = AnswerReader()
    try:
        complete = reader.feed(data)
    except MalformedAnswer:
        return
    assert complete == reader.complete


@given(st.data())
def test_any_split_of_a_chunked_answer_reads_the_same(data: st.DataObject) -> None:
    """Random cuts, several at once."""
    chunks = data.draw(st.lists(st.binary(min_size=1, max_size=20), max_size=5))
    coded = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + coded + b"0\r\n\r\n"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(answer) - 1), max_size=8)))
    edges = [0, *cuts, len(answer)]
    pieces = [answer[low:high] for low, high in itertools.pairwise(edges)]
    read(AnswerReader(), pieces, Expected(200, b"".join(chunks)))
