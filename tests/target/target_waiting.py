"""Waiting for what comes about by itself."""

import time
from collections.abc import Callable


def wait_until(holds: Callable[[], bool]) -> None:
    """Look until it holds; fails the test when it does not within 20 s."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in 20 s"
        time.sleep(0.05)
