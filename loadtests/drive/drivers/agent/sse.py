"""Server-sent events from bytes, however they were split; no sockets here (HTML standard, section 9.2).

    stream = [ BOM ] *( *( comment / field line-end ) line-end )     an empty line ends an event
    line-end = CRLF / LF / CR
    field  = name [ ":" [ SPACE ] value ]     event, data (each adds a line), id, retry; others mean nothing

Everything stays bytes: UTF-8 has no CR, LF or colon within a character, so lines can be found without decoding, and no
character is ever decoded in two halves. What an unfinished event held at the end of the stream is thrown away.
"""

import re
from collections.abc import Iterable

__all__ = ["LARGEST_EVENT", "BadStream", "Event", "EventReader"]

LARGEST_EVENT = 4 * 1024 * 1024
"""Bytes of one event, beyond which the stream is given up."""

Event = tuple[bytes, bytes]
"""The name (`message` where none was given) and the data."""

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")
_UNNAMED = b"message"
_NAME, _DATA = b"event: ", b"data: "
_LF = 0x0A


class BadStream(Exception):
    """What came cannot be events; the message says why."""


class EventReader:
    """`feed` gives the events that have become whole; `last_id` and `retry_ms` are what the stream said last."""

    __slots__ = (
        *("_after_cr", "_data", "_idle", "_name", "_prefix", "_prefix_name", "_rest", "_size", "_started"),
        *("last_id", "retry_ms"),
    )

    def __init__(self) -> None:
        self._rest = b""
        self._started = self._after_cr = self._idle = False
        self._prefix, self._prefix_name = _DATA, _UNNAMED
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0
        self.last_id = b""
        self.retry_ms: int | None = None

    @property
    def within_event(self) -> bool:
        """Whether an event has begun and not ended."""
        return bool(self._rest or self._name or self._data)

    def feed(self, piece: bytes) -> list[Event]:
        """Take the next bytes; raises `BadStream` for an event that will not end."""
        event = self.whole(piece)
        return self._lines(piece) if event is None else [event]

    def whole(self, piece: bytes) -> Event | None:
        """The event of a piece that is exactly one, written as the one before; `None`, and not taken, if it is not.

        Nearly every token is: its first lines are those of the last, and a single line of data follows.
        """
        name, found = self.wholes((piece,))
        return (name, found[0]) if found else None

    def wholes(self, pieces: Iterable[bytes]) -> tuple[bytes, list[bytes]]:
        """The name of the last event, and the data of as many of the first pieces as are a `whole` one."""
        found: list[bytes] = []
        if self._idle:
            prefix, at = self._prefix, len(self._prefix)
            for piece in pieces:
                end = len(piece) - 2
                if not piece.startswith(prefix) or piece.find(b"\n", at) != end or piece[-1] != _LF or b"\r" in piece:
                    break
                found.append(piece[at:end])
        return self._prefix_name, found

    def _lines(self, piece: bytes) -> list[Event]:
        """As the standard says, line by line."""
        if self._after_cr and piece:
            piece = piece.removeprefix(b"\n")
            self._after_cr = False
        piece = self._rest + piece
        if not self._started:
            if len(piece) < len(_BOM) and _BOM.startswith(piece):
                self._rest = piece
                return []
            piece, self._started = piece.removeprefix(_BOM), True
        if b"\r" in piece:
            lines = _LINE_END.split(piece)
            self._after_cr = piece.endswith(b"\r")
        else:
            lines = piece.split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) + self._size > LARGEST_EVENT:
            raise BadStream(f"an event of more than {LARGEST_EVENT // 2**20} MiB")
        found: list[Event] = []
        for line in lines:
            if line:
                self._field(line)
            else:
                self._dispatch(found)
        self._idle = not (self._rest or self._data or self._name or self._after_cr)
        if self._idle and found:
            self._prefix_name = found[-1][0]
            unnamed = self._prefix_name == _UNNAMED
            self._prefix = _DATA if unnamed else _NAME + self._prefix_name + b"\n" + _DATA
        return found

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._size += len(value)
            if self._size > LARGEST_EVENT:
                raise BadStream(f"an event of more than {LARGEST_EVENT // 2**20} MiB")
        elif name == b"event":
            self._name = value
        elif name == b"id":
            if b"\0" not in value:
                self.last_id = value
        elif name == b"retry" and value.isdigit():
            self.retry_ms = int(value)

    def _dispatch(self, found: list[Event]) -> None:
        """An empty line: the event is whole; without data it is none."""
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            found.append((self._name or _UNNAMED, data))
            self._data = []
        self._name, self._size = b"", 0
