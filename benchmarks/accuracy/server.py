"""The truth server: a process that answers `GET /answer` by a `Behaviour`, each answer at its own instant.

    python -m benchmarks.accuracy.server BEHAVIOUR_JSON LEDGER_PATH

Prints its port, serves until its standard input ends, then writes the ledger.
"""

import asyncio
import gc
import json
import resource
import socket
import sys
import time
from array import array
from functools import partial
from pathlib import Path

import numpy as np
import uvloop

from benchmarks.accuracy.behaviour import Answering, Behaviour, Ending
from benchmarks.accuracy.door import Door, Peer
from benchmarks.accuracy.ledger import Ledger
from loadtests.clock import LoopClock

__all__ = ["BODY", "PATH", "main"]

PATH = "/answer"
BODY = b'{"answer": 42, "padding": "................................"}'

_REQUEST = f"GET {PATH} ".encode()
_END = b"\r\n\r\n"
_LEAD_NS = 60_000
"""The timer wakes this much early, and the rest is waited out in a loop: answers are then late by microseconds."""


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


class _Connection(Peer):
    """One keep-alive connection: as much HTTP/1.1 as a GET without a body needs."""

    def __init__(self, book: _Book, connected: socket.socket) -> None:
        super().__init__(connected)
        self._book = book
        self._buffer = b""

    def heard(self, data: bytes, received_ns: int) -> None:
        """See `Peer`."""
        self._buffer += data
        while (end := self._buffer.find(_END)) >= 0:
            head, self._buffer = self._buffer[:end], self._buffer[end + len(_END) :]
            if head.startswith(_REQUEST):
                self._book.receive(self, received_ns)
            else:
                self._book.strays += 1
                self.write(_NOT_FOUND)

    def send(self, ending: Ending) -> bool:
        """Answer at once; false when the client has gone."""
        sent = self.write(_RESPONSES[ending])
        if sent and ending in (Ending.RESET, Ending.CUT):
            self.reset()
        return sent


async def _serve(behaviour: Behaviour, path: Path) -> None:
    loop = asyncio.get_running_loop()
    clock = LoopClock(loop)
    book = _Book(behaviour, clock)
    door = Door(partial(_Connection, book))
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
