"""The coordinator's own session: looks for waits many times a second, at everything else once a second."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import asyncpg

from loadtests.drive.drivers.database.address import Dialler, Session
from loadtests.drive.postgres.counters import Counters, counters_sql
from loadtests.drive.postgres.locks import BLOCKERS_SQL, LockWaits, Waiter, waiters_sql
from loadtests.drive.postgres.statements import STATEMENTS_SQL, used_between
from loadtests.errors import LoadtestsError
from loadtests.plan.model import Target
from loadtests.result.database import DatabaseNotes
from loadtests.result.run import ResourceSample

__all__ = ["DatabaseWatch"]

_LOOK_EVERY_S = 0.1
_LOOK_CLOSER_S = 0.025
"""While anyone waits: how long it takes is known to half of this."""
_COUNT_EVERY_S = 1.0
_ANSWER_WITHIN_S = 2.0
_LAST_WORDS_S = 3.0
_GONE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""The last is what asyncpg makes of a session that ends in the middle of a step."""


class DatabaseWatch:
    """Samples of a database until cancelled, and notes at the end; without a session it says nothing and tries again.

    `emit` takes samples: `pool` of the target, all else of the source `database`. Waits for locks stand in the second
    in which they began.
    """

    def __init__(
        self,
        target: Target,
        scenario: str,
        emit: Callable[[ResourceSample], None],
        *,
        note: Callable[[DatabaseNotes], None],
    ) -> None:
        self._target, self._scenario, self._emit, self._note = target, scenario, emit, note
        self._start_ns = 0
        self._session: Session | None = None
        self._version = 0
        self._counters, self._locks = Counters(), LockWaits()
        self._before: list[Any] | None = None
        self._counted_s = 0.0

    async def open(self) -> None:
        """Look once before the load, to know what there was; a database that cannot be asked is asked again later."""
        with contextlib.suppress(*_GONE, LoadtestsError):
            session = await self._connected()
            row = await session.fetchrow(counters_sql(self._version))
            if row is not None:
                self._counters.figures(self._counters.look(dict(row)))

    async def run(self, start_ns: int) -> None:
        """Look until cancelled; then once more, at what the load has left behind."""
        self._start_ns = start_ns
        try:
            while True:
                began = time.monotonic()
                await self._look()
                pause = _LOOK_CLOSER_S if self._locks.waiting else _LOOK_EVERY_S
                await asyncio.sleep(max(pause / 5, pause - (time.monotonic() - began)))
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_S):
                    await self._end()

    async def _look(self) -> None:
        try:
            session = await self._connected()
            await self._look_at_locks(session)
            if self._at_s() - self._counted_s >= _COUNT_EVERY_S:
                await self._count(session)
        except _GONE:
            await self._let_go()
            await asyncio.sleep(_COUNT_EVERY_S / 4)

    async def _look_at_locks(self, session: Session) -> None:
        rows = await session.fetch(waiters_sql(self._version))
        now = self._at_s()
        self._locks.look((Waiter(*row) for row in rows), now)
        pid = self._locks.worth_asking(now)
        if pid is not None:
            self._locks.blocked(pid, await session.fetch(BLOCKERS_SQL, pid), now)

    async def _count(self, session: Session) -> None:
        row = await session.fetchrow(counters_sql(self._version))
        self._counted_s = now = self._at_s()
        if row is None:
            return
        look = self._counters.look(dict(row))
        most, longest = self._locks.peaks()
        waiting = {"lock_waiting": float(most), "lock_longest_s": longest}
        self._send(now, "target", {"pool": look.pool})
        self._send(now, "database", {**self._counters.figures(look), **waiting})
        self._send_waits()

    def _send_waits(self) -> None:
        for second, values in sorted(self._locks.take().items()):
            self._send(float(second), "database", values)

    async def _end(self) -> None:
        """Count what was reported late, and what statements there were."""
        after: list[Any] = []
        try:
            session = await self._connected()
            await self._look_at_locks(session)
            await self._count(session)
            after = await self._statements(session)
        except (*_GONE, LoadtestsError):
            pass  # then what was seen so far is all there is
        self._locks.end_all(self._at_s())
        self._send_waits()
        self._note(DatabaseNotes(used_between(self._before or [], after), tuple(self._locks.blockers)))
        await self._let_go()

    async def _connected(self) -> Session:
        if self._session is None:
            dialler = await Dialler.permitted(self._target, {"application_name": "loadtests-watch"})
            session = self._session = await dialler.dial(_ANSWER_WITHIN_S)
            self._version = session.get_server_version().major
            if self._before is None:
                self._before = await self._statements(session)
        return self._session

    async def _statements(self, session: Session) -> list[Any]:
        """All rows of pg_stat_statements; none where it is not installed or not for us to read."""
        try:
            return list(await session.fetch(STATEMENTS_SQL, timeout=_ANSWER_WITHIN_S))
        except asyncpg.PostgresError:
            return []

    async def _let_go(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(*_GONE):
                await session.close(timeout=0.5)

    def _at_s(self) -> float:
        return (time.monotonic_ns() - self._start_ns) / 1e9

    def _send(self, at_s: float, source: str, values: Mapping[str, float]) -> None:
        self._emit(ResourceSample(self._scenario, max(0.0, at_s), source, values))
