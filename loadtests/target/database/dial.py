"""The hand on the database's part of the fault dial: sleeps, locks, ended sessions, restarts, each when it is due.

What a fault could not do, because the database was away at that moment, is counted as missed.
"""

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from loadtests.target.database.acts import end_sessions, lock_table, restart_server, session, take_all_connections
from loadtests.target.database.faults import DatabaseFaults, Lock, Moments, Outage, Terminate
from loadtests.target.database.sleeping import slept, start_sleeping, stop_sleeping
from loadtests.target.metrics import DATABASE_FAULTS, Metrics
from loadtests.target.postgres.attached import Attachment
from loadtests.target.postgres.programs import NoPostgres
from loadtests.target.postgres.schema import NAMES

__all__ = ["DatabaseDial"]

_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, NoPostgres)
_KEPT = 100
"""So many lengths of each kind are kept for the document."""


class DatabaseDial:
    """Acts on one database as dialled; turning it ends what is under way and starts all counts anew."""

    def __init__(self, attached: Attachment, metrics: Metrics) -> None:
        self._attached = attached
        self._metrics = metrics
        self._tasks: list[asyncio.Task[None]] = []
        self._faults = DatabaseFaults()
        self._anew()

    async def turn(self, faults: DatabaseFaults | None) -> None:
        """Set the dial, None is off; raises `ValueError` for what this database has not, or allows not."""
        faults = DatabaseFaults() if faults is None else faults
        if faults.restart is not None and self._attached.server is None:
            raise ValueError("restart: expected a database of the target's own; it did not start this one")
        await self.close()
        try:
            await self._turn_statements(faults)
        except asyncpg.PostgresError as error:
            raise ValueError(f"the database refuses: {error}") from error
        except _AWAY as error:
            raise ValueError("the database does not answer, so its faults stay as they were") from error
        self._faults = faults
        self._anew()
        self._tasks = [
            asyncio.create_task(self._repeat(name, fault.when, act, fault))
            for name, fault, act in (
                ("lock", faults.lock, self._lock),
                ("terminate", faults.terminate, self._terminate),
                ("restart", faults.restart, self._restart),
                ("full", faults.full, self._full),
            )
            if fault is not None
        ]

    async def close(self) -> None:
        """End what is under way: no lock outlives the dial, and a server that was stopped is started."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def document(self) -> dict[str, object]:
        """What came about since the dial was turned: how often, and how long each lasted."""
        counted: dict[str, object] = {name: self._counted[name] for name in DATABASE_FAULTS}
        if self._faults.sleep is not None:
            with contextlib.suppress(*_AWAY):
                async with session(self._attached.admin) as connection:
                    counted["sleep"] = await slept(connection)
        lasted = {f"{name}_ms": [length_ns / 1e6 for length_ns in kept] for name, kept in self._lasted.items()}
        return counted | lasted | {"missed": self._counted["missed"]}

    def _anew(self) -> None:
        self._turned_ns = time.monotonic_ns()
        self._met = 0
        self._counted: Counter[str] = Counter()
        self._lasted: dict[str, deque[int]] = {name: deque(maxlen=_KEPT) for name in ("lock", "restart", "full")}

    async def _turn_statements(self, faults: DatabaseFaults) -> None:
        """What is done at once: tables looked for, sleeps taken back and set."""
        named = [fault.table for fault in (faults.sleep, faults.lock) if fault is not None and fault.table is not None]
        if not named and faults.sleep is None and self._faults.sleep is None:
            return
        async with session(self._attached.admin) as connection:
            for table in named:
                if await connection.fetchval("SELECT to_regclass($1)", table) is None:
                    raise ValueError(f"expected a table that is there, such as {', '.join(NAMES)} (got {table})")
            await stop_sleeping(connection)
            if faults.sleep is not None:
                tables = NAMES if faults.sleep.table is None else (faults.sleep.table,)
                await start_sleeping(connection, faults.sleep.law, tables)

    async def _repeat(self, name: str, when: Moments, act: Callable[[Any], Awaitable[None]], fault: object) -> None:
        index = 0
        while (due_ns := when.at(index)) is not None:
            await asyncio.sleep((self._turned_ns + due_ns - time.monotonic_ns()) / 1e9)
            index += 1
            try:
                await act(fault)
            except _AWAY:
                self._counted["missed"] += 1
                continue
            self._metrics.fault(DATABASE_FAULTS[name])

    async def _lock(self, fault: Lock) -> None:
        self._note("lock", await lock_table(self._attached, fault.table, fault.length_ns))

    async def _restart(self, fault: Outage) -> None:
        self._note("restart", await restart_server(self._attached, fault.length_ns))

    async def _full(self, fault: Outage) -> None:
        self._note("full", await take_all_connections(self._attached, fault.length_ns))

    async def _terminate(self, fault: Terminate) -> None:
        ended, met = await end_sessions(self._attached, fault.share, self._met)
        self._met += met
        self._counted["terminate"] += ended

    def _note(self, name: str, lasted_ns: int) -> None:
        self._counted[name] += 1
        self._lasted[name].append(lasted_ns)
