"""The closed model: users who each wait for their answer before they go on, as the guides that speak of users mean."""

from collections import deque
from collections.abc import Callable

import numpy as np

from loadtests.clock import Clock
from loadtests.drive.drivers.base import Driver
from loadtests.drive.recorder import Recorder
from loadtests.plan.model import ClosedLoad, Scenario
from loadtests.plan.profile import user_operations

__all__ = ["ClosedUsers"]

_BATCH = 128
_THOUGHTS = 64


class _User:
    """One user: what it does next, the index its next execution will have, and when that one may start."""

    __slots__ = ("due_ns", "free_ns", "index", "next_operation")

    def __init__(self, scenario: Scenario, number: int) -> None:
        self.next_operation = user_operations(scenario, number).__next__
        self.index = number
        self.due_ns = self.free_ns = 0


class ClosedUsers:
    """One shard of the users. With pacing, the intended starts are a fixed grid per user.

    With think time or none, the intended start of an execution is the moment it is fired, so response and service
    time coincide; how late it was fired after the thought is in the start lag.
    """

    def __init__(
        self, scenario: Scenario, driver: Driver, recorder: Recorder, *, clock: Clock, shard: int = 0, shards: int = 1
    ) -> None:
        load = scenario.load
        assert isinstance(load, ClosedLoad)
        self._load, self._clock = load, clock
        self._now = clock.now
        tapes = [recorder.tape(operation.name) for operation in scenario.operations]
        self._begun = [(tape.started, tape.fired, driver.starter(number)) for number, tape in enumerate(tapes)]
        self._users = {number: _User(scenario, number) for number in range(shard, load.users, shards)}
        self._random = np.random.default_rng([scenario.seed, shard, shards])
        self._thoughts: list[int] = []
        self._ready: deque[int] = deque()
        self._starting = False
        self._stride = load.users
        self._paced = load.pacing_ns is not None
        self._end_ns = 0
        self._ended: Callable[[], None] = lambda: None
        self.in_flight = 0
        waits = self._paced or load.think_ns is not None
        driver.finished = self._finished if waits else self._finished_at_once

    def begin(self, start_ns: int, ended: Callable[[], None]) -> None:
        """Spawn users from `start_ns` on; `ended` is called when the duration is over, or on `stop`."""
        self._end_ns, self._ended = start_ns + self._load.duration_ns, ended
        for user in self._users:
            late = 0 if self._load.spawn_rate is None else round(user / self._load.spawn_rate * 1e9)
            self._wait(user, start_ns + late)
        self._clock.at(self._end_ns, lambda _: self.stop())

    def stop(self) -> None:
        """Start nothing more."""
        if self._end_ns:
            self._end_ns = 0
            self._ended()

    def _wait(self, number: int, due_ns: int) -> None:
        user = self._users[number]
        user.due_ns = due_ns
        user.free_ns = max(due_ns, self._now())
        self._clock.at(due_ns, self._start, number)

    def _finished(self, number: int) -> None:
        self.in_flight -= 1
        if self._load.pacing_ns is not None:
            self._wait(number, self._users[number].due_ns + self._load.pacing_ns)
        else:
            self._wait(number, self._now() + self._thought())

    def _finished_at_once(self, number: int) -> None:
        """As `_finished`, where the next execution follows without a pause: the closed model's hot path.

        It is `_start` and `_fire` in one, without what cancels out: one execution less and one more in flight.
        """
        user, now = self._users[number], self._now()
        if self._starting or now >= self._end_ns:
            self.in_flight -= 1
            user.free_ns = 0
            self._start(number)
            return
        self._starting = True
        index = user.index
        user.index = index + self._stride
        started, fired, fire = self._begun[user.next_operation()]
        started(now)
        fired(now)
        fire(index, now, number)
        if self._ready:
            self._drain(None)
        else:
            self._starting = False

    def _thought(self) -> int:
        if not self._thoughts:
            low, high = self._load.think_ns or (0, 0)
            self._thoughts = self._random.integers(low, high, size=_THOUGHTS, endpoint=True).tolist()
        return self._thoughts.pop()

    def _start(self, number: int) -> None:
        """Start the user's next execution; answers that come within the call queue up instead of nesting."""
        if self._starting:
            self._ready.append(number)
            return
        self._starting = True
        self._fire(number)
        if self._ready:
            self._drain(None)
        else:
            self._starting = False

    def _drain(self, _argument: object) -> None:
        ready, left = self._ready, _BATCH
        while ready and left:
            self._fire(ready.popleft())
            left -= 1
        self._starting = bool(ready)
        if ready:  # give the event loop its turn
            self._clock.at(self._now(), self._drain)

    def _fire(self, number: int) -> None:
        now = self._now()
        if now >= self._end_ns:
            return
        user = self._users[number]
        index = user.index
        user.index = index + self._stride
        intended = user.due_ns if self._paced else now
        started, fired, fire = self._begun[user.next_operation()]
        started(intended)
        fired(intended + now - (user.free_ns or now))  # start lag: from when the user was free to start
        self.in_flight += 1
        fire(index, intended, number)
