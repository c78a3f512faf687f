"""RFC 6455 frames without I/O: bytes to whole messages, and messages to masked frames.

    byte 0    FIN 80 · RSV1 40 (compressed) · opcode 0F        byte 1    MASK 80 · length 7F (126: 2 bytes more, 127: 8)

A server's frames are not masked, a client's are. A message may come in several frames, with control frames (close,
ping, pong: at most 125 bytes, never in parts) between them.
"""

import os
from itertools import cycle

from loadtests.drive.drivers.websocket.deflate import Deflate, Overlong

__all__ = ["BINARY", "CLOSE", "PING", "PONG", "TEXT", "BadFrame", "FrameReader", "close_payload", "masked_frame"]

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_CONTINUATION = 0x0
_FIN, _COMPRESSED, _RESERVED, _OPCODE = 0x80, 0x40, 0x30, 0x0F
_CONTROL_MOST = 125
_POOL = os.urandom(4096)
_masks = cycle([_POOL[at : at + 4] for at in range(0, len(_POOL), 4)])

Messages = list[tuple[int, bytes]]


class BadFrame(Exception):
    """What came breaks the protocol or a limit; `code` is what to close with, `cause` how the loss is counted.

    `found` is what had come whole before it.
    """

    def __init__(self, code: int, cause: str, reason: str) -> None:
        super().__init__(code, cause, reason)
        self.code, self.cause, self.reason = code, cause, reason
        self.found: Messages = []


def masked_frame(opcode: int, payload: bytes, *, compressed: bool = False) -> bytes:
    """One whole message as a client sends it; masks are drawn at random once and taken in turn."""
    size = len(payload)
    first = _FIN | opcode | (_COMPRESSED if compressed else 0)
    mask = next(_masks)
    veiled = int.from_bytes(payload, "little") ^ int.from_bytes((mask * (size // 4 + 1))[:size], "little")
    if size <= _CONTROL_MOST:
        return b"%c%c%b%b" % (first, 0x80 | size, mask, veiled.to_bytes(size, "little"))
    width = 2 if size < 1 << 16 else 8
    head = bytes((first, 0xFE if width == 2 else 0xFF)) + size.to_bytes(width, "big")
    return head + mask + veiled.to_bytes(size, "little")


def close_payload(code: int, reason: str = "") -> bytes:
    """The payload of a close frame."""
    return code.to_bytes(2, "big") + reason.encode()[: _CONTROL_MOST - 2]


class FrameReader:
    """What has come on one connection and is not yet a whole message; holds at most `limit` bytes of one."""

    __slots__ = ("_deflate", "_limit", "_needed", "_opcode", "_packed", "_parts", "_rest", "_size", "idle")

    def __init__(self, limit: int, deflate: Deflate | None = None) -> None:
        self._limit, self._deflate = limit, deflate
        self._rest: bytearray | None = None
        self._needed = 0
        self._parts: list[bytes] | None = None
        self._opcode = self._size = 0
        self._packed = False
        self.idle = True

    def feed(self, data: bytes) -> Messages:
        """The whole messages and control frames that `data` completes. Raises `BadFrame`; nothing is to follow it."""
        if self._rest is not None:
            self._rest += data
            if len(self._rest) < self._needed:
                return []
            data = bytes(self._rest)
        found: Messages = []
        at = 0
        try:
            while (end := self._frame_end(data, at)) is not None:
                start, stop = end
                self._take(data[at], data[start:stop], found)
                at = stop
        except BadFrame as fault:
            fault.found = found
            raise
        self._rest = bytearray(data[at:]) if at < len(data) else None
        self._needed -= at
        self.idle = self._rest is None and self._parts is None
        return found

    def _frame_end(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Where the payload of the frame at `at` lies, when all of it is there; its head is checked at once."""
        available = len(data)
        self._needed = at + 2
        if available < self._needed:
            return None
        first, size = data[at], data[at + 1]
        start = at + 2
        self._check(first, size)
        if size >= 126:
            width = 2 if size == 126 else 8
            self._needed = start + width
            if available < self._needed:
                return None
            size = int.from_bytes(data[start : start + width], "big")
            start += width
        if size + (self._size if first & _OPCODE < CLOSE else 0) > self._limit:
            raise BadFrame(1009, "too_big", f"a message of more than {self._limit:,} bytes")
        self._needed = start + size
        return (start, start + size) if available >= start + size else None

    def _check(self, first: int, second: int) -> None:
        opcode, control = first & _OPCODE, bool(first & 0x08)
        begins = opcode in (TEXT, BINARY)
        wrong = None
        if second & 0x80:
            wrong = "a masked frame from a server"
        elif first & _RESERVED or (first & _COMPRESSED and (self._deflate is None or not begins)):
            wrong = "reserved bits are set"
        elif control and (opcode > PONG or not first & _FIN or second > _CONTROL_MOST):
            wrong = "a malformed control frame"
        elif not control and opcode > BINARY:
            wrong = f"the unknown opcode {opcode}"
        elif begins and self._parts is not None:
            wrong = "a new message before the last one had ended"
        elif opcode == _CONTINUATION and self._parts is None:
            wrong = "a continuation of nothing"
        if wrong is not None:
            raise BadFrame(1002, "protocol", wrong)

    def _take(self, first: int, payload: bytes, found: Messages) -> None:
        opcode = first & _OPCODE
        if opcode >= CLOSE:
            found.append((opcode, payload))
            return
        if opcode != _CONTINUATION:
            self._opcode, self._packed, self._parts, self._size = opcode, bool(first & _COMPRESSED), [], 0
        assert self._parts is not None
        if payload:  # parts without content may go on for ever
            self._parts.append(payload)
        self._size += len(payload)
        if first & _FIN:
            found.append((self._opcode, self._whole(b"".join(self._parts))))
            self._parts, self._size = None, 0

    def _whole(self, payload: bytes) -> bytes:
        if self._packed and self._deflate is not None:
            try:
                payload = self._deflate.unpack(payload, self._limit)
            except Overlong:
                raise BadFrame(1009, "too_big", f"a message of more than {self._limit:,} bytes") from None
            except ValueError as error:
                raise BadFrame(1007, "protocol", f"a compressed message is damaged: {error}") from None
        if self._opcode == TEXT and not payload.isascii():
            try:
                payload.decode()
            except UnicodeDecodeError:
                raise BadFrame(1007, "protocol", "a text message is not UTF-8") from None
        return payload
