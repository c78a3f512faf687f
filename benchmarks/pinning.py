"""Keeping child processes on cores of their own."""

import os
from collections.abc import Callable

__all__ = ["pinned"]


def pinned(*cores: int) -> Callable[[], None]:
    """For `preexec_fn`: keep the child, and its children, on these cores."""

    def pin() -> None:
        os.sched_setaffinity(0, cores)

    return pin
