"""The agents' truth server: every token leaves at its own instant, and what befalls executions is counted.

    python -m benchmarks.accuracy.agent_server BEHAVIOUR_JSON LEDGER_PATH

Prints its port, serves until its standard input ends, then writes `LEDGER.npz` (when requests came and tokens left) and
`LEDGER.json` (counts). It has a core to itself and never sleeps: a loop of its own, a heap of instants, and `write(2)`.
Nothing of the suite's own is in it. 2,000 streams of 50 tokens a second are 100,000 writes a second, about two thirds
of a core.
"""

import contextlib
import gc
import heapq
import json
import os
import resource
import select
import socket
import struct
import sys
import time
from array import array
from collections import Counter, deque
from pathlib import Path

import numpy as np
import orjson

from benchmarks.accuracy.agent_behaviour import AgentBehaviour, Fate
from benchmarks.accuracy.behaviour import evenly

__all__ = ["AgentLedger", "main"]

_POLL_NS = 100_000
_AT_ONCE = 16
_HALF_WAY = ("cut", "malformed", "hung", "error")
_READ = 65_536
_BACKLOG = 4096
_BLANK = b"\r\n\r\n"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_END = b"0\r\n\r\n"
_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_PAGE = b"<!doctype html><title>Bad gateway</title>"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _event(name: str, document: object) -> bytes:
    return _chunk(b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(document)))


