"""Operations that are one request: the hottest path of the suite. No task, no future, no object per execution."""

from typing import TYPE_CHECKING

from loadtests.drive.drivers.failure import Failure
from loadtests.drive.drivers.http.account import Account, excerpt
from loadtests.drive.drivers.http.answer import Head
from loadtests.drive.drivers.http.check import Judge
from loadtests.drive.drivers.http.connection import NOBODY, Connection, Waiting
from loadtests.drive.drivers.http.pool import DOUBTFUL_NS, Pool
from loadtests.drive.drivers.http.reader import AnswerReader
from loadtests.drive.drivers.http.requests import CompiledRequest
from loadtests.plan.data import recurs_after, rows
from loadtests.plan.protocol.http import HttpOperation

if TYPE_CHECKING:
    from loadtests.drive.drivers.http.driver import HttpDriver

__all__ = ["SingleRequest"]

_BLANK = b"\r\n\r\n"
_KNOWN_AT_MOST = 64
_SECOND_NS = 1_000_000_000
_LARGE = 32 * 1024
_RENDERED_BYTES_AT_MOST = 4 * 1024 * 1024
_ENTRY_BYTES = 160
"""What a remembered request takes beside its own bytes."""


class SingleRequest(Waiting):
    """Fires one request of a known origin, without redirects or cookies; waits on all its connections itself.

    Whether an answer is good depends, but for checks of the body, on its head alone. Servers repeat their heads
    (`Date` changes once a second), so heads found good are remembered in `known`, and an answer that is such a head
    and a body of the right length is not parsed again; only its body is still checked. Where no check has a variable
    in it, not even that is done for an answer that is the last good one byte for byte.

    Where the values of a request come round again, so do its bytes: they are rendered once and remembered, as far as
    there is room.
    """

    def __init__(self, driver: "HttpDriver", operation: HttpOperation, compiled: CompiledRequest, pool: Pool) -> None:
        assert operation.request is not None
        self._driver, self._pool = driver, pool
        self._account = Account(driver.surroundings, operation.name)
        self._judge = Judge(operation.request.check)
        self._wire = compiled.wire()
        self._payload = self._wire.static
        data = driver.scenario.data
        self._values, self._checked = rows(data, sorted(self._wire.names)), rows(data, sorted(self._judge.names))
        self._recurs_after = recurs_after(data, self._wire.names)
        self._period = self._recurs_after or 1
        self._rendered: dict[int, bytes] = {}
        self._now, self._ok, self._idle = driver.clock.now, self._account.tape.ok_columns, pool.idle
        self._pending = driver.deadlines(driver.scenario.timeout_of(operation)).pending
        self.head_only = compiled.method == "HEAD"
        self.keep, self.limit = self._judge.keep, self._judge.limit
        self.known: dict[bytes, int] = {}
        looked_at = self.head_only or self._judge.head_varies
        self._learns = not looked_at and driver.scenario.http.keep_alive
        self._learning_since = 0
        self._alike = self._account.first_byte is None and not self._judge.names
        if self._account.first_byte is not None or self._judge.reads_body:
            self.good = self._good_head  # type: ignore[method-assign]
        if self._account.first_byte is None and self._judge.only_text is not None:
            self._text = self._judge.only_text
            self.good = self._good_text  # type: ignore[method-assign]

    def start(self, index: int, intended_ns: int, user: int) -> None:
        """Begin one execution."""
        payload = self._payload
        if payload is None:  # asked so, and not by `or`: bytes would be asked for their length
            payload = self._rendered.get(index % self._period)
            if payload is None:
                payload = self._render(index)
        now, idle = self._now(), self._idle
        connection = idle.popitem()[0] if idle else None
        if connection is not None and now - connection.sent_ns > DOUBTFUL_NS:
            idle[connection] = None
            connection = self._pool.take()
        if connection is None:
            connection = self._pool.open(self, payload, started_ns=now)
        else:
            connection.waiting, connection.sent_ns = self, now
            connection.write(payload)
        connection.intended_ns, connection.user, connection.index = intended_ns, user, index
        self._pending[connection] = now

    def connected(self, connection: Connection) -> None:
        """See `Waiting`."""
        now = self._now()
        self._account.connect(connection.intended_ns, now - connection.started_ns)
        connection.sent_ns = now
        connection.write(connection.payload)
        connection.payload = b""

    def good(self, connection: Connection, answer: bytes, body_at: int) -> None:  # noqa: ARG002
        """See `Waiting`."""
        if self._alike:
            self.latest = answer
        self.repeated(connection)

    def repeated(self, connection: Connection) -> None:
        """See `Waiting`."""
        intended, sent, ended = self._ok
        intended(connection.intended_ns)
        sent(connection.sent_ns)
        ended(self._now())
        del self._pending[connection]
        connection.waiting = NOBODY
        self._idle[connection] = None
        self._driver.finished(connection.user)

    def began(self, connection: Connection) -> None:
        """See `Waiting`."""
        if self._account.first_byte is not None:
            self._account.first_byte(connection.intended_ns, self._now() - connection.intended_ns)

    def answered(self, connection: Connection, piece: bytes) -> None:
        """See `Waiting`."""
        ended, reader = self._now(), connection.reader
        values = self._checked(connection.index)
        failure = self._judge.fault(reader.status, reader.head, reader.body, values)
        del self._pending[connection]
        times = connection.intended_ns, connection.sent_ns, ended
        if failure is None:
            self._account.ok(*times)
            if self._learns and reader.keep_alive and not reader.surplus:
                self._learn(piece, reader, ended)
        else:
            self._account.failed(failure, *times, seen=lambda: excerpt(reader.head(), reader.body()))
        self._driver.finished(connection.user)

    def failed(self, connection: Connection, failure: Failure) -> None:
        """See `Waiting`."""
        self._pending.pop(connection, None)
        self._account.failed(failure, connection.intended_ns, connection.sent_ns, self._now())
        self._driver.finished(connection.user)

    def cut_off(self, connection: Connection) -> None:
        """See `Waiting`."""
        self._pending.pop(connection, None)
        self._account.cut_off(connection.intended_ns)

    def _good_text(self, connection: Connection, answer: bytes, body_at: int) -> None:
        """As `good`, where the body must contain one text and nothing else is asked of it."""
        if answer.find(self._text, body_at) >= 0:
            SingleRequest.good(self, connection, answer, body_at)
        else:
            self._good_head(connection, answer, body_at)

    def _good_head(self, connection: Connection, answer: bytes, body_at: int) -> None:
        """As `good`, where more is wanted than a good head."""
        if self._account.first_byte is not None:
            self._account.first_byte(connection.intended_ns, self._now() - connection.intended_ns)
        body = answer[body_at:]
        failure = self._judge.body_fault(body, self._checked(connection.index))
        if failure is None:
            SingleRequest.good(self, connection, answer, body_at)
            return
        del self._pending[connection]
        connection.waiting = NOBODY
        self._idle[connection] = None
        times = connection.intended_ns, connection.sent_ns, self._now()
        self._account.failed(failure, *times, seen=lambda: excerpt(Head.of(answer[:body_at]), body))
        self._driver.finished(connection.user)

    def _render(self, index: int) -> bytes:
        payload = self._wire.render(self._values(index))
        if len(payload) > _LARGE:  # an answer may come before all of it is sent: look at each
            self._learns = False
            self.known.clear()
            self.latest = b""
        elif self._recurs_after is not None:
            taken = len(payload) + _ENTRY_BYTES
            if taken * self._period <= _RENDERED_BYTES_AT_MOST and self._driver.takes(taken):
                self._rendered[index % self._period] = payload
        return payload

    def _learn(self, answer: bytes, reader: AnswerReader, now: int) -> None:
        """Remember the head of a good answer that came in one piece, framed by its length and not encoded."""
        end = answer.find(_BLANK) + len(_BLANK)
        if len(answer) != end + reader.size or not answer.startswith(b"HTTP/1.1 %d" % reader.status):
            return
        if self._judge.reads_body and reader.head().get("content-encoding") is not None:
            return
        if len(self.known) >= _KNOWN_AT_MOST:
            self.known.clear()
            self._learns = now - self._learning_since > _SECOND_NS  # no two heads alike: not worth the trouble
            self._learning_since = now
        self.known[answer[:end]] = len(answer)
