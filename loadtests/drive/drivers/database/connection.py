"""One session of the pool, and the one execution on it. There is no object per execution: the connection is it."""

import contextlib
from typing import TYPE_CHECKING, Any

from loadtests.drive.drivers.database.conditions import error_failure, is_fatal
from loadtests.drive.drivers.database.messages import Answer
from loadtests.drive.drivers.direct import DirectProtocol
from loadtests.drive.drivers.failure import Failure, plain

if TYPE_CHECKING:
    from loadtests.drive.drivers.database.pool import Pool

__all__ = ["NOBODY", "Connection", "Waiting"]


class Waiting:
    """Who waits for an answer; as it stands, nobody. One object may wait on many connections at once."""

    def good(self, connection: "Connection", data: bytes) -> bool:  # noqa: ARG002
        """Whether `data` is a whole good answer, known at sight; if so it has been dealt with."""
        return False

    def answered(self, connection: "Connection", piece: bytes) -> None:
        """The answer is whole in `connection.answer`; `piece` was its last."""

    def lost(self, connection: "Connection", failure: Failure) -> None:
        """There will be no answer; the connection is gone."""

    def expired(self, connection: "Connection") -> None:
        """The answer did not come within the operation's timeout."""

    def cut_off(self, connection: "Connection") -> None:
        """The run is over."""


NOBODY = Waiting()


class Connection(DirectProtocol):
    """A session, with the execution that it carries: who is `waiting`, its index, user and times.

    `sent_ns` is when the execution's first message was written, `taken_ns` since when the connection is in use as far
    as the pool has not counted it yet. `step`, `step_ns`, `tries`, `scope` and `kept` belong to who waits.
    """

    __slots__ = (
        "_reading",
        "answer",
        "index",
        "intended_ns",
        "kept",
        "pool",
        "process",
        "scope",
        "secret",
        "sent_ns",
        "step",
        "step_ns",
        "taken_ns",
        "tries",
        "user",
        "waiting",
    )

    def __init__(self, pool: "Pool") -> None:
        super().__init__()
        self.pool = pool
        self.waiting = NOBODY
        self.answer = Answer()
        self.index = self.intended_ns = self.sent_ns = self.taken_ns = 0
        self.user = -1
        self.step = self.step_ns = self.tries = 0
        self.scope: Any = None
        self.kept: Any = None
        self.process = self.secret = 0
        self._reading = False

    def made(self, transport: Any, process: int, secret: int) -> None:
        """The session is ours."""
        self.process, self.secret = process, secret
        self.attach(transport, secure=transport.get_extra_info("ssl_object") is not None)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        waiting = self.waiting
        self.pool.received_bytes += len(data)
        if not self._reading and waiting.good(self, data):
            return
        try:
            whole = self.answer.feed(data)
        except ValueError as error:
            self.end(Failure("protocol", str(error)))
            return
        self._reading = not whole or self.answer.surplus
        if whole:
            waiting.answered(self, data)

    def eof_received(self) -> None:
        """See `asyncio.Protocol`."""

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        self.detach()
        told = self._last_error()
        if told is not None and is_fatal(told):
            self._ended(error_failure(told))
        else:
            self._ended(Failure("reset", "the server closed the connection" if error is None else plain(error)))

    def more(self) -> None:
        """Look whether a further answer has come with the last one."""
        self.data_received(b"")

    def end(self, failure: Failure) -> None:
        """Give the connection up because of `failure`."""
        self._ended(failure)
        if self.transport is not None:
            self.detach()
            self.transport.abort()

    def _last_error(self) -> bytes | None:
        """What the server said last, also where it came together with the answer before it."""
        if self.answer.surplus:
            with contextlib.suppress(ValueError):
                self.answer.feed(b"")
        return self.answer.error

    def _ended(self, failure: Failure) -> None:
        waiting, self.waiting = self.waiting, NOBODY
        if self.pool.gone(self, failure):
            waiting.lost(self, failure)
