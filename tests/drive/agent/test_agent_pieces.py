"""Many pieces of a stream at once: the same comes of it as of one after the other."""

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadtests.drive.drivers.agent.dialect import dialect
from loadtests.drive.drivers.agent.sse import EventReader
from loadtests.drive.drivers.agent.stream import _only_chunk
from loadtests.drive.drivers.agent.turn import Turn
from loadtests.plan.protocol.agent import AgentSettings

TOKEN = b"event: token\ndata: "
PIECES = st.lists(
    st.sampled_from(
        [
            TOKEN + b'{"text":"a"}\n\n',
            TOKEN + b'{"text":"bb"}\n\n',
            TOKEN + b"1\n\nevent: token\ndata: 2\n\n",
            TOKEN + b"1\r\n\r\n",
            TOKEN + b"1\ndata: 2\n\n",
            b"event: tool\ndata: {}\n\n",
            TOKEN + b"{",
        ]
    ),
    max_size=6,
)


@given(st.integers(1, 70_000))
@example(15)
@example(16)
@example(65_535)
def test_a_chunk_is_told_however_its_length_is_written(size: int) -> None:
    """As servers usually write it, in capitals, or with zeros before it; one byte more or less is no chunk."""
    body = b"x" * size
    for head in (b"%x" % size, b"%X" % size, b"0%x" % size):
        whole = head + b"\r\n" + body + b"\r\n"
        assert _only_chunk(whole) == body
        assert _only_chunk(whole[:-3] + b"\r\n") is None
        assert _only_chunk(whole[:-2] + b"x\r\n") is None
        assert _only_chunk(whole[:-2] + b"\n\n") is None
    assert _only_chunk(b"%x;a=b\r\n" % size + body + b"\r\n") is None


@pytest.mark.parametrize("data", [b"0\r\n\r\n", b"\r\n", b"\r\n\r\n", b"", b"x", b"12", b"-1\r\n\r\n"])
def test_what_is_no_chunk_with_something_in_it(data: bytes) -> None:
    """The last one of an answer, and what is none at all."""
    assert _only_chunk(data) is None


@given(PIECES)
def test_whole_events_are_found_as_one_by_one(pieces: list[bytes]) -> None:
    """Up to the first piece that is anything else."""
    reader = EventReader()
    reader.feed(TOKEN + b"0\n\n")
    name, found = reader.wholes(pieces)
    one_by_one = []
    for piece in pieces:
        event = reader.whole(piece)
        if event is None:
            break
        one_by_one.append(event)
    assert [(name, data) for data in found] == one_by_one


@given(
    st.lists(st.sampled_from([b'{"text":"a"}', b'{"text":"b","n":1}', b'{"text":1}', b"{}", b"[]", b"{", b"1"])),
    st.sampled_from([b"token", b"tool", b"completed"]),
    st.booleans(),
)
def test_tokens_are_taken_as_one_by_one(found: list[bytes], name: bytes, keeps_text: bool) -> None:
    """Their times and texts; the first that cannot be understood, and all that follow it, are left for later."""
    speech = dialect(AgentSettings(api="stream"))
    together, apart = (Turn(0, None, keeps_text=keeps_text, times_events=False) for _ in range(2))
    times = list(range(1, len(found) + 1))
    taken = speech.events(together, name, found, times)
    assert name == b"token" or taken == 0
    for data, at_ns in zip(found[:taken], times, strict=False):
        assert speech.event(apart, name, data, at_ns) is None
    assert (together.tokens, together.texts) == (apart.tokens, apart.texts)
    if name == b"token" and taken < len(found):
        assert speech.event(apart, name, found[taken], 0) is not None


def test_other_ways_to_talk_take_one_after_the_other() -> None:
    """A chunk of an OpenAI-compatible stream may hold several choices: none is taken twice."""
    turn = Turn(0, None, keeps_text=True, times_events=False)
    chunk = orjson.dumps({"choices": [{"delta": {"content": "a"}}]})
    assert dialect(AgentSettings(api="openai")).events(turn, b"message", [chunk], [1]) == 0
    assert not turn.tokens
