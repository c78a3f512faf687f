"""How one operation is executed on a session: what all kinds of operations have in common."""

from abc import abstractmethod
from typing import TYPE_CHECKING

from loadtests.drive.drivers.database.conditions import RETRIABLE, error_failure
from loadtests.drive.drivers.database.connection import Connection, Waiting
from loadtests.drive.drivers.database.messages import IDLE, NOTHING_SENT, fields
from loadtests.drive.drivers.database.pool import Pool, Queued
from loadtests.drive.drivers.failure import Failure
from loadtests.plan.protocol.database import DatabaseOperation
from loadtests.plan.secrets import mask
from loadtests.result.window import RETRIED
from loadtests.units import format_duration

if TYPE_CHECKING:
    from loadtests.drive.drivers.database.driver import DatabaseDriver

__all__ = ["Flow"]

_CANCELED = "57014"


class Flow(Waiting):
    """An operation's executions; waits on all their connections itself.

    An execution without a free session waits in the pool's queue, within its response time and its timeout.
    """

    def __init__(self, driver: "DatabaseDriver", operation: DatabaseOperation) -> None:
        around = driver.surroundings
        self._driver, self._recorder, self._secrets = driver, around.recorder, around.secrets
        self.name, self._retries = operation.name, operation.retries
        self.tape = tape = around.recorder.tape(operation.name)
        self._ok, self._waited = tape.ok, tape.measure("wait for a connection")
        self._retried = tape.counter(RETRIED)
        self._timeout_ns = around.scenario.timeout_of(operation)
        self._statement_timeout_ns = around.scenario.database.statement_timeout_ns
        self.pending = driver.deadlines(self._timeout_ns).pending
        self._now = around.clock.now
        self._pool: Pool
        self._idle: dict[Connection, None]

    def join(self, pool: Pool) -> None:
        """Use the sessions of this pool; what the statements give is known now."""
        self._pool, self._idle = pool, pool.idle

    def start(self, index: int, intended_ns: int, user: int) -> None:
        """Begin one execution, or let it wait for a session."""
        now = self._now()
        self.pending[index] = now
        if self._idle:
            connection = self._idle.popitem()[0]
            connection.index, connection.intended_ns, connection.user = index, intended_ns, user
            connection.sent_ns = connection.taken_ns = now
            connection.waiting = self
            self.begin(connection)
        else:
            self._pool.queue.append(Queued(self, index, intended_ns, user, now))

    def assign(self, connection: Connection, entry: Queued, now: int) -> None:
        """Begin an execution that has waited for this session."""
        self._waited(entry.intended_ns, now - entry.asked_ns)
        connection.index, connection.intended_ns, connection.user = entry.index, entry.intended_ns, entry.user
        connection.sent_ns = connection.taken_ns = now
        connection.waiting = self
        self.begin(connection)

    @abstractmethod
    def begin(self, connection: Connection) -> None:
        """Send the first thing of an execution whose index is on the connection."""

    def lost(self, connection: Connection, failure: Failure) -> None:
        """See `Waiting`."""
        del self.pending[connection.index]
        self._fail_at(connection.intended_ns, connection.sent_ns, failure)
        self._driver.finished(connection.user)

    def expired(self, connection: Connection) -> None:
        """See `Waiting`; the pending entry is removed already."""
        self.expire(connection, cancel=True)

    def expire(self, connection: Connection, *, cancel: bool) -> None:
        """Give the execution up; the session is used again once it is idle, for which `cancel` may be needed."""
        failure = Failure("timeout", f"no answer within {format_duration(self._timeout_ns)}")
        self._fail_at(connection.intended_ns, connection.sent_ns, failure)
        self._pool.recover(connection, cancel=cancel)
        self._driver.finished(connection.user)

    def expired_waiting(self, entry: Queued) -> None:
        """No session was free for that execution within its timeout."""
        within = format_duration(self._timeout_ns)
        self._fail_at(entry.intended_ns, entry.asked_ns, Failure("timeout", f"no free connection within {within}"))
        self._driver.finished(entry.user)

    def cut_off(self, connection: Connection) -> None:
        """See `Waiting`."""
        self.pending.pop(connection.index, None)
        self.tape.cut_off(connection.intended_ns)

    def succeed(self, connection: Connection, now: int) -> None:
        """The execution is done, and good."""
        user = connection.user
        self._ok(connection.intended_ns, connection.sent_ns, now)
        del self.pending[connection.index]
        self._let_go(connection, now)
        self._driver.finished(user)

    def fail(self, connection: Connection, failure: Failure, now: int) -> None:
        """The execution is done, and bad; what is left of its transaction is ended without it."""
        del self.pending[connection.index]
        user = connection.user
        self._fail_at(connection.intended_ns, connection.sent_ns, failure)
        self._let_go(connection, now)
        self._driver.finished(user)

    def failure_of(self, error: bytes, connection: Connection, now: int) -> Failure:
        """What an error of the server means here: one that its own time limit caused is a timeout."""
        limit_ns = self._statement_timeout_ns
        late = limit_ns is not None and now - max(connection.sent_ns, connection.step_ns) >= 0.95 * limit_ns
        if late and limit_ns is not None and fields(error).get("C") == _CANCELED:
            return Failure("timeout", f"the server's statement_timeout of {format_duration(limit_ns)} ended it")
        return error_failure(error)

    def may_retry(self, error: bytes, connection: Connection) -> bool:
        """Whether to begin anew after this error; if so it is counted."""
        if connection.tries >= self._retries or fields(error).get("C") not in RETRIABLE:
            return False
        connection.tries += 1
        self._retried(connection.intended_ns)
        return True

    def _let_go(self, connection: Connection, now: int) -> None:
        answer = connection.answer
        idle = answer.status in (IDLE, NOTHING_SENT)
        answer.begin()
        if idle:
            self._pool.release(connection, now)
        else:
            self._pool.recover(connection, cancel=False)

    def _fail_at(self, intended_ns: int, sent_ns: int, failure: Failure) -> None:
        now = self._now()
        self.tape.failed(failure.kind, intended_ns, sent_ns, now)
        if self._recorder.wants_sample(self.name, failure.kind):
            self._recorder.sample(self.name, failure.kind, now, mask(failure.reason, self._secrets))
