"""PostgreSQL's wire protocol, version 3.0, as far as the load loop speaks it. No I/O.

    client ▸ server   Parse P · Describe D · Bind B · Execute E · Sync S · CopyData d · CopyDone c · Query Q
    server ▸ client   1 2 Parse/BindComplete · t T n what a statement takes and gives · D a row · C done · E error
                      G H copy in/out begins · d c copy data, end · Z ready for the next: idle, in or failed transaction
                      N S A notices, settings, notifications: any time

Parameters and results travel as text, as they do for pgbench: every type of PostgreSQL has a text form.
"""

import struct
from collections.abc import Callable, Sequence

__all__ = [
    "COPY_DONE",
    "EXECUTE",
    "IDLE",
    "NOTHING_SENT",
    "SYNC",
    "Answer",
    "Familiar",
    "bind_head",
    "binder",
    "bound",
    "cancel_request",
    "copy_data",
    "fields",
    "parameter",
    "parse_and_describe",
    "query",
    "row_values",
]

IDLE = b"I"[0]
"""What ReadyForQuery says of a session outside of any transaction."""

NOTHING_SENT = 0
"""The status of an answer that nothing has asked for yet."""

SYNC = b"S\x00\x00\x00\x04"
EXECUTE = b"E\x00\x00\x00\x09\x00\x00\x00\x00\x00"
"""Execute the unnamed portal to its end."""

COPY_DONE = b"c\x00\x00\x00\x04"

_NULL = b"\xff\xff\xff\xff"
_HEAD = struct.Struct(">BI")
_LENGTH = struct.Struct(">I")
_SHORT = struct.Struct(">H")
_SIGNED = struct.Struct(">i")
_CANCEL = struct.Struct(">IIii")
_CANCEL_CODE = 80877102
_ROW, _DONE, _ERROR, _READY, _COPY, _TAKES, _GIVES = b"DCEZdtT"
_BOUND = b"2\x00\x00\x00\x04"
_BOUND_ROW = _BOUND + b"D"
_READY_IDLE = b"Z\x00\x00\x00\x05I"


def query(sql: str) -> bytes:
    """A simple query, for what is not measured."""
    return _message(b"Q", sql.encode() + b"\0")


def parse_and_describe(name: str, sql: str) -> bytes:
    """Prepare a statement under that name, and ask what it takes and gives."""
    label = name.encode() + b"\0"
    return _message(b"P", label + sql.encode() + b"\0\0\0") + _message(b"D", b"S" + label) + SYNC


def bind_head(name: str, parameters: int) -> bytes:
    """The part of a Bind of that statement to the unnamed portal that stands before the parameters."""
    return b"\0" + name.encode() + b"\0\0\0" + _SHORT.pack(parameters)


def bound(head: bytes, values: bytes) -> bytes:
    """A Bind whose parameters are `values`, each made by `parameter`; results are asked for as text."""
    return b"B" + _LENGTH.pack(len(head) + len(values) + 6) + head + values + b"\0\0"


def binder(name: str, parameters: int) -> Callable[[Sequence[str | None]], bytes]:
    """What executes a prepared statement with the values given: Bind, Execute and Sync in one, for the load loop."""
    head, tail = bind_head(name, parameters), b"\0\0" + EXECUTE + SYNC
    length, pack = len(head) + 6, _LENGTH.pack
    if parameters != 1:
        return lambda values: bound(head, b"".join([parameter(value) for value in values])) + EXECUTE + SYNC

    def bind(values: Sequence[str | None]) -> bytes:
        (value,) = values
        if value is None:
            return bound(head, _NULL) + EXECUTE + SYNC
        encoded = value.encode()
        size = len(encoded)
        return b"B" + pack(length + 4 + size) + head + pack(size) + encoded + tail

    return bind


def parameter(value: str | None) -> bytes:
    """One parameter of a Bind."""
    if value is None:
        return _NULL
    encoded = value.encode()
    return _LENGTH.pack(len(encoded)) + encoded


def copy_data(rows: bytes) -> bytes:
    """Rows for a COPY … FROM STDIN."""
    return _message(b"d", rows)


def cancel_request(process: int, secret: int) -> bytes:
    """Asks, over a connection of its own, to cancel what that session does."""
    return _CANCEL.pack(_CANCEL.size, _CANCEL_CODE, process, secret)


def fields(body: bytes) -> dict[str, str]:
    """The fields of an error or a notice by their letter: V severity, C SQLSTATE, M message, P position, …"""
    parts = body.rstrip(b"\0").split(b"\0")
    return {chr(part[0]): part[1:].decode("utf-8", "replace") for part in parts if part}


def row_values(body: bytes) -> list[str | None]:
    """The values of a row."""
    found: list[str | None] = []
    position = 2
    for _ in range(_SHORT.unpack_from(body)[0]):
        (length,) = _SIGNED.unpack_from(body, position)
        position += 4
        found.append(None if length < 0 else body[position : position + length].decode("utf-8", "replace"))
        position += max(0, length)
    return found


