"""A stranger on every core who only wants to be woken a thousand times a second, and notes how late it was.

Its lateness is the machine's own (the hypervisor, the kernel, other programs), not of the suite or the server: with the
right to it the stranger runs before everything else. A latency that is off by no more than what it met is no evidence.

    python -m benchmarks.pauses CORE        until its standard input ends; prints the lateness of each tick in µs
"""

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.pinning import before_others

__all__ = ["Strangers", "watching"]

_TICK_NS = 1_000_000
_ROOT = Path(__file__).parents[1]
_MOST_CORES = 4
_PRIORITY = 10


class Strangers:
    """The lateness that strangers met, known once the block of `watching` has ended."""

    def __init__(self) -> None:
        self._late_us: dict[int, NDArray[np.int64]] = {}

    @property
    def ticks(self) -> int:
        """How often they looked."""
        return sum(len(late_us) for late_us in self._late_us.values())

    def add(self, core: int, late_us: NDArray[np.int64]) -> None:
        """What the one on `core` says: the lateness of every tick in µs."""
        self._late_us[core] = late_us

    def lateness_ns(self, quantile: float) -> int:
        """Over all cores and all of the time, at that quantile; 0 when nobody watched."""
        if not self.ticks:
            return 0
        return int(np.quantile(_all(self._late_us.values()), quantile, method="inverted_cdf")) * 1000

    def pauses_ns(self, cores: Iterable[int]) -> NDArray[np.int64]:
        """How much longer than usual (the median of its core) each tick on these cores waited to be woken.

        What is due at some instant on one of them meets a pause by this distribution; most ticks met none.
        """
        late = [self._late_us[core] for core in cores if core in self._late_us]
        return _all(np.maximum(0, late_us - int(np.median(late_us))) * 1000 for late_us in late)


def _all(parts: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, np.int64), *parts])


@contextlib.contextmanager
def watching() -> Iterator[Strangers]:
    """One stranger on each of the first cores for the length of the block."""
    strangers = Strangers()
    cores = sorted(os.sched_getaffinity(0))[:_MOST_CORES]
    with contextlib.ExitStack() as stack:
        watchers = {core: stack.enter_context(_stranger(core)) for core in cores}
        try:
            yield strangers
        finally:
            for core, watcher in watchers.items():
                said, _ = watcher.communicate()
                strangers.add(core, np.array(said.split(), np.int64))


def _stranger(core: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "benchmarks.pauses", str(core)]
    return subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _watch(core: int) -> list[int]:
    """The lateness of every tick in µs; those due in a pause count each with what was left of it, as arrivals would."""
    os.sched_setaffinity(0, {core})
    before_others(0, priority=_PRIORITY)
    late_us: list[int] = []
    due = time.monotonic_ns()
    while len(late_us) % 256 or not select.select([sys.stdin], [], [], 0)[0]:
        due += _TICK_NS
        left = due - time.monotonic_ns()
        if left > 0:
            time.sleep(left / 1e9)
        late_us.append((time.monotonic_ns() - due) // 1000)
    return late_us


if __name__ == "__main__":
    print(*_watch(int(sys.argv[1])))