def _whole(status: str, media: str, body: bytes, extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def _length(head: bytes) -> int:
    found = [line[15:] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return int(found[0]) if found else 0


_HTML = _whole("200 OK", "text/html; charset=utf-8", _PAGE)
_REFUSED = _whole("429 Too Many Requests", "application/json", b'{"status":"refused"}', "Retry-After: 1\r\n")
_TOKEN = {
    "stream": _event("token", {"text": " word"}),
    "openai": _chunk(b"data: " + orjson.dumps({"choices": [{"index": 0, "delta": {"content": " word"}}]}) + b"\n\n"),
    "answer": b"",
}
_MALFORMED = {
    "stream": _chunk(b'event: token\ndata: {"text": " wo\n\n'),
    "openai": _chunk(b'data: {"choices": [{"ind\n\n'),
    "answer": b"",
}


class AgentLedger:
    """What was truly done: `received_ns` and `first_ns` of each execution, `gaps_ns` between tokens as they left."""

    def __init__(self, received_ns: object, first_ns: object, gap_at_ns: object, gaps_ns: object) -> None:
        self.received_ns, self.first_ns = np.asarray(received_ns, np.int64), np.asarray(first_ns, np.int64)
        self.gap_at_ns, self.gaps_ns = np.asarray(gap_at_ns, np.int64), np.asarray(gaps_ns, np.int64)

    def save(self, path: Path) -> None:
        """Write to `path`; `load` reads it back."""
        np.savez(path, received=self.received_ns, first=self.first_ns, at=self.gap_at_ns, gaps=self.gaps_ns)

    @classmethod
    def load(cls, path: Path) -> "AgentLedger":
        """The ledger that `save` wrote."""
        with np.load(path) as found:
            return cls(found["received"], found["first"], found["at"], found["gaps"])


class _Stream:
    """One connection, and the execution on it."""

    __slots__ = ("buffer", "descriptor", "due", "fate", "last", "left", "number", "received", "sock", "user")

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.descriptor = sock, sock.fileno()
        self.buffer = b""
        self.number = self.received = self.due = self.last = self.left = 0
        self.fate: Fate = "good"
        self.user = 0


class _Server:
    """The loop. `_heap` holds (due, number, stream) of executions that wait for their first token.

    `_talking` are those that wait for another one: all wait equally long, so they are due in the order they come in.
    """

    def __init__(self, behaviour: AgentBehaviour) -> None:
        self._behaviour = behaviour
        self._period = evenly(behaviour.steps)
        self._token, self._malformed = _TOKEN[behaviour.api], _MALFORMED[behaviour.api]
        self._heap: list[tuple[int, int, _Stream]] = []
        self._talking: deque[_Stream] = deque()
        self._streams: dict[int, _Stream] = {}
        self._epoll = select.epoll()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self._listener.settimeout(0)
        self.port = self._listener.getsockname()[1]
        self.counts: Counter[str] = Counter()
        self._executions = 0
        self.received, self.first = array("q"), array("q")
        self.gap_at, self.gaps = array("q"), array("q")

    def serve(self) -> None:
        """Until standard input ends."""
        stdin = sys.stdin.fileno()
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        self._epoll.register(stdin, select.EPOLLIN)
        heap, talking, clock = self._heap, self._talking, time.monotonic_ns
        polled = 0
        while True:
            now = clock()
            if now - polled > _POLL_NS:
                polled = now
                for descriptor, _ in self._epoll.poll(0):
                    if descriptor == stdin:
                        if not os.read(stdin, _READ):
                            return
                    elif descriptor == self._listener.fileno():
                        self._accept()
                    else:
                        self._read(self._streams[descriptor])
            if heap and heap[0][0] <= now:
                self._first(*heapq.heappop(heap))
            for _ in range(min(len(talking), _AT_ONCE)):
                if talking[0].due > clock():
                    break
                self._next(talking.popleft())

    def ledger(self) -> AgentLedger:
        """The notes."""
        return AgentLedger(self.received, self.first, self.gap_at, self.gaps)

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(0)
                self._streams[sock.fileno()] = _Stream(sock)
                self._epoll.register(sock.fileno(), select.EPOLLIN)

    def _read(self, stream: _Stream) -> None:
        try:
            data = stream.sock.recv(_READ)
        except OSError:
            data = b""
        if not data:
            self._close(stream)
            return
        stream.buffer += data
        head, blank, body = stream.buffer.partition(_BLANK)
        if blank and len(body) >= _length(head):
            stream.buffer = b""
            self._begin(stream, orjson.loads(body), time.monotonic_ns())

    def _begin(self, stream: _Stream, asked: dict[str, object], now: int) -> None:
        number, behaviour = self._executions, self._behaviour
        self._executions += 1
        stream.number, stream.fate = number, behaviour.fate(number)
        self.counts[stream.fate] += 1
        stream.user = int(str(asked.get("user_id") or asked.get("user") or 0))
        if stream.fate in ("html", "refused"):
            self._write(stream, _HTML if stream.fate == "html" else _REFUSED)
            return
        stream.received, stream.left = now, behaviour.tokens
        wait = self._period[number % len(self._period)]
        if behaviour.api == "answer":
            wait += behaviour.gap_ns * (behaviour.tokens - 1)
        heapq.heappush(self._heap, (now + wait, number, stream))

    def _first(self, due: int, _number: int, stream: _Stream) -> None:
        """The first token is due, or the whole answer."""
        if self._behaviour.api == "answer":
            self._answer(stream)
            return
        self._write(stream, self._opening(stream) + self._token)
        stream.last = time.monotonic_ns()
        self.received.append(stream.received)
        self.first.append(stream.last)
        self._follow(stream, due)

    def _next(self, stream: _Stream) -> None:
        """Another token is due."""
        if stream.fate in _HALF_WAY and stream.left == self._behaviour.tokens // 2:
            self._befall(stream)
            return
        try:
            os.write(stream.descriptor, self._token)
        except OSError:
            return
        sent = time.monotonic_ns()
        self.gap_at.append(stream.received)
        self.gaps.append(sent - stream.last)
        stream.last = sent
        self._follow(stream, stream.due)

    def _follow(self, stream: _Stream, due: int) -> None:
        """One token has left; the next, or the end, follows."""
        stream.left -= 1
        if stream.left:
            stream.due = due + self._behaviour.gap_ns
            self._talking.append(stream)
        else:
            self._write(stream, self._closing(stream))

    def _befall(self, stream: _Stream) -> None:
        """Half-way, it ends as it is fated to."""
        self.counts["partial"] += self._behaviour.tokens - stream.left
        if stream.fate == "cut":
            stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._close(stream)
        elif stream.fate == "malformed":
            self._write(stream, self._malformed)
        elif stream.fate == "error":
            if self._behaviour.api == "openai":
                error = _chunk(b'data: {"error": {"type": "provider", "message": "no"}}\n\n')
            else:
                error = _event("error", {"kind": "provider", "reason": "no"})
            self._write(stream, error + _END)

    def _opening(self, stream: _Stream) -> bytes:
        if self._behaviour.api == "openai":
            return _STREAM
        started = {"run_id": f"r{stream.number}", "user_id": self._owner(stream), "queued_ms": 0}
        return _STREAM + _event("started", started)

    def _closing(self, stream: _Stream) -> bytes:
        if self._behaviour.api == "openai":
            last = orjson.dumps({"choices": [], "user_id": self._owner(stream)})
            return _chunk(b"data: " + last + b"\n\n") + _chunk(b"data: [DONE]\n\n") + _END
        return _event("completed", self._result(stream)) + _END

    def _answer(self, stream: _Stream) -> None:
        if stream.fate in ("hung", "cut"):
            if stream.fate == "cut":
                self._close(stream)
            return
        if stream.fate == "error":
            self._write(stream, _whole("502 Bad Gateway", "application/json", b'{"status":"failed"}'))
            return
        body = b'{"status": "comp' if stream.fate == "malformed" else orjson.dumps(self._result(stream))
        self._write(stream, _whole("200 OK", "application/json", body))
        self.received.append(stream.received)
        self.first.append(time.monotonic_ns())

    def _result(self, stream: _Stream) -> dict[str, object]:
        savings = stream.user * 1.25 + (stream.fate == "wrong")
        return {"status": "completed", "user_id": self._owner(stream), "savings": savings}

    def _owner(self, stream: _Stream) -> str:
        return str(stream.user + (stream.fate == "mixed"))

    def _write(self, stream: _Stream, data: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(stream.descriptor, data)

    def _close(self, stream: _Stream) -> None:
        self._streams.pop(stream.descriptor, None)
        stream.sock.close()


def main() -> None:
    """Serve until standard input ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.suppress(PermissionError):  # whoever shares its core has to wait
        os.nice(-10)
    server = _Server(AgentBehaviour.from_wire(json.loads(sys.argv[1])))
    print(server.port, flush=True)
    gc.collect()
    gc.disable()
    server.serve()
    ledger = Path(sys.argv[2])
    server.ledger().save(ledger)
    ledger.with_suffix(".json").write_text(json.dumps(server.counts))


if __name__ == "__main__":
    main()
