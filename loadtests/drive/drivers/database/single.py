"""Operations that are one statement: the hot path. No task, no future, no object per execution."""

from abc import abstractmethod
from typing import TYPE_CHECKING

from loadtests.drive.drivers.database.check import RowJudge
from loadtests.drive.drivers.database.connection import Connection
from loadtests.drive.drivers.database.flow import Flow
from loadtests.drive.drivers.database.messages import Familiar
from loadtests.drive.drivers.database.pool import Pool
from loadtests.drive.drivers.database.script import computed_payload, given_variables
from loadtests.drive.drivers.database.statements import Payload, fed_payload
from loadtests.drive.drivers.failure import Failure
from loadtests.plan.chance import derive_seed
from loadtests.plan.pgbench.functions import EvaluationError
from loadtests.plan.protocol.database import DatabaseOperation, RowCheck
from loadtests.plan.sql import Sql

if TYPE_CHECKING:
    from loadtests.drive.drivers.database.driver import DatabaseDriver

__all__ = ["ComputedStatement", "FedStatement"]


class SingleStatement(Flow):
    """Fires one prepared statement outside of any explicit transaction: Bind, Execute and Sync in one write."""

    def __init__(self, driver: "DatabaseDriver", operation: DatabaseOperation, sql: Sql, check: RowCheck) -> None:
        super().__init__(driver, operation)
        self._prepared = driver.statements.add(sql, operation.name, check=check)
        self._judge = RowJudge(check, driver.scenario.data)
        self._keep_rows = self._judge.reads_rows
        self._familiar = Familiar()
        self._payload: Payload

    @abstractmethod
    def payload(self) -> Payload:
        """What sends an execution, as a function of its index; asked when the server is known."""

    def join(self, pool: Pool) -> None:
        """See `Flow.join`."""
        super().join(pool)
        self._judge.columns = self._driver.statements.gives[self._prepared.name]
        self._payload = self.payload()

    def begin(self, connection: Connection) -> None:
        """See `Flow.begin`. What has no value fails in a turn of its own: hundreds that wait must not nest."""
        connection.answer.keep_rows = self._keep_rows
        connection.tries = 0
        try:
            payload = self._payload(connection.index)
        except EvaluationError as error:
            failure = Failure("script", str(error))
            self._driver.clock.at(self._now(), self._give_up, (connection, connection.index, failure))
        else:
            connection.write(payload)

    def _give_up(self, failed: tuple[Connection, int, Failure]) -> None:
        connection, index, failure = failed
        if connection.index == index and connection.waiting is self:
            self.fail(connection, failure, self._now())

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


class FedStatement(SingleStatement):
    """A statement whose parameters are templates."""

    def __init__(self, driver: "DatabaseDriver", operation: DatabaseOperation) -> None:
        self._statement = operation.statements[0]
        super().__init__(driver, operation, self._statement.sql, self._statement.check)

    def payload(self) -> Payload:
        """See `SingleStatement.payload`."""
        return fed_payload(self._prepared, self._driver.scenario.data, self._statement.copy)


class ComputedStatement(SingleStatement):
    """A pgbench script that computes parameters and sends one statement with them."""

    def __init__(self, driver: "DatabaseDriver", operation: DatabaseOperation) -> None:
        assert operation.script is not None
        assert operation.script.only_statement is not None
        super().__init__(driver, operation, operation.script.only_statement.sql, RowCheck())
        self._sets = operation.script.commands[:-1]
        self._seed = derive_seed(driver.scenario.seed, operation.name)

    def payload(self) -> Payload:
        """See `SingleStatement.payload`."""
        given = given_variables(self._driver)
        return computed_payload(self._prepared, self._sets, given=given, seed=self._seed)
