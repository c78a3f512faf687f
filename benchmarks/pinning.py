"""Keeping child processes on cores of their own, and before other programs on them."""

import contextlib
import os
from collections.abc import Callable

__all__ = ["before_others", "pinned"]


def pinned(*cores: int) -> Callable[[], None]:
    """For `preexec_fn`: keep the child, and its children, on these cores."""

    def pin() -> None:
        os.sched_setaffinity(0, cores)

    return pin


def before_others(pid: int, *, priority: int) -> None:
    """Let that process (0 is this one) run before every program without real-time priority, where this is permitted.

    What it starts later has the same; of two such processes the one with the higher `priority` goes first.
    """
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(priority))
