"""The database driver: PostgreSQL's extended protocol with prepared statements, over a fixed pool of sessions.

asyncpg makes the sessions; once they are made the load loop speaks to them itself, without a future per query. The
candidates were measured: see benchmarks/RESULTS.md.
"""

from collections.abc import Callable

import asyncpg

from loadtests.drive.drivers.base import Driver, Surroundings
from loadtests.drive.drivers.database.address import Address, Dialler, Session
from loadtests.drive.drivers.database.conditions import refusal
from loadtests.drive.drivers.database.dialogue import Transaction
from loadtests.drive.drivers.database.flow import Flow
from loadtests.drive.drivers.database.pool import CONNECT_WITHIN_S, Pool
from loadtests.drive.drivers.database.script import ScriptRun
from loadtests.drive.drivers.database.server import Server
from loadtests.drive.drivers.database.single import ComputedStatement, FedStatement
from loadtests.drive.drivers.database.statements import Statements
from loadtests.drive.drivers.deadlines import Deadlines
from loadtests.drive.drivers.failure import connect_failure
from loadtests.errors import LoadtestsError, TargetUnreachable, UsageError
from loadtests.plan.model import ClosedLoad
from loadtests.plan.protocol.database import DatabaseOperation

__all__ = ["DatabaseDriver"]

_UNOPENED = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, ExceptionGroup)
_WRONG_DSN = frozenset({"28000", "28P01", "3D000"})


class DatabaseDriver(Driver):
    """Statements, transactions and scripts. A timeout counts from when an execution was started, waiting included."""

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.surroundings = surroundings
        self.statements = Statements()
        self.scale = 1
        self._deadlines: dict[int, Deadlines[int]] = {}
        self._flows = [_flow(self, operation) for operation in self.scenario.operations]
        self._pool: Pool | None = None

    async def open(self) -> None:
        """Connect, hold the plan against the server, and prepare everything, before any load.

        Raises `HostNotAllowed`; `TargetUnreachable` when there is no session to be had; `UsageError` for a wrong
        DSN, a pool that is too large, statements that the server refuses, and writes to a read-only server.
        """
        count = self._share_of_pool()
        dialler = await Dialler.permitted(self.target, self._session_settings())
        pool = Pool(self.surroundings, dialler, self.statements)
        try:
            first = await pool.session(self._look)
            self._note_unknown_columns()
            await pool.fill(first, count)
        except BaseException as error:
            await pool.close()
            if not isinstance(error, _UNOPENED):
                raise
            raise _unopened(dialler, error) from error
        self._pool = pool
        for flow in self._flows:
            flow.join(pool)
        for deadlines in self._deadlines.values():
            deadlines.begin()

    def begin(self, start_ns: int) -> None:
        """See `Driver.begin`."""
        assert self._pool is not None
        self._pool.begin(start_ns)

    def fire(self, operation: int, index: int, intended_ns: int, user: int) -> None:
        """See `Driver.fire`."""
        self._flows[operation].start(index, intended_ns, user)

    def ended(self) -> None:
        """See `Driver.ended`."""
        if self._pool is not None:
            self._pool.ended()

    def cut_off(self) -> None:
        """See `Driver.cut_off`."""
        if self._pool is not None:
            self._pool.cut_off()

    async def close(self) -> None:
        """See `Driver.close`."""
        for deadlines in self._deadlines.values():
            deadlines.stop()
        if self._pool is not None:
            await self._pool.close()

    def deadlines(self, timeout_ns: int) -> Deadlines[int]:
        """The executions, by index, that share that timeout."""
        found = self._deadlines.get(timeout_ns)
        if found is None:
            found = self._deadlines[timeout_ns] = Deadlines(self.clock, timeout_ns, self._expire)
        return found

    def _expire(self, index: int) -> None:
        assert self._pool is not None
        connection = self._pool.carrier(index)
        if connection is not None:
            connection.waiting.expired(connection)
            return
        entry = self._pool.queued(index)
        if entry is not None:
            entry.flow.expired_waiting(entry)

    def _pool_size(self) -> int:
        load = self.scenario.load
        return self.scenario.database.connections(load.users if isinstance(load, ClosedLoad) else None)

    def _share_of_pool(self) -> int:
        size, around = self._pool_size(), self.surroundings
        if size < around.shards:
            raise UsageError(
                f"a pool of {size} connections is too small for {around.shards} processes: "
                f"use --processes {size}, or a larger pool"
            )
        return size // around.shards + (around.shard < size % around.shards)

    def _session_settings(self) -> dict[str, str]:
        settings = self.scenario.database
        own = dict(settings.settings)
        if settings.statement_timeout_ns is not None:
            own["statement_timeout"] = str(max(1, settings.statement_timeout_ns // 1_000_000))
        return own

    async def _look(self, session: Session) -> None:
        """Hold the plan against the server, over the first session."""
        server, address = await Server.seen_by(session), Address.of(str(self.target.database))
        self.scale = server.scale
        size = self._pool_size()
        if size > server.connections_for_us:
            raise UsageError(
                f"a pool of {size} connections is larger than {address} has room for: "
                f"{server.room_in_words}; make scenarios.{self.scenario.name}.database.pool smaller"
            )
        writing = self.statements.writing()
        if server.read_only is not None and writing:
            listed = ", ".join(dict.fromkeys(one.operation for one in writing))
            raise UsageError(f"the database at {address} takes no writes ({server.read_only}): {listed} would write")

    def _note_unknown_columns(self) -> None:
        wrong = self.statements.unknown_columns()
        if wrong:
            raise UsageError("checks that could never hold:\n  " + "\n  ".join(wrong))


def _flow(driver: DatabaseDriver, operation: object) -> Flow:
    assert isinstance(operation, DatabaseOperation)
    kind: Callable[[DatabaseDriver, DatabaseOperation], Flow]
    if operation.script is not None:
        kind = ScriptRun if operation.script.only_statement is None else ComputedStatement
    else:
        kind = Transaction if operation.is_transaction else FedStatement
    return kind(driver, operation)


def _unopened(dialler: Dialler, error: Exception) -> LoadtestsError:
    """What kept the sessions from being made, as an error for a person; never with the password."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    address = str(dialler.address)
    if isinstance(error, LoadtestsError):
        return error
    if isinstance(error, asyncpg.PostgresError):
        reason = refusal(error).reason
        if error.sqlstate in _WRONG_DSN:
            return UsageError(f"the database at {address} refuses us: {reason}; see target.database")
        return TargetUnreachable(address, reason)
    if isinstance(error, TimeoutError):
        return TargetUnreachable(address, f"no session within {CONNECT_WITHIN_S:g} s")
    if isinstance(error, OSError):
        return TargetUnreachable(address, connect_failure(error).reason)
    return UsageError(f"cannot connect to the database at {address}: {error}; see target.database")
