"""Messages that nobody asked for: counted, and where they carry a number or a time, followed."""

import time

import orjson

from loadtests.drive.drivers.base import Surroundings
from loadtests.drive.drivers.http.check import PathMissing, at_path
from loadtests.drive.drivers.websocket.connection import Connection
from loadtests.result.window import (
    CONNECTIONS,
    DUPLICATED,
    LOST_PUSHES,
    OUT_OF_ORDER,
    PUSHES,
    UNEXPECTED,
)

__all__ = ["Pushes"]

_OLDEST_NS = 10**18


class Pushes:
    """What the server pushes. A running number shows gaps, repeats and steps back, each per connection."""

    def __init__(self, surroundings: Surroundings) -> None:
        tape = surroundings.recorder.tape(CONNECTIONS)
        settings = surroundings.scenario.websocket.pushes
        self._number, self._sent = settings.number, settings.sent
        self._now = surroundings.clock.now
        self._count, self._unexpected = tape.counter(PUSHES), tape.counter(UNEXPECTED)
        self._lost, self._duplicated = tape.counter(LOST_PUSHES), tape.counter(DUPLICATED)
        self._out_of_order, self._age = tape.counter(OUT_OF_ORDER), tape.measure("push")

    def take(self, connection: Connection, payload: bytes, *, numbered: bool) -> None:
        """Count one; `numbered` says that it looked like an answer, though to nothing that was asked."""
        now = self._now()
        if self._number is None and self._sent is None:
            (self._unexpected if numbered else self._count)(now)
            return
        self._count(now)
        try:
            document = orjson.loads(payload)
        except ValueError:
            return
        if self._sent is not None:
            self._aged(document, now)
        if self._number is not None:
            self._follow(connection, document, now)

    def _aged(self, document: object, now: int) -> None:
        """The age by the wall clock; meaningful where both clocks agree."""
        assert self._sent is not None
        try:
            age_ns = round((time.time() - float(at_path(document, self._sent))) * 1e9)
        except (PathMissing, TypeError, ValueError, OverflowError):
            return
        self._age(now, min(max(0, age_ns), _OLDEST_NS))

    def _follow(self, connection: Connection, document: object, now: int) -> None:
        assert self._number is not None
        try:
            number = int(at_path(document, self._number))
        except (PathMissing, TypeError, ValueError, OverflowError):
            return
        expected, first = connection.pushed + 1, connection.pushed < 0
        if number >= expected:
            for _ in range(0 if first else min(number - expected, 1_000_000)):
                self._lost(now)
            connection.pushed = number
        elif number == connection.pushed:
            self._duplicated(now)
        else:
            self._out_of_order(now)