class Answer:
    """What came back, up to ReadyForQuery: `feed` it pieces until it says true. Used again for the next.

    `tag` is what the last command says it did. Rows are kept only where `keep_rows` is set. `takes` and `gives` are
    what a prepared statement does: the number of its parameters, and its columns. `copied` counts bytes of COPY data.
    """

    __slots__ = ("_rest", "_skip", "copied", "error", "gives", "keep_rows", "rows", "status", "tag", "takes")

    def __init__(self) -> None:
        self._rest = b""
        self._skip = 0
        self.begin()

    def begin(self, *, keep_rows: bool = False) -> None:
        """Forget the last answer; what has come beyond it stays."""
        self.keep_rows = keep_rows
        self.tag = b""
        self.rows: list[bytes] = []
        self.error: bytes | None = None
        self.status = NOTHING_SENT
        self.copied = 0
        self.takes = 0
        self.gives: tuple[str, ...] = ()

    @property
    def affected(self) -> int | None:
        """Rows returned, changed or copied, by the tag; `None` where it names none."""
        last = self.tag.rpartition(b" ")[2]
        return int(last) if last.isdigit() else None

    @property
    def surplus(self) -> bool:
        """Whether something has come that belongs to the next answer."""
        return bool(self._rest)

    def feed(self, data: bytes) -> bool:
        """Take in a piece; whether the answer is whole. Raises `ValueError` on what is no message."""
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        if self._rest:
            data, self._rest = self._rest + data, b""
        position, end = 0, len(data)
        while end - position >= 5:
            kind, length = _HEAD.unpack_from(data, position)
            if length < 4:
                raise ValueError(f"the server sent a message of {length} bytes")
            after = position + 1 + length
            if after > end:
                self._unfinished(kind, data[position:], after - end)
                return False
            if self._take(kind, data, position + 5, after):
                self._rest = data[after:]
                return True
            position = after
        self._rest = data[position:]
        return False

    def _unfinished(self, kind: int, begun: bytes, missing: int) -> None:
        """Keep what has come of a message, or only count what is still to come where nobody will look at it."""
        if kind == _COPY or (kind == _ROW and not self.keep_rows):
            self.copied += len(begun) + missing - 5 if kind == _COPY else 0
            self._skip = missing
        else:
            self._rest = begun

    def _take(self, kind: int, data: bytes, start: int, end: int) -> bool:
        if kind == _ROW:
            if self.keep_rows:
                self.rows.append(data[start:end])
        elif kind == _DONE:
            self.tag = data[start : end - 1]
        elif kind == _READY:
            self.status = data[start]
            return True
        elif kind == _ERROR:
            self.error = self.error or data[start:end]
        elif kind == _COPY:
            self.copied += end - start
        elif kind == _TAKES:
            (self.takes,) = _SHORT.unpack_from(data, start)
        elif kind == _GIVES:
            self.gives = _columns(data[start:end])
        return False


class Familiar:
    """Answers of one statement that were found good once and need not be taken apart again.

    Without rows they are the same bytes each time; with one row they differ in that row alone, whose length says
    that it is all there is between the known beginning and the known end.
    """

    __slots__ = ("_end", "_whole")

    def __init__(self) -> None:
        self._whole: bytes | None = None
        self._end: bytes | None = None

    def knows(self, data: bytes) -> bool:
        """Whether `data` is a whole answer like one that was found good."""
        if data == self._whole:
            return True
        end = self._end
        return (
            end is not None
            and data.endswith(end)
            and data.startswith(_BOUND_ROW)
            and int.from_bytes(data[6:10], "big") == len(data) - 6 - len(end)
        )

    def learn(self, data: bytes) -> None:
        """Remember a good answer that came in one piece, where it has at most one row and nothing unusual."""
        if not data.startswith(_BOUND) or not data.endswith(_READY_IDLE):
            return
        kind, length = _HEAD.unpack_from(data, len(_BOUND))
        done_at = len(_BOUND) + (1 + length if kind == _ROW else 0)
        if done_at >= len(data) or data[done_at] != _DONE:
            return
        (length,) = _LENGTH.unpack_from(data, done_at + 1)
        if done_at + 1 + length + len(_READY_IDLE) == len(data):
            if kind == _ROW:
                self._end = data[done_at:]
            else:
                self._whole = data


def _columns(body: bytes) -> tuple[str, ...]:
    """The names in a RowDescription."""
    found, position = [], 2
    for _ in range(_SHORT.unpack_from(body)[0]):
        end = body.index(b"\0", position)
        found.append(body[position:end].decode("utf-8", "replace"))
        position = end + 19
    return tuple(found)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + _LENGTH.pack(len(body) + 4) + body
