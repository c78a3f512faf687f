"""A connection whose answer is listened to while it comes.

httpx would not do: see benchmarks/README.md for what an event costs here and there.
"""

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from loadtests.drive.drivers.http.connection import Connection, Waiting
from loadtests.drive.drivers.http.reader import AnswerReader

if TYPE_CHECKING:
    from loadtests.drive.drivers.http.pool import Pool

__all__ = ["Listener", "StreamConnection", "StreamReader"]

_LINE_END = b"\r\n"
_EVENT_END = b"\n\n\r\n"
"""How a chunk ends that ends with an event; the last of an answer, which is empty, never does."""
_MOST_HELD = 32
_LONGEST_SIZE = 8
"""Hexadecimal digits of a chunk's length, as far as the fast way looks."""


class Listener(Waiting):
    """Who waits for an answer and may want to hear it piece by piece."""

    def headed(self, connection: "StreamConnection") -> bool:
        """The headers have come: whether the body is to be heard as it comes, rather than kept."""
        raise NotImplementedError

    def heard(self, connection: "StreamConnection", piece: bytes, now_ns: int) -> None:
        """A piece of the body came at `now_ns`; all pieces of one reading have the same time."""

    def heard_many(self, pieces: Sequence[bytes], times_ns: Sequence[int]) -> int:  # noqa: ARG002
        """As `heard`, of pieces that had waited, where many can be taken at once: how many of the first were."""
        return 0


class StreamReader(AnswerReader):
    """Knows whether it stands `between_chunks`: then a whole chunk leaves it there, and need not be read by it."""

    __slots__ = ("between_chunks",)

    def begin(self, *, head_only: bool = False, keep: int = 0) -> None:
        """See `AnswerReader.begin`."""
        super().begin(head_only=head_only, keep=keep)
        self.between_chunks = False

    def on_chunk_header(self) -> None:
        """Called by the parser."""
        self.between_chunks = False

    def on_chunk_complete(self) -> None:
        """Called by the parser."""
        self.between_chunks = not self.complete


class StreamConnection(Connection):
    """One exchange at a time, as ever. The clock is read once for all that one reading of the socket brought.

    Nearly all readings are one whole chunk that ends an event. Once a stream has begun these are only timed and held,
    up to 32 of them: what they say is looked at together, which costs half of doing it in between two thousand others.
    Whatever else comes, or befalls the connection, has them looked at first.
    """

    __slots__ = ("_at_ns", "_held", "_now", "_times", "holds", "streams")

    reader: StreamReader

    def __init__(self, pool: "Pool") -> None:
        super().__init__(pool)
        self.reader = StreamReader()
        self._now = time.monotonic_ns
        self._held: list[bytes] = []
        self._times: list[int] = []
        self._at_ns = 0
        self.streams: bool | None = None
        """Whether the answer is a stream; not known until its headers have come."""
        self.holds = False
        """Whether pieces may be held: the listener has heard what it wanted to hear at once."""

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self.holds and data.endswith(_EVENT_END):
            self._held.append(data)
            self._times.append(self._now())
            if len(self._held) == _MOST_HELD:
                self.let_go()
            return
        now = self._now()
        self.let_go()
        self._hear(data, now)

    def eof_received(self) -> None:
        """See `asyncio.Protocol`."""
        self.let_go()
        super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        self.let_go()
        super().connection_lost(error)

    def let_go(self) -> None:
        """Have what is held looked at."""
        if self._held:
            held, times = self._held, self._times
            self._held, self._times = [], []
            waiting = self.waiting
            taken = self._hear_many(held, times)
            for data, at_ns in zip(held[taken:], times[taken:], strict=True):
                self._hear(data, at_ns)
                if self.waiting is not waiting:
                    return

    def discard(self) -> None:
        """See `Connection.discard`."""
        self.holds = self.reader.between_chunks = False
        self._held, self._times = [], []
        super().discard()

    def _hear_many(self, held: list[bytes], times: list[int]) -> int:
        """Have the listener take as many of the first as it can at once; how many it took."""
        if not (self.streams and self.reader.between_chunks):
            return 0
        pieces: list[bytes] = []
        for data in held:
            piece = _only_chunk(data)
            if piece is None:
                break
            pieces.append(piece)
        taken: int = self.waiting.heard_many(pieces, times)  # type: ignore[attr-defined]
        self.pool.received_bytes += sum(map(len, held[:taken]))
        self.reader.size += sum(map(len, pieces[:taken]))
        return taken

    def _hear(self, data: bytes, at_ns: int) -> None:
        if self.streams and self.reader.between_chunks:
            piece = _only_chunk(data)
            if piece is not None:
                waiting = self.waiting
                self.pool.received_bytes += len(data)
                self.reader.size += len(piece)
                waiting.heard(self, piece, at_ns)  # type: ignore[attr-defined]
                return
        self._at_ns = at_ns
        super().data_received(data)

    def _took(self, waiting: Waiting, data: bytes, *, complete: bool) -> None:
        assert isinstance(waiting, Listener)
        reader = self.reader
        if self.streams is None and reader.headed:
            self.streams = waiting.headed(self)
        if not self.streams:
            super()._took(waiting, data, complete=complete)
            return
        for piece in reader.take():
            waiting.heard(self, piece, self._at_ns)
            if self.waiting is not waiting:  # it has heard enough
                return
        if complete:
            self._complete(waiting, data)

    def _complete(self, waiting: Waiting, piece: bytes) -> None:
        self.reader.between_chunks = self.holds = False
        super()._complete(waiting, piece)


def _only_chunk(data: bytes) -> bytes | None:
    """What is in a chunk, where the data is exactly one that is not the last; `None` for anything else."""
    usual = _chunk_head(len(data))
    if usual is not None and data.startswith(usual) and data.endswith(_LINE_END):
        return data[len(usual) : -2]
    at = data.find(_LINE_END, 1, _LONGEST_SIZE + 2)
    if at < 0 or not data.endswith(_LINE_END):
        return None
    try:
        size = int(data[:at], 16)
    except ValueError:  # an extension, or no length
        return None
    start = at + 2
    return data[start:-2] if 0 < size == len(data) - start - 2 else None


@lru_cache(maxsize=4096)
def _chunk_head(length: int) -> bytes | None:
    """How a chunk usually begins that is so long with all that belongs to it; `None` where none can be."""
    for digits in range(1, _LONGEST_SIZE + 1):
        size = length - digits - 4
        if size > 0 and len(f"{size:x}") == digits:
            return b"%x\r\n" % size
    return None
