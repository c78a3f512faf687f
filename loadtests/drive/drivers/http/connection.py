"""One connection, and the one exchange on it. There is no object per request: the connection is it."""

import asyncio
import select
from typing import TYPE_CHECKING

from loadtests.drive.drivers.direct import DirectProtocol
from loadtests.drive.drivers.failure import Failure, plain
from loadtests.drive.drivers.http.reader import AnswerReader, MalformedAnswer

if TYPE_CHECKING:
    from loadtests.drive.drivers.http.pool import Pool

__all__ = ["NOBODY", "Connection", "Waiting"]

_BLANK = b"\r\n\r\n"


class Waiting:
    """Who waits for an answer; as it stands, nobody. One object may wait on many connections at once.

    An answer that is to the byte the last good one, `latest`, goes to `repeated` and is not looked at; `latest` stays
    empty where equal answers need not be equally good. `known` maps heads known to be good to the length of the whole
    answer (head and body): what is exactly that goes to `good` and is not parsed again. It stays empty where every
    answer must be looked at. `head_only`, `keep`, `limit` are for the reader: no body follows; how much of it to
    remember; beyond how much to give up.
    """

    latest: bytes = b""
    known: dict[bytes, int] = {}  # noqa: RUF012 - this one stays empty
    head_only: bool = False
    keep: int = 0
    limit: int | None = None

    def connected(self, connection: "Connection") -> None:
        """The connection, opened for this exchange, is ready to be written to."""

    def repeated(self, connection: "Connection") -> None:
        """The latest answer came once more; the connection must be released by the one who waited."""

    def good(self, connection: "Connection", answer: bytes, body_at: int) -> None:
        """A whole answer with a known head came; the connection must be released by the one who waited."""

    def began(self, connection: "Connection") -> None:
        """The first bytes came of an answer that is to be read."""

    def answered(self, connection: "Connection", piece: bytes) -> None:
        """The answer is in `connection.reader`, `piece` was its last; the connection has been released."""

    def failed(self, connection: "Connection", failure: Failure) -> None:
        """There will be no usable answer; the connection is gone."""

    def cut_off(self, connection: "Connection") -> None:
        """The run is over; the connection is gone."""


NOBODY = Waiting()


class Connection(DirectProtocol):
    """A connection of a pool, with the execution that it carries: who is `waiting`, its index, user and times.

    `started_ns` is when the connection was asked for, `sent_ns` when the request was written (until then, when the
    execution was started).
    """

    __slots__ = (
        "_reading",
        "index",
        "intended_ns",
        "payload",
        "pool",
        "reader",
        "sent_ns",
        "started_ns",
        "user",
        "waiting",
    )

    def __init__(self, pool: "Pool") -> None:
        super().__init__()
        self.pool = pool
        self.waiting = NOBODY
        self.reader = AnswerReader()
        self.payload = b""
        self.index = self.intended_ns = self.sent_ns = self.started_ns = 0
        self.user = -1
        self._reading = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`; comes after the TLS handshake, where there is one."""
        self.attach(transport, secure=self.pool.origin.secure)
        self.pool.opened(self)
        if self.waiting is NOBODY:  # given up meanwhile
            self.discard()
        else:
            self.waiting.connected(self)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        waiting = self.waiting
        self.pool.received_bytes += len(data)
        if not self._reading:
            if data == waiting.latest:
                waiting.repeated(self)
                return
            body_at = data.find(_BLANK) + 4
            if waiting.known.get(data[:body_at]) == len(data):
                waiting.good(self, data, body_at)
                return
            if waiting is NOBODY:
                self.discard()
                return
            self._reading = True
            self.reader.begin(head_only=waiting.head_only, keep=waiting.keep)
            waiting.began(self)
        self._read(waiting, data)

    def eof_received(self) -> None:
        """See `asyncio.Protocol`."""
        self._ended("the server closed the connection")

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        self.detach()
        self._ended("the server closed the connection" if error is None else plain(error))
        self.pool.forget(self)

    def alive(self) -> bool:
        """Whether an idle connection still is open: the server may have closed it, and the news lie unread."""
        descriptor = self.transport.get_extra_info("socket").fileno()
        if descriptor < 0:
            return False
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return not poll.poll(0)

    def discard(self) -> None:
        """Close at once, or stop opening; nobody is told."""
        self.waiting = NOBODY
        self._reading = False
        self.pool.idle.pop(self, None)
        if self.transport is None:
            self.pool.give_up(self)
        else:
            self.detach()
            self.transport.abort()

    def fail(self, failure: Failure) -> None:
        """End the exchange in flight and the connection with it."""
        waiting = self.waiting
        self.discard()
        waiting.failed(self, failure)

    def cut_off(self) -> None:
        """As `fail`, because the run is over."""
        waiting = self.waiting
        self.discard()
        waiting.cut_off(self)

    def _read(self, waiting: Waiting, data: bytes) -> None:
        try:
            complete = self.reader.feed(data)
        except MalformedAnswer as error:
            self.fail(Failure("protocol", str(error)))
        else:
            self._took(waiting, data, complete=complete)

    def _took(self, waiting: Waiting, data: bytes, *, complete: bool) -> None:
        """The reader has read `data`, which made the answer `complete` or not."""
        reader = self.reader
        if waiting.limit is not None and reader.size > waiting.limit:
            self.fail(Failure("check", f"the body is larger than {waiting.limit} bytes"))
        elif complete:
            self._complete(waiting, data)

    def _complete(self, waiting: Waiting, piece: bytes) -> None:
        self.waiting = NOBODY
        self._reading = False
        self.pool.release(self)
        waiting.answered(self, piece)

    def _ended(self, how: str) -> None:
        """The peer closed: the end of an answer, of an exchange, or nothing of note."""
        waiting = self.waiting
        if waiting is NOBODY:
            self.pool.idle.pop(self, None)
        elif self._reading and self.reader.end():
            self._complete(waiting, b"")
        else:
            self.fail(Failure("reset", f"{how} {self._progress()}"))

    def _progress(self) -> str:
        if not self._reading:
            return "before any of the answer came"
        return f"after {self.reader.size} bytes of the body" if self.reader.headed else "within the headers"
