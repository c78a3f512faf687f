"""Operations that are one statement: the hot path. No task, no future, no object per execution."""

from typing import TYPE_CHECKING

from loadtests.drive.drivers.database.check import RowJudge
from loadtests.drive.drivers.database.connection import Connection
from loadtests.drive.drivers.database.flow import Flow
from loadtests.drive.drivers.database.messages import Familiar
from loadtests.drive.drivers.database.pool import Pool
from loadtests.drive.drivers.database.statements import fed_payload
from loadtests.plan.protocol.database import DatabaseOperation

if TYPE_CHECKING:
    from loadtests.drive.drivers.database.driver import DatabaseDriver

__all__ = ["SingleStatement"]


class SingleStatement(Flow):
    """Fires one prepared statement outside of any explicit transaction: Bind, Execute and Sync in one write."""

    def __init__(self, driver: "DatabaseDriver", operation: DatabaseOperation) -> None:
        super().__init__(driver, operation)
        statement = operation.statements[0]
        self._prepared = driver.statements.add(statement.sql, operation.name, check=statement.check)
        self._judge = RowJudge(statement.check, driver.scenario.data)
        self._keep_rows = self._judge.reads_rows
        self._payload = fed_payload(self._prepared, driver.scenario.data, statement.copy)
        self._familiar = Familiar()

    def join(self, pool: Pool) -> None:
        """See `Flow.join`."""
        super().join(pool)
        self._judge.columns = self._driver.statements.gives[self._prepared.name]

    def begin(self, connection: Connection) -> None:
        """See `Flow.begin`."""
        connection.answer.keep_rows = self._keep_rows
        connection.tries = 0
        connection.write(self._payload(connection.index))

    def good(self, connection: Connection, data: bytes) -> bool:
        """See `Waiting`."""
        if not self._familiar.knows(data):
            return False
        now, user = self._now(), connection.user
        self._ok(connection.intended_ns, connection.sent_ns, now)
        del self.pending[connection.index]
        self._pool.release(connection, now)
        self._driver.finished(user)
        return True

    def answered(self, connection: Connection, piece: bytes) -> None:
        """See `Waiting`."""
        now, answer = self._now(), connection.answer
        if answer.error is not None:
            if self.may_retry(answer.error, connection):
                answer.begin(keep_rows=self._keep_rows)
                connection.write(self._payload(connection.index))
            else:
                self.fail(connection, self.failure_of(answer.error, connection, now), now)
            return
        failure = self._judge.fault(answer, connection.index)
        if failure is not None:
            self.fail(connection, failure, now)
            return
        if not self._keep_rows:
            self._familiar.learn(piece)
        self.succeed(connection, now)
