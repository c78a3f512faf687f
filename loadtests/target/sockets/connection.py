"""One socket: bytes from the transport through `websockets`' protocol without I/O to its mode, and answers back.

    data_received ▸ frames ▸ whole messages ▸ mode.message ▸ answer ▸ (what is dialled) ▸ write

Answers to what one read brought go to the transport before a close frame that the same read asked for.
Closing for a message that cannot be used is half-closing: what the client still sends is read and thrown away until it
ends too or a moment has passed, as closing over unread bytes would reset the connection and take the close frame along.
Who does not read is not read from, and one that lets more than 4 MB gather is aborted: memory is bounded whatever
clients do.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from websockets.extensions import Extension
from websockets.frames import BINARY, CLOSE, CONT, TEXT, CloseCode, Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from loadtests.target.logs import trace_id_of
from loadtests.target.sockets.dial import Treatment
from loadtests.target.sockets.faults import Drop
from loadtests.target.transports import reset

__all__ = ["MESSAGE_LIMIT", "NO_MODE", "Answer", "Connection", "Mode", "Room", "Unusable"]

MESSAGE_LIMIT = 1_000_000
_BACKLOG_LIMIT = 4_000_000
_ANSWER_COST = 200
_HOLD_S = 1.0
_LINGER_S = 2.0
_STOP_LINGER_S = 0.5
_EOF = b""


class Unusable(Exception):
    """A message its mode cannot use; the connection is closed with `code` and `reason`."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Answer:
    """Messages that share one fate; packed once for all connections without compression."""

    __slots__ = ("_plain", "count", "frames", "size")

    def __init__(self, *messages: tuple[Opcode, bytes]) -> None:
        self.frames = [Frame(opcode, data) for opcode, data in messages]
        self.count = len(messages)
        self.size = sum(len(data) for _, data in messages)
        self._plain: bytes | None = None

    def packed(self, extensions: Sequence[Extension]) -> bytes:
        """The bytes on the wire. With extensions they depend on what was sent before: pack in order of sending."""
        if extensions:
            return b"".join(frame.serialize(mask=False, extensions=extensions) for frame in self.frames)
        if self._plain is None:
            self._plain = b"".join(frame.serialize(mask=False) for frame in self.frames)
        return self._plain


class Mode(Protocol):
    """What a connection does with messages."""

    def opened(self, connection: "Connection") -> None:
        """It is open."""

    def message(self, connection: "Connection", opcode: Opcode, data: bytes) -> None:
        """A whole message came (TEXT is valid UTF-8); raises `Unusable`."""

    def left(self, connection: "Connection", /) -> None:
        """It sends nothing any more; told once."""


class Room(Protocol):
    """What a connection asks of the room it is in."""

    def received(self) -> None:
        """A message came."""

    def sent(self, count: int) -> None:
        """So many messages left."""

    def fault(self, name: str) -> None:
        """A dialled fault came about."""

    def treat(self, connection: "Connection", answer: Answer) -> bool:
        """Take over this answer because of what is dialled, or leave it to be sent now (False)."""

    def reorders(self, treatment: Treatment, *, busy: object) -> bool:
        """Whether an answer treated so is to be held back."""

    def closed(self, connection: "Connection", *, error: Exception | None) -> None:
        """The transport is gone."""

    def silenced(self, connection: "Connection") -> None:
        """It is half-open from now on."""


