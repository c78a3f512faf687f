"""A `Clock` for a process that gevent runs, so that health is probed there as in any engine process."""

import time
from typing import Any

import gevent

from loadtests.clock import Callback

__all__ = ["GeventClock"]


class GeventClock:
    """See `loadtests.clock.Clock`; callbacks run between greenlets and must not wait."""

    now = staticmethod(time.monotonic_ns)

    def __init__(self) -> None:
        self._timers: set[Any] = set()

    def at(self, due_ns: int, callback: Callback, argument: Any = None) -> None:
        """See `Clock.at`."""
        timer = gevent.get_hub().loop.timer(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
        self._timers.add(timer)

        def fire() -> None:
            self._timers.discard(timer)
            timer.stop()
            timer.close()
            callback(argument)

        timer.start(fire, update=True)
