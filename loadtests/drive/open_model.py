"""The open model: arrivals come when the schedule says so, whatever the answers do."""

from collections.abc import Callable

from loadtests.clock import Clock
from loadtests.drive.drivers.base import Driver
from loadtests.drive.recorder import Recorder
from loadtests.plan.model import OpenLoad, Scenario
from loadtests.plan.profile import arrivals

__all__ = ["OpenArrivals"]

_BATCH = 128
"""Arrivals fired in one turn at most; after a pause the backlog must not keep answers from being read."""

_CHUNK = 512
"""Arrivals of the schedule worked out at once: a fraction of a millisecond."""


class OpenArrivals:
    """Fires one shard of a scenario's schedule. An arrival that finds no room is dropped: counted, never delayed."""

    def __init__(
        self, scenario: Scenario, driver: Driver, recorder: Recorder, *, clock: Clock, shard: int = 0, shards: int = 1
    ) -> None:
        load = scenario.load
        assert isinstance(load, OpenLoad)
        self._clock = clock
        tapes = [recorder.tape(operation.name) for operation in scenario.operations]
        self._begun = [(tape.started, tape.fired, driver.starter(number)) for number, tape in enumerate(tapes)]
        self._tapes = tapes
        self._chunks = arrivals(scenario, shard=shard, shards=shards, chunk=_CHUNK)
        self._room = load.max_in_flight // shards + (shard < load.max_in_flight % shards)
        self._start_ns, self._duration_ns = 0, load.duration_ns
        self._next = 0
        self._due: list[int] = []
        self._index: list[int] = []
        self._operation: list[int] = []
        self._stopped = False
        self._ended: Callable[[], None] = lambda: None
        self.in_flight = 0
        driver.finished = self._finished

    def begin(self, start_ns: int, ended: Callable[[], None]) -> None:
        """Start the schedule at `start_ns`; `ended` is called when its duration is over, or on `stop`."""
        self._start_ns, self._ended = start_ns, ended
        self._advance()

    def stop(self) -> None:
        """Fire nothing more."""
        if not self._stopped:
            self._stopped = True
            self._ended()

    def _finished(self, _user: int) -> None:
        self.in_flight -= 1

    def _advance(self) -> None:
        """Wait for the next arrival, taking the next piece of the schedule when this one is used up."""
        while self._next == len(self._due):
            chunk = next(self._chunks, None)
            if chunk is None:
                self._clock.at(self._start_ns + self._duration_ns, lambda _: self.stop())
                return
            self._due = (chunk.due_ns + self._start_ns).tolist()
            self._index, self._operation = chunk.index.tolist(), chunk.operation.tolist()
            self._next = 0
        self._clock.at(self._due[self._next], self._arrive)

    def _arrive(self, _argument: object) -> None:
        if self._stopped:
            return
        clock_now, begun = self._clock.now, self._begun
        due, index, operations = self._due, self._index, self._operation
        position = self._next
        until = min(len(due), position + _BATCH)
        now = clock_now()
        while position < until and due[position] <= now:
            intended, operation = due[position], operations[position]
            started, fired, fire = begun[operation]
            started(intended)
            fired(now)
            if self.in_flight >= self._room:
                self._tapes[operation].dropped(intended)
            else:
                self.in_flight += 1
                fire(index[position], intended, -1)
            position += 1
            now = clock_now()
        self._next = position
        if position < len(due):
            self._clock.at(due[position], self._arrive)
        else:
            self._advance()
