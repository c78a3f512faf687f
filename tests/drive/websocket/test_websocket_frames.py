"""Frames as RFC 6455 and RFC 7692 have them, with the `websockets` library as the other side."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from loadtests.drive.drivers.websocket.deflate import Deflate, Overlong
from loadtests.drive.drivers.websocket.frames import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    BadFrame,
    FrameReader,
    close_payload,
    masked_frame,
)


def _server(opcode: int, payload: bytes, *, fin: bool = True, rsv1: bool = False) -> bytes:
    data = Frame(Opcode(opcode), payload, fin=fin).serialize(mask=False)
    return bytes((data[0] | 0x40,)) + data[1:] if rsv1 else data


@given(st.sampled_from([TEXT, BINARY]), st.integers(0, 70_000))
def test_a_peer_reads_what_is_sent_at_every_length(opcode: int, size: int) -> None:
    """7-bit, 16-bit and 64-bit lengths, masked."""
    payload = bytes(range(97, 123)) * (size // 26 + 1)
    stream = StreamReader()
    stream.feed_data(masked_frame(opcode, payload[:size]))
    parsing = Frame.parse(stream.read_exact, mask=True)
    with pytest.raises(StopIteration) as read:
        next(parsing)
    assert (read.value.value.opcode, read.value.value.data) == (opcode, payload[:size])


@given(st.lists(st.tuples(st.sampled_from([TEXT, BINARY, PING]), st.integers(0, 120)), max_size=6), st.data())
def test_messages_are_found_at_any_cut_of_the_stream(kinds: list[tuple[int, int]], data: st.DataObject) -> None:
    """However the bytes arrive, the same messages come out."""
    messages = [(opcode, b"x" * size) for opcode, size in kinds]
    stream = b"".join(_server(opcode, payload) for opcode, payload in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader, found = FrameReader(1000), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        if end > start:
            found += reader.feed(stream[start:end])
    assert found == messages
    assert reader.idle


def test_a_message_in_parts_is_one_with_a_ping_in_between() -> None:
    stream = _server(TEXT, b"he", fin=False) + _server(PING, b"?") + _server(0, b"ll", fin=False) + _server(0, b"o")
    assert FrameReader(10).feed(stream) == [(PING, b"?"), (TEXT, b"hello")]


BROKEN = [
    ("text that is no UTF-8", _server(TEXT, b"\xff\xfe"), 1007, "protocol"),
    (
        "text whose parts are UTF-8 but not together",
        _server(TEXT, b"\xc3", fin=False) + _server(0, b"("),
        1007,
        "protocol",
    ),
    ("a message over the limit, told by its length alone", b"\x82\x7f" + (5000).to_bytes(8, "big"), 1009, "too_big"),
    (
        "parts that add up over the limit",
        _server(BINARY, b"x" * 600, fin=False) + _server(0, b"x" * 600),
        1009,
        "too_big",
    ),
    ("a masked frame from a server", masked_frame(TEXT, b"hi"), 1002, "protocol"),
    ("compression that was not agreed", _server(TEXT, b"hi", rsv1=True), 1002, "protocol"),
    ("an unknown opcode", b"\x83\x00", 1002, "protocol"),
    ("an unknown control frame", b"\x8b\x00", 1002, "protocol"),
    ("a ping in parts", b"\x09\x00", 1002, "protocol"),
    ("a ping over 125 bytes", b"\x89\x7e\x00\x80", 1002, "protocol"),
    ("a continuation of nothing", _server(0, b"x"), 1002, "protocol"),
    ("a message within a message", _server(TEXT, b"a", fin=False) + _server(TEXT, b"b"), 1002, "protocol"),
]


@pytest.mark.parametrize(("sentence", "stream", "code", "cause"), BROKEN, ids=[row[0] for row in BROKEN])
def test_what_breaks_the_protocol_is_named(sentence: str, stream: bytes, code: int, cause: str) -> None:
    with pytest.raises(BadFrame) as fault:
        FrameReader(1000).feed(stream)
    assert (fault.value.code, fault.value.cause) == (code, cause)


def test_letters_beyond_ascii_come_through_in_parts() -> None:
    word = "größer".encode()
    assert FrameReader(100).feed(_server(TEXT, word[:3], fin=False) + _server(0, word[3:])) == [(TEXT, word)]


def test_close_payloads_hold_code_and_reason() -> None:
    assert close_payload(1000, "bye") == b"\x03\xe8bye"
    assert len(close_payload(1000, "x" * 200)) == 125
    assert FrameReader(10).feed(_server(CLOSE, close_payload(1001))) == [(CLOSE, b"\x03\xe9")]


@pytest.mark.parametrize(
    ("answer", "keeps"),
    [
        ("permessage-deflate", True),
        ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", False),
        ("permessage-deflate; client_max_window_bits=10", True),
    ],
)
def test_compressed_messages_come_back_with_and_without_a_kept_window(answer: str, keeps: bool) -> None:
    """A message that repeats the last one is shorter only where the window is kept."""
    ours, peer = Deflate.settled(answer), zlib.decompressobj(wbits=-15)
    text = bytes(range(256)) * 3
    first, second = ours.pack(text), ours.pack(text)
    assert (len(second) < len(first)) is keeps
    assert peer.decompress(first + b"\x00\x00\xff\xff") == text
    theirs = zlib.compressobj(wbits=-15)
    packed = (theirs.compress(text) + theirs.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")
    assert FrameReader(1000, Deflate.settled(answer)).feed(_server(BINARY, packed, rsv1=True)) == [(BINARY, text)]


def test_a_small_message_that_unpacks_to_a_large_one_is_too_big() -> None:
    """The bomb is found by what it would become, without unpacking all of it."""
    packer = zlib.compressobj(wbits=-15)
    bomb = packer.compress(b"\0" * 1_000_000) + packer.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(Overlong):
        Deflate().unpack(bomb.removesuffix(b"\x00\x00\xff\xff"), 1000)
    with pytest.raises(BadFrame, match="1009") as fault:
        FrameReader(5000, Deflate()).feed(_server(BINARY, bomb.removesuffix(b"\x00\x00\xff\xff"), rsv1=True))
    assert fault.value.cause == "too_big"


@pytest.mark.parametrize("answer", ["permessage-bzip2", "permessage-deflate; client_max_window_bits=99"])
def test_extensions_that_were_not_offered_are_refused(answer: str) -> None:
    with pytest.raises(ValueError, match=r"not asked for|cannot be used"):
        Deflate.settled(answer)
