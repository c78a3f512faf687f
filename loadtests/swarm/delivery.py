"""Nothing lost, nothing twice, in order: numbered frames that are kept until they are acknowledged.

Pure bookkeeping; whoever owns an `Outbox` or an `Inbox` does the sending.
"""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["Inbox", "Outbox"]

T = TypeVar("T")

_AT_ONCE = 64


class Outbox(Generic[T]):
    """Frames on their way out. `batches` gives what is to be sent: new ones, and those not acknowledged in time."""

    def __init__(self, *, again_after_ns: int) -> None:
        self._again_after_ns = again_after_ns
        self._kept: deque[T] = deque()
        self._first = 0
        self._sent_until = 0
        self._sent_at_ns = 0

    def put(self, frame: T) -> None:
        """Add a frame; it has the next number."""
        self._kept.append(frame)

    def __len__(self) -> int:
        """Frames not acknowledged yet."""
        return len(self._kept)

    def batches(self, now_ns: int) -> Iterator[tuple[int, list[T]]]:
        """What to send now, as (number of the first, frames)."""
        if self._first < self._sent_until and now_ns - self._sent_at_ns >= self._again_after_ns:
            self._sent_until = self._first
        while (position := self._sent_until - self._first) < len(self._kept):
            batch = [self._kept[index] for index in range(position, min(position + _AT_ONCE, len(self._kept)))]
            first = self._sent_until
            self._sent_until += len(batch)
            self._sent_at_ns = now_ns
            yield first, batch

    def acknowledged(self, until: int, now_ns: int) -> None:
        """Everything before number `until` has come; the rest gets its full time once more."""
        while self._first < until and self._kept:
            self._kept.popleft()
            self._first += 1
            self._sent_at_ns = now_ns
        self._sent_until = max(self._sent_until, self._first)


class Inbox(Generic[T]):
    """Frames as they come in, in whatever order and however often; given on once each, in order."""

    def __init__(self) -> None:
        self.until = 0
        """The number that is expected next: all before it have come."""
        self._early: dict[int, T] = {}

    def take(self, first: int, frames: list[T]) -> list[T]:
        """The frames that can be passed on now that these have come."""
        for number, frame in enumerate(frames, first):
            if number >= self.until:
                self._early[number] = frame
        ready = []
        while self.until in self._early:
            ready.append(self._early.pop(self.until))
            self.until += 1
        return ready
