"""When bytes came in by the kernel's own note, so that a server that is late to read them does not date them late.

On loopback the note is made within the sender's `write(2)`: what lies between it and the read is the reader's lateness.
"""

import socket
import struct
import time

__all__ = ["note_receipts", "receive"]

_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python has no name for it
_NOTE = struct.Struct("qq")
_ROOM = socket.CMSG_SPACE(_NOTE.size)
_AT_MOST = 65_536


def note_receipts(listener: socket.socket) -> None:
    """From now on the kernel notes when bytes came in, on every connection that `listener` accepts."""
    listener.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def receive(connection: socket.socket) -> tuple[bytes, int]:
    """What is there to read, and when its last byte came in (CLOCK_MONOTONIC ns); now, where nobody noted it.

    Raises what `recvmsg` does; no bytes mean that the peer has ended.
    """
    data, notes, _, _ = connection.recvmsg(_AT_MOST, _ROOM)
    age = 0
    for level, kind, note in notes:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, ns = _NOTE.unpack(note)
            age = time.time_ns() - (seconds * 1_000_000_000 + ns)
    return data, time.monotonic_ns() - max(0, age)
