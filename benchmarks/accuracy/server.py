"""The truth server: a process that answers `GET /answer` by a `Behaviour`, each answer at its own instant.

    python -m benchmarks.accuracy.server BEHAVIOUR_JSON LEDGER_PATH

Prints its port, serves until its standard input ends, then writes the ledger. A request is dated by the kernel, and
answers leave by `send(2)` at once instead of through the loop's buffers, so that both noted instants are the true ones.
"""

import asyncio
import contextlib
import gc
import json
import resource
import socket
import struct
import sys
import time
from array import array
from pathlib import Path

import numpy as np
import uvloop

from benchmarks.accuracy.behaviour import Answering, Behaviour, Ending
from benchmarks.accuracy.ledger import Ledger
from benchmarks.accuracy.receipt import note_receipts, receive
from loadtests.clock import LoopClock

__all__ = ["BODY", "PATH", "main"]

PATH = "/answer"
BODY = b'{"answer": 42, "padding": "................................"}'

_REQUEST = f"GET {PATH} ".encode()
_END = b"\r\n\r\n"
_BACKLOG = 4096
_LEAD_NS = 60_000
"""The timer wakes this much early, and the rest is waited out in a loop: answers are then late by microseconds."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def _response(status: str) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    return head.encode() + BODY


_RESPONSES = {
    Ending.GOOD: _response("200 OK"),
    Ending.ERROR: _response("500 Internal Server Error"),
    Ending.RESET: b"",
    Ending.CUT: _response("200 OK")[: -len(BODY) // 2],
}
_NOT_FOUND = _response("404 Not Found")


class _Book:
    """The law at work, and the notes of what was done."""

    def __init__(self, behaviour: Behaviour, clock: LoopClock) -> None:
        self.clock = clock
        self._answering = Answering(behaviour)
        self.received, self.due, self.sent, self.ending = array("q"), array("q"), array("q"), array("q")
        self.strays = 0

    def receive(self, connection: "_Connection", received_ns: int) -> None:
        due, ending = self._answering.answer(received_ns)
        index = len(self.received)
        self.received.append(received_ns)
        self.due.append(due)
        self.sent.append(0)
        self.ending.append(ending)
        self.clock.at(due - _LEAD_NS, self._answer, (connection, index, ending))

    def _answer(self, what: "tuple[_Connection, int, Ending]") -> None:
        connection, index, ending = what
        due = self.due[index]
        while time.monotonic_ns() < due:
            pass
        if connection.send(ending):
            self.sent[index] = time.monotonic_ns()

    def ledger(self) -> Ledger:
        received, due, sent, ending = (
            np.array(column, np.int64) for column in (self.received, self.due, self.sent, self.ending)
        )
        return Ledger(received, due, sent, ending, strays=self.strays)


class _Connection:
    """One keep-alive connection: as much HTTP/1.1 as a GET without a body needs."""

    def __init__(self, book: _Book, peer: socket.socket) -> None:
        self._book = book
        self._buffer = b""
        self._peer: socket.socket | None = peer
        peer.settimeout(0)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asyncio.get_running_loop().add_reader(peer.fileno(), self._read, peer)

    def _read(self, peer: socket.socket) -> None:
        try:
            data, received_ns = receive(peer)
        except BlockingIOError:
            return
        except OSError:
            data, received_ns = b"", 0
        if not data:
            self.close()
            return
        self._buffer += data
        while (end := self._buffer.find(_END)) >= 0:
            head, self._buffer = self._buffer[:end], self._buffer[end + len(_END) :]
            if head.startswith(_REQUEST):
                self._book.receive(self, received_ns)
            else:
                self._book.strays += 1
                self._write(_NOT_FOUND)

    def send(self, ending: Ending) -> bool:
        """Answer at once; false when the client has gone."""
        sent = self._write(_RESPONSES[ending])
        if sent and ending in (Ending.RESET, Ending.CUT):
            self._reset()
        return sent

    def close(self) -> None:
        """Let the client go."""
        if self._peer is not None:
            asyncio.get_running_loop().remove_reader(self._peer.fileno())
            self._peer.close()
            self._peer = None

    def _write(self, data: bytes) -> bool:
        if self._peer is None:
            return False
        try:
            return self._peer.send(data) == len(data) if data else True
        except OSError:
            return False

    def _reset(self) -> None:
        assert self._peer is not None
        self._peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close()


class _Door:
    """Accepts connections for as long as it is open."""

    def __init__(self, book: _Book) -> None:
        self._book = book
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self._listener.settimeout(0)
        note_receipts(self._listener)
        self.port = self._listener.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            while True:
                _Connection(self._book, self._listener.accept()[0])

    def close(self) -> None:
        """Nobody else comes in."""
        asyncio.get_running_loop().remove_reader(self._listener.fileno())
        self._listener.close()


async def _serve(behaviour: Behaviour, path: Path) -> None:
    loop = asyncio.get_running_loop()
    clock = LoopClock(loop)
    book = _Book(behaviour, clock)
    door = _Door(book)
    print(door.port, flush=True)
    gc.collect()
    gc.disable()  # nothing here makes cycles that matter in a minute
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    await orders.read()
    door.close()
    clock.close()
    book.ledger().save(path)


def main() -> None:
    """Serve until standard input ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    behaviour = Behaviour.from_wire(json.loads(sys.argv[1]))
    uvloop.run(_serve(behaviour, Path(sys.argv[2])))


if __name__ == "__main__":
    main()
