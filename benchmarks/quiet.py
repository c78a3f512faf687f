"""Whether the machine was quiet: how much of it programs took that have no part in the benchmark."""

import resource
import time
from dataclasses import dataclass
from typing import Self

import psutil

__all__ = ["BUSY_CORES", "Moment", "cores_taken_by_others"]

BUSY_CORES = 0.15
"""More than this, and latencies off by milliseconds say nothing of the suite. Interrupts alone stay well below."""


@dataclass(frozen=True, slots=True)
class Moment:
    """CPU seconds spent so far: by the whole machine (with what the hypervisor stole), and by this process's family.

    The family is this process and those of its children that have ended; look when none of them runs.
    """

    at_s: float
    machine_s: float
    family_s: float

    @classmethod
    def now(cls) -> Self:
        """The figures of this instant."""
        times = psutil.cpu_times()
        machine = sum(times) - times.idle - getattr(times, "iowait", 0.0)
        machine -= getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # within user and nice already
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return cls(time.monotonic(), machine, sum(usage.ru_utime + usage.ru_stime for usage in used))


def cores_taken_by_others(before: Moment, after: Moment) -> float:
    """Mean number of cores that programs outside the family kept busy between the two moments."""
    elapsed = after.at_s - before.at_s
    others = (after.machine_s - before.machine_s) - (after.family_s - before.family_s)
    return max(0.0, others / elapsed) if elapsed > 0 else 0.0
