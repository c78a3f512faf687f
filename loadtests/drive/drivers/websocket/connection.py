"""One connection: the handshake, frames in and out, and the close. What messages mean is its owner's affair."""

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from loadtests.drive.drivers.failure import Failure, plain
from loadtests.drive.drivers.websocket.frames import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    BadFrame,
    FrameReader,
    close_payload,
    masked_frame,
)
from loadtests.drive.drivers.websocket.upgrade import HEAD_LIMIT, Endpoint, new_key

if TYPE_CHECKING:
    from loadtests.drive.drivers.websocket.deflate import Deflate
    from loadtests.drive.drivers.websocket.exchange import Sent

__all__ = ["Connection", "Owner"]

_BLANK = b"\r\n\r\n"
_FIRST_TEXT = 0x81
_SHORT = 126
_SHOWN = 100
_UNSENT = 1 << 20
"""Bytes that may wait to be sent; beyond them the connection is `blocked`."""


class Owner(Protocol):
    """What a connection tells of itself. After `refused` or `lost` it says nothing more."""

    received_bytes: int

    def made(self, connection: "Connection") -> None:
        """There is a transport: time to ask for the upgrade."""

    def answered(self, connection: "Connection", head: bytes) -> Failure | None:
        """The head of the answer has come: what is wrong with it, if anything is."""

    def opened(self, connection: "Connection") -> None:
        """The upgrade was granted."""

    def refused(self, connection: "Connection", failure: Failure) -> None:
        """The connection did not come about."""

    def message(self, connection: "Connection", payload: bytes, /) -> None:
        """A whole message has come."""

    def pong(self, connection: "Connection", payload: bytes) -> None:
        """A ping was answered."""

    def lost(self, connection: "Connection", cause: str, reason: str) -> None:
        """An open connection has ended without our doing."""

    def gone(self, connection: "Connection") -> None:
        """The transport is closed; comes last, and always once it had been made."""


