"""Operations of several statements on one session, each sent when the last has been answered: transactions, scripts."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadtests.drive.drivers.database.check import RowJudge
from loadtests.drive.drivers.database.connection import Connection
from loadtests.drive.drivers.database.flow import Flow
from loadtests.drive.drivers.database.messages import IDLE, query
from loadtests.drive.drivers.database.pool import Pool
from loadtests.drive.drivers.database.statements import Payload, Prepared, fed_payload, step_label
from loadtests.drive.drivers.failure import Failure
from loadtests.plan.protocol.database import DatabaseOperation, Statement
from loadtests.plan.sql import Sql

if TYPE_CHECKING:
    from loadtests.drive.drivers.database.driver import DatabaseDriver

__all__ = ["Dialogue", "Transaction"]


class Dialogue(Flow):
    """Sends, hears and goes on until the last answer. `connection.kept` is true while a retry rolls back."""

    def begin(self, connection: Connection) -> None:
        """See `Flow.begin`."""
        connection.tries = 0
        connection.kept = False
        self.start_over(connection)

    @abstractmethod
    def start_over(self, connection: Connection) -> None:
        """Send the first statement, or after a retry the first of what was undone."""

    @abstractmethod
    def heard(self, connection: Connection, now: int) -> Failure | None:
        """A good answer has come: go on, or succeed. Returns what is wrong with it all the same."""

    def answered(self, connection: Connection, piece: bytes) -> None:  # noqa: ARG002
        """See `Waiting`."""
        now, answer = self._now(), connection.answer
        if connection.kept:  # what had failed has been undone
            connection.kept = False
            self.start_over(connection)
        elif answer.error is None:
            failure = self.heard(connection, now)
            if failure is not None:
                self.fail(connection, failure, now)
        elif self.may_retry(answer.error, connection):
            self._undo(connection)
        else:
            self.fail(connection, self.failure_of(answer.error, connection, now), now)

    def _undo(self, connection: Connection) -> None:
        if connection.answer.status == IDLE:
            self.start_over(connection)
        else:
            connection.answer.begin()
            connection.kept = True
            connection.write(query("ROLLBACK"))


@dataclass(frozen=True, slots=True)
class _Step:
    """One statement of a transaction: what sends it, what judges its answer, and where its time is noted."""

    prepared: Prepared
    payload: Payload
    judge: RowJudge
    took: Callable[[int, int], None]


class Transaction(Dialogue):
    """BEGIN, the statements, COMMIT. After a failure or a failed check it is rolled back."""

    def __init__(self, driver: "DatabaseDriver", operation: DatabaseOperation) -> None:
        super().__init__(driver, operation)
        level = "" if operation.isolation is None else f" ISOLATION LEVEL {operation.isolation.upper()}"
        first, last = (Statement(Sql(text, (), text)) for text in (f"BEGIN{level}", "COMMIT"))
        self._steps = [
            self._step(driver, statement, operation, number)
            for number, statement in enumerate((first, *operation.statements, last))
        ]

    def _step(self, driver: "DatabaseDriver", statement: Statement, operation: DatabaseOperation, number: int) -> _Step:
        prepared = driver.statements.add(statement.sql, operation.name, check=statement.check)
        payload = fed_payload(prepared, driver.scenario.data, statement.copy)
        took = self.tape.measure(step_label(number, statement.sql))
        return _Step(prepared, payload, RowJudge(statement.check, driver.scenario.data), took)

    def join(self, pool: Pool) -> None:
        """See `Flow.join`."""
        super().join(pool)
        for step in self._steps:
            step.judge.columns = self._driver.statements.gives[step.prepared.name]

    def start_over(self, connection: Connection) -> None:
        """See `Dialogue.start_over`."""
        connection.step = 0
        self._send(connection, self._now())

    def heard(self, connection: Connection, now: int) -> Failure | None:
        """See `Dialogue.heard`."""
        step, answer = self._steps[connection.step], connection.answer
        step.took(connection.intended_ns, now - connection.step_ns)
        failure = step.judge.fault(answer, connection.index)
        if failure is not None:
            return failure
        connection.step += 1
        if connection.step == len(self._steps):
            self.succeed(connection, now)
        else:
            self._send(connection, now)
        return None

    def _send(self, connection: Connection, now: int) -> None:
        step = self._steps[connection.step]
        connection.answer.begin(keep_rows=step.judge.reads_rows)
        connection.step_ns = now
        connection.write(step.payload(connection.index))
