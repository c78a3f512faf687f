"""Who executes: so many workers at once, and a queue before them that is never longer than it may be.

    admit ▸ a free worker, or a place in the queue ▸ (turn comes) ▸ worker ▸ release ▸ next of the queue

First come, first served. Who goes away while it waits leaves the queue at once. Workers can be stopped for a time, and
a backlog put before them (the fault dial does both); clearing the queue drops the backlog too.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass

from loadtests.target.call import Refused

__all__ = ["Cleared", "Workers"]

_LONGEST_RETRY_S = 60


class Cleared(Refused):
    """The operator dropped what was queued, this too; nothing of it was begun."""

    def __init__(self) -> None:
        super().__init__(503, "the agent queue was cleared; ask again", retry_after_s=1)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    """A place in the queue, told whether a worker came or it was lost; who was not asked for is told nothing."""

    since_ns: int
    place: "asyncio.Future[bool] | None"
    busy_ns: int = 0


class Workers:
    """`count` workers and a queue of at most `capacity`.

    `busy_s` is how long a worker takes for one execution, smoothed; it only makes the Retry-After of a full queue.
    """

    def __init__(self, count: int, capacity: int) -> None:
        self.count, self.capacity = count, capacity
        self.running = self.refused = self.cleared = 0
        self.busy_s = 1.0
        self._queue: deque[_Waiter] = deque()
        self._stopped: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._queue)

    @property
    def oldest_ns(self) -> int:
        """How long the first of the queue has waited."""
        return time.monotonic_ns() - self._queue[0].since_ns if self._queue else 0

    def take(self) -> bool:
        """Take a worker if one is free this instant."""
        if self.running >= self.count or self._queue or self._stopped is not None or self._closed:
            return False
        self.running += 1
        return True

    async def admit(self) -> int:
        """Wait for a worker; the nanoseconds waited. Raises `Refused`: 429 by a full queue, 503 by one that stops."""
        if self.take():
            return 0
        self._refuse_what_cannot_wait()
        place: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(time.monotonic_ns(), place)
        self._queue.append(waiter)
        try:
            has_worker = await place
        except asyncio.CancelledError:
            self._gone(waiter, place)
            raise
        if not has_worker:
            raise Cleared
        return time.monotonic_ns() - waiter.since_ns

    def release(self, busy_ns: int) -> None:
        """A worker is free again."""
        self.running -= 1
        self.busy_s += 0.1 * (busy_ns / 1e9 - self.busy_s)
        self._call_up()

    def clear(self) -> int:
        """Drop what is queued; how many."""
        dropped, self._queue = self._queue, deque()
        self.cleared += len(dropped)
        for waiter in dropped:
            _settle(waiter, has_worker=False)
        return len(dropped)

    def stop_for(self, ns: int) -> None:
        """No worker takes anything up for so long; 0 ends an earlier stop."""
        if self._stopped is not None:
            self._stopped.cancel()
            self._stopped = None
        if ns:
            self._stopped = asyncio.get_running_loop().call_later(ns / 1e9, self._resume)
        else:
            self._call_up()

    def burden(self, count: int, each_ns: int) -> None:
        """Put executions into the queue that nobody asked for, instead of those put before, as far as there is room."""
        self._queue = deque(waiter for waiter in self._queue if waiter.place is not None)
        now_ns, room = time.monotonic_ns(), max(0, self.capacity - len(self._queue))
        self._queue.extend(_Waiter(now_ns, None, each_ns) for _ in range(min(count, room)))
        self._call_up()

    def close(self) -> None:
        """Nothing is admitted any more, and what waits is dropped."""
        self._closed = True
        self.stop_for(0)
        self.clear()

    def _refuse_what_cannot_wait(self) -> None:
        if self._closed:
            raise Refused(503, "the server stops", retry_after_s=1)
        if len(self._queue) >= self.capacity:
            self.refused += 1
            raise Refused(429, f"the agent queue is full ({self.capacity})", retry_after_s=self._retry_after_s())

    def _retry_after_s(self) -> int:
        """When about half of the queue should have been worked off."""
        wanted = self.busy_s * len(self._queue) / (2 * self.count)
        return max(1, min(_LONGEST_RETRY_S, round(wanted)))

    def _resume(self) -> None:
        self._stopped = None
        self._call_up()

    def _call_up(self) -> None:
        while self._queue and self.running < self.count and self._stopped is None and not self._closed:
            waiter = self._queue.popleft()
            if waiter.place is None:
                asyncio.get_running_loop().call_later(waiter.busy_ns / 1e9, self.release, waiter.busy_ns)
                self.running += 1
            else:
                self.running += _settle(waiter, has_worker=True)

    def _gone(self, waiter: _Waiter, place: asyncio.Future[bool]) -> None:
        """Its asker went away: out of the queue, or, when its turn had just come, the worker to the next."""
        if waiter in self._queue:
            self._queue.remove(waiter)
        elif place.done() and not place.cancelled() and place.result():
            self.running -= 1
            self._call_up()


def _settle(waiter: _Waiter, *, has_worker: bool) -> bool:
    """Tell who waits; whether there was still somebody to tell."""
    if waiter.place is None or waiter.place.done():
        return False
    waiter.place.set_result(has_worker)
    return True
