"""The closed model: users who each wait for their answer before they go on, as the guides that speak of users mean."""

from collections import deque
from collections.abc import Callable

import numpy as np

from loadtests.drive.clock import Clock
from loadtests.drive.drivers.base import Driver
from loadtests.drive.recorder import Recorder
from loadtests.plan.model import ClosedLoad, Scenario
from loadtests.plan.profile import user_operations

__all__ = ["ClosedUsers"]

_BATCH = 128
_THOUGHTS = 64


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
        self._load, self._driver, self._clock = load, driver, clock
        self._tapes = [recorder.tape(operation.name) for operation in scenario.operations]
        self._users = range(shard, load.users, shards)
        self._operations = {user: user_operations(scenario, user) for user in self._users}
        self._iterations = dict.fromkeys(self._users, 0)
        self._due = dict.fromkeys(self._users, 0)
        self._free = dict.fromkeys(self._users, 0)
        self._random = np.random.default_rng([scenario.seed, shard, shards])
        self._thoughts: list[int] = []
        self._ready: deque[int] = deque()
        self._starting = False
        self._end_ns = 0
        self._stopped = False
        self._ended: Callable[[], None] = lambda: None
        self.in_flight = 0
        driver.finished = self._finished

    def begin(self, start_ns: int, ended: Callable[[], None]) -> None:
        """Spawn users from `start_ns` on; `ended` is called when the duration is over, or on `stop`."""
        self._end_ns, self._ended = start_ns + self._load.duration_ns, ended
        for user in self._users:
            late = 0 if self._load.spawn_rate is None else round(user / self._load.spawn_rate * 1e9)
            self._wait(user, start_ns + late)
        self._clock.at(self._end_ns, lambda _: self.stop())

    def stop(self) -> None:
        """Start nothing more."""
        if not self._stopped:
            self._stopped = True
            self._ended()

    def _wait(self, user: int, due_ns: int) -> None:
        self._due[user] = due_ns
        self._free[user] = max(due_ns, self._clock.now())
        self._clock.at(due_ns, self._start_one, user)

    def _finished(self, user: int) -> None:
        self.in_flight -= 1
        if self._load.pacing_ns is not None:
            self._wait(user, self._due[user] + self._load.pacing_ns)
        elif self._load.think_ns is not None:
            self._wait(user, self._clock.now() + self._thought())
        else:
            self._due[user] = self._free[user] = self._clock.now()
            self._start_one(user)

    def _thought(self) -> int:
        if not self._thoughts:
            low, high = self._load.think_ns or (0, 0)
            self._thoughts = self._random.integers(low, high, size=_THOUGHTS, endpoint=True).tolist()
        return self._thoughts.pop()

    def _start_one(self, user: int) -> None:
        """Start the user's next execution; answers that come within the call queue up instead of nesting."""
        self._ready.append(user)
        if not self._starting:
            self._drain(None)

    def _drain(self, _argument: object) -> None:
        self._starting = True
        ready, left = self._ready, _BATCH
        while ready and left:
            self._fire(ready.popleft())
            left -= 1
        self._starting = bool(ready)
        if ready:  # give the event loop its turn
            self._clock.at(self._clock.now(), self._drain)

    def _fire(self, user: int) -> None:
        now = self._clock.now()
        if self._stopped or now >= self._end_ns:
            return
        operation = next(self._operations[user])
        iteration = self._iterations[user]
        self._iterations[user] = iteration + 1
        intended = now if self._load.pacing_ns is None else self._due[user]
        tape = self._tapes[operation]
        tape.started(intended)
        tape.fired(intended + now - self._free[user])  # start lag: from when the user was free to start
        self.in_flight += 1
        self._driver.fire(operation, iteration * self._load.users + user, intended, user)
