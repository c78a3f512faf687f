"""A connection whose answer is listened to while it comes.

httpx would not do: see benchmarks/README.md for what an event costs here and there.
"""

import time
from typing import TYPE_CHECKING

from loadtests.drive.drivers.http.connection import Connection, Waiting

if TYPE_CHECKING:
    from loadtests.drive.drivers.http.pool import Pool

__all__ = ["Listener", "StreamConnection"]


class Listener(Waiting):
    """Who waits for an answer and may want to hear it piece by piece."""

    def headed(self, connection: "StreamConnection") -> bool:
        """The headers have come: whether the body is to be heard as it comes, rather than kept."""
        raise NotImplementedError

    def heard(self, connection: "StreamConnection", piece: bytes, now_ns: int) -> None:
        """A piece of the body came at `now_ns`; all pieces of one reading have the same time."""


class StreamConnection(Connection):
    """One exchange at a time, as ever. The clock is read once for all that one reading of the socket brought."""

    __slots__ = ("_now", "streams")

    def __init__(self, pool: "Pool") -> None:
        super().__init__(pool)
        self._now = time.monotonic_ns
        self.streams: bool | None = None
        """Whether the answer is a stream; not known until its headers have come."""

    def _took(self, waiting: Waiting, data: bytes, *, complete: bool) -> None:
        assert isinstance(waiting, Listener)
        now, reader = self._now(), self.reader
        if self.streams is None and reader.headed:
            self.streams = waiting.headed(self)
        if not self.streams:
            super()._took(waiting, data, complete=complete)
            return
        for piece in reader.take():
            waiting.heard(self, piece, now)
            if self.waiting is not waiting:  # it has heard enough
                return
        if complete:
            self._complete(waiting, data)
