"""How clients of a truth server come in, and what it hears and says: dated by the kernel, said at once.

Answers leave by `send(2)` instead of through the loop's buffers, so that the noted instant is the true one.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

from benchmarks.accuracy.receipt import note_receipts, receive

__all__ = ["Door", "Peer"]

_BACKLOG = 4096
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Peer:
    """One client's connection."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket: socket.socket | None = connected
        connected.settimeout(0)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asyncio.get_running_loop().add_reader(connected.fileno(), self._read, connected)

    def heard(self, data: bytes, received_ns: int) -> None:
        """`data` came in at that instant."""
        raise NotImplementedError

    @property
    def there(self) -> bool:
        """Whether the connection is open."""
        return self._socket is not None

    def write(self, data: bytes) -> bool:
        """Send at once; false when the client has gone, or takes no more."""
        if self._socket is None:
            return False
        try:
            return self._socket.send(data) == len(data) if data else True
        except OSError:
            return False

    def close(self) -> None:
        """Let the client go."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def reset(self) -> None:
        """Break off: the client sees a connection reset."""
        if self._socket is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close()

    def _read(self, connected: socket.socket) -> None:
        try:
            data, received_ns = receive(connected)
        except BlockingIOError:
            return
        except OSError:
            data, received_ns = b"", 0
        if data:
            self.heard(data, received_ns)
        else:
            self.close()


class Door:
    """Makes a peer of everyone who comes, for as long as it is open, at `port` of loopback."""

    def __init__(self, peer: Callable[[socket.socket], Peer]) -> None:
        self._peer = peer
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self._listener.settimeout(0)
        note_receipts(self._listener)
        self.port: int = self._listener.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._listener.fileno(), self._accept)

    def close(self) -> None:
        """Nobody else comes in."""
        asyncio.get_running_loop().remove_reader(self._listener.fileno())
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            while True:
                self._peer(self._listener.accept()[0])