class Connection(asyncio.Protocol):
    """A connection in the making, open, or over. The owner's books on it are kept in the fields below."""

    __slots__ = (
        "_deflate",
        "_head",
        "_key",
        "_limit",
        "_owner",
        "_reader",
        "_short",
        "_take",
        "answered",
        "blocked",
        "closing",
        "due_ns",
        "is_open",
        "number",
        "opened_ns",
        "pending",
        "ping_sent_ns",
        "place",
        "pushed",
        "recent",
        "reconnecting",
        "sends",
        "started_ns",
        "transport",
    )

    def __init__(self, owner: Owner, number: int, *, due_ns: int, limit: int) -> None:
        self._owner, self.number, self.due_ns = owner, number, due_ns
        self._take = owner.message
        self._limit, self._short = limit, min(_SHORT, limit + 1)
        self._head: bytes | None = b""
        self._key = ""
        self._reader = FrameReader(limit)
        self._deflate: Deflate | None = None
        self.transport: Any = None
        self.is_open = self.closing = self.reconnecting = self.blocked = False
        self.started_ns = self.opened_ns = self.ping_sent_ns = 0
        self.place = -1
        self.sends = 0
        self.answered = -1
        self.pushed = -1
        self.pending: dict[object, Sent] = {}
        self.recent: dict[object, Sent] | None = None

    def ask(self, endpoint: Endpoint) -> bytes:
        """The upgrade request, to be sent once there is a transport."""
        self._key = new_key()
        return endpoint.request(self._key, self.number)

    def answer(self, endpoint: Endpoint, head: bytes) -> Failure | None:
        """Take the head of the answer; a failure, or open from now on."""
        granted = endpoint.examined(head, self._key)
        if isinstance(granted, Failure):
            return granted
        self._key = ""
        if granted.deflate is not None:
            self._deflate = granted.deflate
            self._reader = FrameReader(self._limit, granted.deflate)
        self.is_open = True
        return None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self.transport = transport
        self.transport.set_write_buffer_limits(high=_UNSENT)
        self._owner.made(self)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`: the peer does not read, and what is sent piles up on our side."""
        self.blocked = True

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self.blocked = False

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`. A short text in one frame, the common case, is taken as it is."""
        self._owner.received_bytes += len(data)
        if self._head is not None:
            self._shake(data)
            return
        size = len(data) - 2
        if (
            0 <= size < self._short
            and data[0] == _FIRST_TEXT
            and data[1] == size
            and self._reader.idle
            and self.is_open
        ):
            payload = data[2:]
            if payload.isascii():
                self._take(self, payload)
                return
        self._frames(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if self._head is not None and not self.closing:
            self._end_attempt(Failure("connect" if exc is None else "reset", _why(exc, "before the upgrade")))
        elif exc is None:
            self._lose("eof", "the peer closed without a close frame")
        else:
            self._lose("reset" if isinstance(exc, ConnectionError) else "error", plain(exc))
        self.closing, self.is_open = True, False
        self._owner.gone(self)

    def send(self, opcode: int, payload: bytes) -> None:
        """Write one message or control frame."""
        if self._deflate is not None and opcode < CLOSE:
            self.transport.write(masked_frame(opcode, self._deflate.pack(payload), compressed=True))
        else:
            self.transport.write(masked_frame(opcode, payload))

    def close(self, code: int = 1000) -> None:
        """Say goodbye; the peer is to answer and the transport to close."""
        self.closing, self.is_open = True, False
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(masked_frame(CLOSE, close_payload(code)))

    def abort(self) -> None:
        """End at once, without a word."""
        self.closing, self.is_open = True, False
        if self.transport is not None:
            self.transport.abort()

    def lose(self, cause: str, reason: str) -> None:
        """The owner has found the peer dead: count it as lost, and abort."""
        self._lose(cause, reason)
        self.abort()

    def _shake(self, data: bytes) -> None:
        assert self._head is not None
        if self.closing:
            return
        self._head += data
        head, blank, rest = self._head.partition(_BLANK)
        if not blank:
            if len(self._head) > HEAD_LIMIT:
                self._end_attempt(Failure("protocol", f"an answer with more than {HEAD_LIMIT:,} bytes of headers"))
            return
        failure = self._owner.answered(self, head + _BLANK)
        if failure is not None:
            self._end_attempt(failure)
            return
        self._head = None
        self._owner.opened(self)
        if rest and not self.closing:
            self._frames(rest)

    def _end_attempt(self, failure: Failure) -> None:
        self.closing = True
        self._owner.refused(self, failure)
        if self.transport is not None:
            self.transport.abort()

    def _frames(self, data: bytes) -> None:
        if not self.is_open and not self.closing:
            return
        fault: BadFrame | None = None
        try:
            found = self._reader.feed(data)
        except BadFrame as bad:
            found, fault = bad.found, bad
        for opcode, payload in found:
            self._frame(opcode, payload)
        if fault is not None and self.is_open:
            self.transport.write(masked_frame(CLOSE, close_payload(fault.code)))
            self._lose(fault.cause, fault.reason)
            self.transport.close()
        elif fault is not None:
            self.abort()

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            self._closed_by_peer(payload)
        elif not self.is_open:
            return
        elif opcode == PING:
            if not self.blocked:
                self.send(PONG, payload)
        elif opcode == PONG:
            self._owner.pong(self, payload)
        else:
            self._take(self, payload)

    def _closed_by_peer(self, payload: bytes) -> None:
        if self.is_open:
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            reason = payload[2 : 2 + _SHOWN].decode("utf-8", "replace")
            self.transport.write(masked_frame(CLOSE, payload[:2] if len(payload) >= 2 else b""))
            self._lose(f"close_{code}", f"closed by the peer with {code}" + (f": {reason}" if reason else ""))
        self.closing, self.is_open = True, False
        self.transport.close()

    def _lose(self, cause: str, reason: str) -> None:
        if self.is_open:
            self.is_open, self.closing = False, True
            self._owner.lost(self, cause, reason)


def _why(error: Exception | None, when: str) -> str:
    return f"closed {when}" if error is None else f"{plain(error)} {when}"


assert TEXT == _FIRST_TEXT & 0x0F
