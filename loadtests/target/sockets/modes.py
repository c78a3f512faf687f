"""What the sockets of each mode do with messages: echo, events, broadcast, push.

    echo        sends each message back as it was
    events      executes queries and tells how they go; in `socket_events`
    broadcast   sends each message to everyone in this mode as it was. {"type": "subscribe", "topic"} is not passed on:
                who has subscribed hears only messages with one of its topics as their "topic"
    push        sends {"type": "push", "seq", "sent"} every so often, and reads what comes without answering

A message that must be a JSON object closes its connection when it is none: 1007 for what is no JSON, 1003 for binary
and for JSON of another kind.
"""

import asyncio
import time
from typing import Any

import orjson
from websockets.frames import TEXT, CloseCode, Opcode

from loadtests.target.sockets.connection import Answer, Connection, Unusable

__all__ = ["Broadcast", "Echo", "Push", "read_document"]

_TOPICS_LIMIT = 1_000


class Echo:
    """Sends each message back."""

    def opened(self, connection: Connection) -> None:
        """Nothing to prepare."""

    def message(self, connection: Connection, opcode: Opcode, data: bytes) -> None:
        """As it was."""
        connection.offer(Answer((opcode, data)))

    def left(self, connection: Connection) -> None:
        """Nothing to put away."""


class Broadcast:
    """Everyone hears everyone; keeps each listener's topics as the connection's `state`, None before it subscribes."""

    def __init__(self) -> None:
        self._listeners: dict[Connection, None] = {}

    def opened(self, connection: Connection) -> None:
        """It listens from now on."""
        self._listeners[connection] = None

    def message(self, connection: Connection, opcode: Opcode, data: bytes) -> None:
        """To all who want it, in the order they came; packed once."""
        document = read_document(opcode, data)
        topic = document.get("topic")
        if document.get("type") == "subscribe":
            _subscribe(connection, topic)
            return
        answer = Answer((opcode, data))
        for listener in list(self._listeners):
            if listener.state is None or (isinstance(topic, str) and topic in _topics(listener)):
                listener.offer(answer)

    def left(self, connection: Connection) -> None:
        """It listens no more."""
        self._listeners.pop(connection, None)


class Push:
    """Sends unasked; one of these per connection. A tick that finds the client not reading is put off, not numbered."""

    def __init__(self, every_ns: int) -> None:
        self._every_s = every_ns / 1e9
        self._seq = 0
        self._timer: asyncio.TimerHandle | None = None

    def opened(self, connection: Connection) -> None:
        """The first goes out one period from now."""
        self._wait(connection, asyncio.get_running_loop().time() + self._every_s)

    def message(self, connection: Connection, opcode: Opcode, data: bytes) -> None:
        """Not answered."""

    def left(self, _connection: Connection) -> None:
        """No more ticks."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, connection: Connection, due_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_at(due_s, self._tick, connection, due_s)

    def _tick(self, connection: Connection, due_s: float) -> None:
        self._wait(connection, due_s + self._every_s)
        if connection.idle:
            document = {"type": "push", "seq": self._seq, "sent": time.time()}
            self._seq += 1
            connection.offer(Answer((TEXT, orjson.dumps(document))))


def read_document(opcode: Opcode, data: bytes) -> dict[str, Any]:
    """The message as a JSON object; raises `Unusable`."""
    if opcode is not TEXT:
        raise Unusable(CloseCode.UNSUPPORTED_DATA, "expected a JSON object as text, got binary")
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Unusable(CloseCode.INVALID_DATA, "expected JSON") from error
    if not isinstance(document, dict):
        raise Unusable(CloseCode.UNSUPPORTED_DATA, f"expected a JSON object, got {type(document).__name__}")
    return document


def _subscribe(connection: Connection, topic: object) -> None:
    topics = _topics(connection)
    if not isinstance(topic, str) or len(topics) >= _TOPICS_LIMIT:
        raise Unusable(CloseCode.UNSUPPORTED_DATA, f"topic: expected text, and at most {_TOPICS_LIMIT:,} topics")
    connection.state = topics | {topic}


def _topics(connection: Connection) -> frozenset[str]:
    return connection.state if isinstance(connection.state, frozenset) else frozenset()
