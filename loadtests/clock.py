"""A sense of time for event loops: `now`, and callbacks at given instants, sharper than a loop's own timers.

asyncio and uvloop round timers to whole milliseconds, which alone would be the whole latency of a fast answer. On
Linux a timerfd wakes the loop within tens of microseconds; elsewhere the loop's timers have to do, and the start-lag
figures show it.
"""

import asyncio
import ctypes
import heapq
import os
import sys
import time
from collections.abc import Callable
from itertools import count
from typing import Any, Protocol

__all__ = ["Clock", "LoopClock", "VirtualClock"]

Callback = Callable[[Any], None]

_NS = 1_000_000_000
_EARLIEST, _LATEST = -1, sys.maxsize
_COALESCE_NS = 100_000
"""Wake-ups closer than this are made one: at 20,000 arrivals a second it saves half the system calls."""


class Clock(Protocol):
    """Monotonic nanoseconds, shared by all processes of the machine, and callbacks at instants of it."""

    def now(self) -> int:
        """The present instant in ns."""

    def at(self, due_ns: int, callback: Callback, argument: Any = None) -> None:
        """Call `callback(argument)` once, as soon as `due_ns` has come; instants in the past mean the next turn."""


class _Agenda:
    """Callbacks by due time, first come first served among equals."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, int, Callback, Any]] = []
        self._order = count()

    def _run_until(self, now_ns: int) -> None:
        """Run what is due at `now_ns`; what callbacks add waits for the next turn, so the event loop gets its own."""
        entries, pop, first_new = self._entries, heapq.heappop, next(self._order)
        while entries and entries[0][0] <= now_ns and entries[0][1] < first_new:
            _, _, callback, argument = pop(entries)
            callback(argument)


class LoopClock(_Agenda):
    """The real clock of a running event loop: CLOCK_MONOTONIC with a timerfd."""

    now = staticmethod(time.monotonic_ns)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._armed = _LATEST
        self._timer: _Timer = _TimerFd(loop, self._wake) if _TimerFd.available() else _LoopTimer(loop, self._wake)

    def at(self, due_ns: int, callback: Callback, argument: Any = None) -> None:
        """See `Clock.at`."""
        heapq.heappush(self._entries, (due_ns, next(self._order), callback, argument))
        if due_ns < self._armed:
            self._arm(due_ns)

    def close(self) -> None:
        """Stop waking the loop; callbacks not yet due are forgotten."""
        self._timer.close()

    def _arm(self, due_ns: int) -> None:
        self._armed = due_ns
        soonest = time.monotonic_ns() + _COALESCE_NS
        self._timer.arm(due_ns if due_ns > soonest else soonest)

    def _wake(self) -> None:
        self._armed = _EARLIEST  # what callbacks add does not set the timer each: it is set once, when they are done
        try:
            self._run_until(time.monotonic_ns())
        finally:
            if self._entries:
                self._arm(self._entries[0][0])
            else:
                self._armed = _LATEST
                self._timer.disarm()


class VirtualClock(_Agenda):
    """A clock for tests and arithmetic: time moves only when told to."""

    def __init__(self, start_ns: int = 0) -> None:
        super().__init__()
        self._now = start_ns

    def now(self) -> int:
        """The current virtual instant in ns."""
        return self._now

    def at(self, due_ns: int, callback: Callback, argument: Any = None) -> None:
        """See `Clock.at`."""
        heapq.heappush(self._entries, (max(due_ns, self._now), next(self._order), callback, argument))

    def advance(self, by_ns: int) -> None:
        """Move on by `by_ns`, running each callback at its own instant."""
        end = self._now + by_ns
        while self._next_due() <= end:
            self._now = max(self._now, self._next_due())
            self._run_until(self._now)
        self._now = end

    def _next_due(self) -> int:
        return self._entries[0][0] if self._entries else _LATEST

    def stall(self, by_ns: int) -> None:
        """Move on by `by_ns` as a stopped process sees it: everything due meanwhile runs late, at the end."""
        self._now += by_ns
        self._run_until(self._now)


class _Timer(Protocol):
    def arm(self, due_ns: int) -> None: ...

    def disarm(self) -> None: ...

    def close(self) -> None: ...


class _LoopTimer:
    """The loop's own timer, where there is no timerfd."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._loop, self._wake = loop, wake
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, due_ns: int) -> None:
        self.disarm()
        self._handle = self._loop.call_later(max(0.0, (due_ns - time.monotonic_ns()) / _NS), self._wake)

    def disarm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def close(self) -> None:
        self.disarm()


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("it_interval", _Timespec), ("it_value", _Timespec))


class _TimerFd:
    """A one-shot Linux timerfd on CLOCK_MONOTONIC with absolute times (Python has it only since 3.13).

    Setting it again also takes back that it has expired, so each wake-up costs one system call and no read.
    """

    _NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
    _ABSOLUTE = 1

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._loop = loop
        self._fd = self._created()
        self._spec = _Itimerspec()
        self._value = self._spec.it_value
        # Arguments as C has them, and the GIL kept: half the price of a call that converts and releases each time.
        self._settime = ctypes.PyDLL(None).timerfd_settime
        self._arguments = (ctypes.c_int(self._fd), ctypes.c_int(self._ABSOLUTE), ctypes.byref(self._spec), None)
        loop.add_reader(self._fd, wake)

    def _created(self) -> int:
        libc = ctypes.CDLL(None, use_errno=True)
        descriptor: int = libc.timerfd_create(time.CLOCK_MONOTONIC, self._NONBLOCK_CLOEXEC)
        if descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")
        return descriptor

    @staticmethod
    def available() -> bool:
        """Linux has it."""
        return sys.platform == "linux"

    def arm(self, due_ns: int) -> None:
        self._value.tv_sec, self._value.tv_nsec = divmod(due_ns, _NS)
        self._settime(*self._arguments)

    def disarm(self) -> None:
        self.arm(0)

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
            self._arguments = (ctypes.c_int(-1), *self._arguments[1:])
