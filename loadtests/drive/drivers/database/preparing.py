"""Preparing a scenario's statements on a session, and what is wrong with them, all at once and before any load."""

import asyncio

from loadtests.drive.drivers.database.conditions import error_failure
from loadtests.drive.drivers.database.connection import NOBODY, Connection, Waiting
from loadtests.drive.drivers.database.messages import fields, parse_and_describe
from loadtests.drive.drivers.database.statements import Prepared, Statements
from loadtests.drive.drivers.failure import Failure
from loadtests.errors import UsageError

__all__ = ["prepare"]

_BEFORE, _AFTER = 60, 40
_UNDEFINED_TABLE = "42P01"


async def prepare(connection: Connection, statements: Statements) -> None:
    """Prepare all on this session; raises `UsageError` with every statement that the server refuses.

    `statements.gives` has the columns of each afterwards. Raises `ConnectionResetError` when the session ends.
    """
    waiting = _Preparing(len(statements.all))
    connection.waiting = waiting
    connection.write(b"".join(parse_and_describe(one.name, one.sql.text) for one in statements.all))
    if statements.all:
        await waiting.done
    connection.waiting = NOBODY
    wrong = [
        _objection(statement, error)
        for statement, error in zip(statements.all, waiting.errors, strict=True)
        if error is not None
    ]
    if wrong:
        connection.transport.abort()
        raise UsageError("the database refuses statements of the plan:\n  " + "\n  ".join(wrong))
    statements.gives = {one.name: gives for one, gives in zip(statements.all, waiting.gives, strict=True)}


class _Preparing(Waiting):
    """Waits for the answers to as many statements."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.errors: list[bytes | None] = []
        self.gives: list[tuple[str, ...]] = []

    def answered(self, connection: Connection, piece: bytes) -> None:  # noqa: ARG002
        """See `Waiting`."""
        answer = connection.answer
        self.errors.append(answer.error)
        self.gives.append(answer.gives)
        answer.begin()
        self._left -= 1
        if self._left:
            connection.more()
        elif not self.done.done():
            self.done.set_result(None)

    def lost(self, connection: Connection, failure: Failure) -> None:  # noqa: ARG002
        """See `Waiting`."""
        if not self.done.done():
            self.done.set_exception(ConnectionResetError(failure.reason))


def _objection(statement: Prepared, error: bytes) -> str:
    """`operation by key: column "x" does not exist (42703), at: SELECT ▸x FROM …`."""
    found, failure = fields(error), error_failure(error)
    sentence = f"{statement.operation}: {failure.reason}"
    if "H" in found:
        sentence += f"; {found['H']}"
    if (
        statement.sql.text.startswith(("SELECT abalance FROM pgbench_", "UPDATE pgbench_"))
        and found.get("C") == "42P01"
    ):
        return f"{sentence}; make the tables of pgbench with pgbench --initialize"
    if not found.get("P", "").isdigit():
        return f"{sentence}, in: {_line(statement.sql.written)}"
    at = statement.sql.written_at(int(found["P"]) - 1)
    written = statement.sql.written
    line = written.count("\n", 0, at) + 1
    column = at - (written.rfind("\n", 0, at) + 1) + 1
    where = f"character {column}" if "\n" not in written else f"line {line}, character {column}"
    before, after = _line(written[max(0, at - _BEFORE) : at]), _line(written[at : at + _AFTER])
    return f"{sentence}, at {where}: {before}▸{after}"


def _line(text: str) -> str:
    return " ".join(text.split()) + (" " if text.endswith((" ", "\n")) else "")