class Connection(asyncio.Protocol):
    """A socket from its accepted upgrade to the loss of its transport."""

    __slots__ = (
        "_choked",
        "_doom",
        "_fragments",
        "_held",
        "_kind",
        "_linger",
        "_loop",
        "_reading",
        "_room",
        "_trace_id",
        "_traceparent",
        "_waiting",
        "cause",
        "mode",
        "name",
        "silent",
        "state",
        "thread_id",
        "transport",
        "user_id",
        "wire",
    )

    def __init__(
        self, room: Room, mode: Mode, wire: ServerProtocol, transport: asyncio.Transport, *, traceparent: str | None
    ) -> None:
        self._room, self.mode, self.wire, self.transport = room, mode, wire, transport
        self._loop = asyncio.get_running_loop()
        self.name = type(mode).__name__.lower()
        self._traceparent = traceparent
        self._trace_id: str | None = None
        self.user_id: str | None = None
        self.thread_id: str | None = None
        self.cause = "client"
        self.silent = False
        self.state: object = None
        """What its mode keeps about it."""
        self._kind: Opcode | None = None
        self._fragments: bytearray | None = None
        self._reading = self._choked = False
        self._waiting = 0
        self._held: tuple[Answer, asyncio.TimerHandle] | None = None
        self._doom: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None

    # The transport's side

    def data_received(self, data: bytes) -> None:
        if self.silent:
            return
        self._reading = True
        self.wire.receive_data(data)
        for frame in self.wire.events_received():
            assert isinstance(frame, Frame)
            if frame.opcode is CLOSE:
                break
            if not self._take(frame):
                break
        self._reading = False
        self._flush()

    def eof_received(self) -> None:
        """The client has ended; the transport closes itself once it has written what is left."""
        self.wire.receive_eof()
        self.wire.data_to_send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        if self._linger is not None:
            self._linger.cancel()
        self._room.closed(self, error=exc)

    def pause_writing(self) -> None:
        self._choked = True
        self._regulate()

    def resume_writing(self) -> None:
        self._choked = False
        self._regulate()

    def shutdown(self) -> None:
        """The server stops: 1001, and a moment for the client to agree."""
        self.cause = "server stops"
        if self.silent or self.wire.state is not OPEN:
            self.transport.abort()
            return
        self.close(CloseCode.GOING_AWAY, "the server stops", linger_s=_STOP_LINGER_S)

    # The mode's and the room's side

    @property
    def trace_id(self) -> str:
        """The trace of the caller, or a new one; made when first needed."""
        if self._trace_id is None:
            self._trace_id = trace_id_of(self._traceparent)
        return self._trace_id

    @property
    def open(self) -> bool:
        """Whether messages can still be sent."""
        return self.wire.state is OPEN and not self.silent

    @property
    def idle(self) -> bool:
        """Whether what was sent has left; who pushes unasked should wait for it."""
        return not self._choked

    def offer(self, answer: Answer) -> None:
        """Answer a message: at once, or as dialled."""
        if self._waiting + self.transport.get_write_buffer_size() > _BACKLOG_LIMIT:
            self.cause = "does not read"
            self.transport.abort()
        elif not self._room.treat(self, answer):
            self.put(answer)

    def put(self, answer: Answer) -> None:
        """Send it now, whatever is dialled."""
        if self.silent or not (self._reading or self.wire.state is OPEN):
            return
        self._room.sent(answer.count)
        self.transport.write(answer.packed(self.wire.extensions))

    def wait(self, answer: Answer) -> None:
        """An answer is due later: count it against what may gather."""
        self._waiting += answer.size + _ANSWER_COST
        self._regulate()

    def due(self, answer: Answer) -> None:
        """It is due."""
        self._waiting -= answer.size + _ANSWER_COST
        self._regulate()

    def treated(self, answer: Answer, treatment: Treatment) -> None:
        """Send an answer as it is treated: once, twice, or after the next one; what was held before goes out too."""
        if self._room.reorders(treatment, busy=self._held):
            self._room.fault("reordered")
            self._held = answer, self._loop.call_later(_HOLD_S, self._release)
            return
        self.put(answer)
        if treatment is Treatment.DUPLICATE:
            self._room.fault("duplicated")
            self.put(answer)
        if self._held is not None:
            self._release()

    def close(self, code: CloseCode | int, reason: str, *, linger_s: float = _LINGER_S) -> None:
        """Begin the closing handshake; who does not answer it in time is cut off."""
        if self.wire.state is not OPEN:
            return
        self.wire.send_close(code, reason)
        self._leave()
        self._flush()
        self._end_within(linger_s)

    def end_after(self, seconds: float, end: Callable[[], None]) -> None:
        """Let a dialled end come."""
        self._doom = self._loop.call_later(seconds, end)

    def drop(self, drop: Drop) -> None:
        """The fault dial ends the connection."""
        if not self.open:
            return
        self._room.fault("dropped")
        self.cause = "fault dial"
        if drop.code is None:
            reset(self.transport)
        else:
            self.close(drop.code, "the fault dial dropped this connection")

    def silence(self) -> None:
        """Half-open from now on: nothing is read, not even pings, nothing is sent, nothing is closed."""
        if not self.open:
            return
        self._room.fault("silenced")
        self.cause = "fault dial"
        self._leave()
        self.silent = True
        self._regulate()
        self._room.silenced(self)

    # Inside

    def _take(self, frame: Frame) -> bool:
        """One frame of a message; False when nothing more is to be read."""
        opcode = frame.opcode
        if opcode is TEXT or opcode is BINARY:
            if frame.fin:
                return self._message(opcode, frame.data)
            self._kind, self._fragments = opcode, bytearray(frame.data)
        elif opcode is CONT:
            assert self._fragments is not None
            assert self._kind is not None
            self._fragments += frame.data
            if frame.fin:
                data, self._fragments = self._fragments, None
                return self._message(self._kind, data)
        return True

    def _message(self, opcode: Opcode, data: bytes | bytearray | memoryview) -> bool:
        self._room.received()
        message = bytes(data)
        try:
            if opcode is TEXT:
                _check_text(message)
            self.mode.message(self, opcode, message)
        except Unusable as unusable:
            self.cause = "unusable message"
            self.wire.fail(unusable.code, unusable.reason)
            return False
        return True

    def _flush(self) -> None:
        writes = self.wire.data_to_send()
        if not writes:
            return
        self.transport.write(b"".join(writes))
        if writes[-1] == _EOF:
            self._finish()

    def _finish(self) -> None:
        """Nothing is to be sent any more: close when both sides have said so, half-close when only this one has."""
        if self.wire.parser_exc is not None:
            self.cause = "protocol error"
        self._leave()
        if self.wire.close_rcvd is not None and self.wire.close_sent is not None:
            self.transport.close()
        elif not self.transport.is_closing():
            self.transport.write_eof()
            self._regulate()
            self._end_within(_LINGER_S)

    def _end_within(self, seconds: float) -> None:
        if self._linger is not None:
            self._linger.cancel()
        self._linger = self._loop.call_later(seconds, self.transport.abort)

    def _leave(self) -> None:
        """Nothing is sent any more."""
        self._cancel_timers()
        mode, self.mode = self.mode, NO_MODE
        mode.left(self)

    def _cancel_timers(self) -> None:
        if self._doom is not None:
            self._doom.cancel()
        if self._held is not None:
            self._held[1].cancel()
        self._doom = self._held = None

    def _release(self) -> None:
        assert self._held is not None
        (answer, timer), self._held = self._held, None
        timer.cancel()
        self.put(answer)

    def _regulate(self) -> None:
        """Read from who reads, and from who has not too many answers waiting; from who is leaving, always."""
        transport = self.transport
        if transport.is_closing():
            return
        full = self._choked or self._waiting > _BACKLOG_LIMIT // 2
        wanted = not self.silent and not (full and self.wire.state is OPEN)
        if wanted != transport.is_reading():
            (transport.resume_reading if wanted else transport.pause_reading)()


class _NoMode:
    """The mode of a connection that is leaving, or never came to be."""

    def opened(self, connection: Connection) -> None: ...

    def message(self, connection: Connection, opcode: Opcode, data: bytes) -> None: ...

    def left(self, connection: Connection, /) -> None: ...


NO_MODE = _NoMode()


def _check_text(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise Unusable(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}") from error
