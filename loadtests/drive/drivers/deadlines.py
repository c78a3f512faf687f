"""Timeouts at the price of a dictionary entry: no timer per request."""

from collections.abc import Callable
from typing import Generic, TypeVar

from loadtests.clock import Clock

__all__ = ["Deadlines"]

Waiting = TypeVar("Waiting")


class Deadlines(Generic[Waiting]):
    """Everything that waits with one and the same timeout.

    `pending` maps what waits to when it began, oldest first: add with `pending[x] = now`, remove with `del`.
    One callback looks at the oldest; when nothing waits it looks again one timeout later, before which nothing
    that is added meanwhile can be overdue.
    """

    def __init__(self, clock: Clock, timeout_ns: int, expire: Callable[[Waiting], None]) -> None:
        self._clock, self._timeout_ns, self._expire = clock, timeout_ns, expire
        self._running = False
        self.pending: dict[Waiting, int] = {}

    def begin(self) -> None:
        """Start watching; once."""
        if not self._running:
            self._running = True
            self._sweep(None)

    def stop(self) -> None:
        """Watch no more."""
        self._running = False
        self.pending.clear()

    def _sweep(self, _argument: object) -> None:
        """Expire what is overdue; `expire` takes it as already removed."""
        while self._running:
            oldest = next(iter(self.pending), None)
            now = self._clock.now()
            due = (now if oldest is None else self.pending[oldest]) + self._timeout_ns
            if oldest is None or due > now:
                self._clock.at(due, self._sweep)
                return
            del self.pending[oldest]
            self._expire(oldest)
