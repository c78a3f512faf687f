"""The wire without I/O: answers in any pieces, and the short way for those that are known."""

import struct
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from loadtests.drive.drivers.database.conditions import condition
from loadtests.drive.drivers.database.messages import IDLE, Answer, Familiar, fields, row_values

BOUND = b"2\0\0\0\x04"
READY = b"Z\0\0\0\x05I"


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">I", len(body) + 4) + body


def row(*values: bytes | None) -> bytes:
    parts = [struct.pack(">i", -1) if one is None else struct.pack(">i", len(one)) + one for one in values]
    return message(b"D", struct.pack(">H", len(values)) + b"".join(parts))


def done(tag: bytes) -> bytes:
    return message(b"C", tag + b"\0")


ERROR = message(b"E", b"SERROR\0VERROR\0C40001\0Mcould not serialize\0\0")
NOTICE = message(b"N", b"SNOTICE\0Mmind the gap\0\0")
COPIED = message(b"H", b"\0\0\0") + message(b"d", b"1\tone\n") + message(b"d", b"2\ttwo\n") + message(b"c", b"")
ROWS = row(b"1", None, b"") + row(b"2", "é".encode(), b"x" * 300)
WHOLE = NOTICE + BOUND + ROWS + COPIED + done(b"SELECT 2") + ERROR + READY


@given(st.lists(st.integers(1, len(WHOLE) - 1), max_size=12), st.booleans())
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(cuts: list[int], keep: bool) -> None:
    """Rows are kept only where somebody looks at them."""
    answer = Answer()
    answer.begin(keep_rows=keep)
    edges = [0, *sorted(set(cuts)), len(WHOLE)]
    pieces = [WHOLE[start:end] for start, end in pairwise(edges)]
    assert [answer.feed(piece) for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert (answer.tag, answer.status, answer.affected, answer.copied) == (b"SELECT 2", IDLE, 2, 12)
    assert fields(answer.error or b"")["C"] == "40001"
    expected = [["1", None, ""], ["2", "é", "x" * 300]] if keep else []
    assert [row_values(one) for one in answer.rows] == expected
    assert not answer.surplus


def test_two_answers_at_once_are_taken_one_after_the_other() -> None:
    """As they come when several statements were prepared in one go."""
    answer = Answer()
    assert answer.feed(done(b"UPDATE 1") + READY + done(b"UPDATE 3") + READY)
    assert (answer.affected, answer.surplus) == (1, True)
    answer.begin()
    assert answer.feed(b"")
    assert (answer.affected, answer.surplus) == (3, False)


KNOWN = [
    BOUND + row(b"17") + done(b"SELECT 1") + READY,
    BOUND + done(b"UPDATE 1") + READY,
    BOUND + done(b"SELECT 0") + READY,
]
LEARNT = Familiar()
for known in KNOWN[:2]:
    LEARNT.learn(known)


def test_an_answer_like_one_that_was_good_is_known() -> None:
    """With another row of any length; without rows only the very same."""
    assert LEARNT.knows(KNOWN[0])
    assert LEARNT.knows(BOUND + row(b"a longer value", None) + done(b"SELECT 1") + READY)
    assert LEARNT.knows(KNOWN[1])
    assert not LEARNT.knows(BOUND + done(b"UPDATE 2") + READY)
    assert not LEARNT.knows(KNOWN[2])


PARTS = st.lists(
    st.sampled_from(
        [BOUND, row(b"1"), row(b"Z\0\0\0\x05I"), done(b"SELECT 1"), done(b"UPDATE 1"), ERROR, NOTICE, READY]
    ),
    max_size=8,
)


@given(PARTS, st.integers(0, 40))
def test_nothing_is_known_that_is_not_one_good_answer(parts: list[bytes], cut: int) -> None:
    """Whatever is put together or cut off: what is known parses to one row, or none, and no error."""
    data = b"".join(parts)
    data = data[: max(0, len(data) - cut)]
    if not LEARNT.knows(data):
        return
    answer = Answer()
    answer.begin(keep_rows=True)
    assert answer.feed(data)
    assert not answer.surplus
    assert answer.error is None
    assert (answer.tag, len(answer.rows)) in ((b"SELECT 1", 1), (b"UPDATE 1", 0))


@given(PARTS)
def test_only_short_good_answers_are_learnt(parts: list[bytes]) -> None:
    """One with an error, a notice or several rows is looked at each time."""
    data = b"".join(parts)
    fresh = Familiar()
    fresh.learn(data)
    if fresh.knows(data):
        answer = Answer()
        answer.begin(keep_rows=True)
        assert answer.feed(data)
        assert answer.error is None
        assert len(answer.rows) <= 1


def test_errors_go_by_their_condition() -> None:
    """By PostgreSQL's names, whatever asyncpg calls its classes."""
    names = {
        "40001": "serialization_failure", "40P01": "deadlock_detected", "23505": "unique_violation",
        "57P01": "admin_shutdown", "53300": "too_many_connections", "42P01": "undefined_table",
        "57014": "query_canceled", "25006": "read_only_sql_transaction", "55P03": "lock_not_available",
        "XX123": "sqlstate_xx123",
    }  # fmt: skip
    assert {code: condition(code) for code in names} == names
