"""What the generator says of itself, second by second.

Loop lag, CPU, waiting for a core, garbage-collector pauses, page faults, memory, executions in flight.
"""

import gc
import os
import resource
import time
from collections.abc import Callable
from typing import Any

from loadtests.clock import Clock
from loadtests.drive.recorder import GENERATOR, Recorder
from loadtests.result.window import CORE_WAIT_NS, MAJOR_FAULTS

__all__ = ["TURN_NS", "HealthProbe"]

TURN_NS = 2_000_000
"""How often the engine does housekeeping and looks at its own lateness."""

_SECOND_NS = 1_000_000_000
_SCHEDSTAT = "/proc/self/schedstat"
_PAGE = os.sysconf("SC_PAGE_SIZE")


class HealthProbe:
    """Takes a turn every 2 ms: how late the turn comes is the loop lag; once a second it notes the rest."""

    def __init__(self, recorder: Recorder, clock: Clock, *, in_flight: Callable[[], int]) -> None:
        tape = recorder.tape(GENERATOR)
        self._recorder, self._clock, self._in_flight = recorder, clock, in_flight
        self._loop_lag, self._gc_pause = tape.measure("loop lag"), tape.measure("gc pause")
        self._gc_began = 0
        self._due = 0
        self._cpu_ns = self._since_ns = self._faults = 0
        self._waited_ns: int | None = None
        self._running = False

    def begin(self, start_ns: int) -> None:
        """Start taking turns at `start_ns`."""
        self._running = True
        self._due = self._since_ns = start_ns
        self._cpu_ns, self._waited_ns, self._faults = time.process_time_ns(), _waited_ns(), _major_faults()
        gc.callbacks.append(self._collected)
        self._clock.at(self._due, self._turn)

    def end(self) -> None:
        """Take no more turns; the last, partial second is noted."""
        self._running = False
        gc.callbacks.remove(self._collected)
        self._note(self._clock.now())

    def _turn(self, _argument: object) -> None:
        if not self._running:
            return
        now = self._clock.now()
        self._loop_lag(self._due, now - self._due)
        if now - self._since_ns >= _SECOND_NS:
            self._note(now)
        self._recorder.housekeep(now)
        self._due = max(self._due + TURN_NS, now)
        self._clock.at(self._due, self._turn)

    def _note(self, now: int) -> None:
        cpu, at = time.process_time_ns(), self._since_ns
        self._recorder.generator("cpu_ns", at, cpu - self._cpu_ns)
        self._recorder.generator("elapsed_ns", at, now - self._since_ns)
        waited, faults = _waited_ns(), _major_faults()
        if waited is not None and self._waited_ns is not None:
            self._recorder.generator(CORE_WAIT_NS, at, waited - self._waited_ns)
        self._recorder.generator(MAJOR_FAULTS, at, faults - self._faults)
        self._waited_ns, self._faults = waited, faults
        self._recorder.generator("rss_bytes", at, _resident_bytes())
        self._recorder.generator("in_flight", at, self._in_flight())
        self._cpu_ns, self._since_ns = cpu, now

    def _collected(self, phase: str, _info: dict[str, Any]) -> None:
        now = self._clock.now()
        if phase == "start":
            self._gc_began = now
        else:
            self._gc_pause(now, now - self._gc_began)


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 - read every second, in the engine
            return int(statm.read().split()[1]) * _PAGE
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _waited_ns() -> int | None:
    """How long this process was ready to run and had no core, as Linux counts it; `None` where nobody does."""
    try:
        with open(_SCHEDSTAT, "rb") as schedstat:  # noqa: PTH123 - as above
            ran, waited, _ = map(int, schedstat.read().split())
    except (OSError, ValueError):
        return None
    return waited if ran else None  # a kernel that does not count says 0 to everything


def _major_faults() -> int:
    """How often this process stood still until a page had been read from disk."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_majflt
