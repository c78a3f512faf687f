"""The backend's way to its database: a small pool, asked with a time limit, counted and timed.

The pool is opened when the target starts and comes back by itself when the database does.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import asyncpg

from loadtests.target.database.acts import BACKEND
from loadtests.target.database.dial import DatabaseDial
from loadtests.target.metrics import Metrics
from loadtests.target.postgres.attached import Attachment

__all__ = ["Database", "DatabaseUnavailable"]

_POOL = 10
_CONNECT_WITHIN_S = 2.0
_ANSWER_WITHIN_S = 5.0
_PROBE_WITHIN_S = 1.0
_LOCK_WAIT = """
SELECT coalesce(avg(extract(epoch FROM clock_timestamp() - waitstart)), 0)::float8 FROM pg_locks WHERE NOT granted
"""
_UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg makes of a session that is ended in the middle of a step
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)


class DatabaseUnavailable(Exception):
    """The database did not answer; the sentence says how."""


class Database:
    """Asks the attached database, and has the dial of its faults; `open` must have run in the loop that asks."""

    def __init__(self, attached: Attachment, metrics: Metrics) -> None:
        self.dial = DatabaseDial(attached, metrics)
        self._dsn = attached.dsn
        self._metrics = metrics
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Open the pool; its connections are made when they are needed."""
        self._pool = asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=_POOL,
            timeout=_CONNECT_WITHIN_S,
            command_timeout=_ANSWER_WITHIN_S,
            server_settings={"application_name": BACKEND},
        )
        await self._pool
        self._metrics.database_pool(lambda: self.active, _POOL)

    async def close(self) -> None:
        """End its faults and all its connections."""
        await self.dial.close()
        if self._pool is not None:
            self._pool.terminate()

    @property
    def active(self) -> int:
        """How many connections are at work."""
        return 0 if self._pool is None else self._pool.get_size() - self._pool.get_idle_size()

    async def rows(self, kind: str, statement: str, *arguments: object) -> Sequence[Any]:
        """The rows of a statement; raises `DatabaseUnavailable` when it cannot be had in time.

        `kind` is its label in `netra_database_query_duration_seconds`: select, insert, update, delete.
        """
        assert self._pool is not None
        began = time.perf_counter()
        try:
            async with self._pool.acquire(timeout=_CONNECT_WITHIN_S) as connection:
                rows: Sequence[Any] = await connection.fetch(statement, *arguments)
        except _UNAVAILABLE as error:
            raise DatabaseUnavailable(_sentence(error)) from error
        finally:
            self._metrics.queried(kind, time.perf_counter() - began)
        return rows

    async def look(self) -> None:
        """Bring the gauge of lock waits up to date."""
        try:
            async with asyncio.timeout(_PROBE_WITHIN_S):
                self._metrics.lock_wait((await self.rows("probe", _LOCK_WAIT))[0][0])
        except (DatabaseUnavailable, TimeoutError):
            self._metrics.lock_wait(None)

    async def status(self) -> dict[str, object]:
        """Whether it answers and how soon, and how the pool stands."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(_PROBE_WITHIN_S):
                await self.rows("probe", "SELECT 1")
            answer: dict[str, object] = {"status": "healthy", "latency_ms": (time.perf_counter() - began) * 1e3}
        except (DatabaseUnavailable, TimeoutError) as error:
            answer = {"status": "unavailable", "reason": _sentence(error)}
        return answer | {"pool": {"active": self.active, "max": _POOL, "utilisation": self.active / _POOL}}


def _sentence(error: BaseException) -> str:
    return str(error) or "it did not answer in time"
