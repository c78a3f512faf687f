"""Runs that have ended, written into the database in the background, so that no answer waits for it.

Four times a second what has gathered goes out in one statement; a database that is away is tried again, and of what
gathers meanwhile at most 50,000 runs are kept: more are lost, and counted as such. Runs of users that the database does
not have are not stored.
"""

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg

from loadtests.target.agents.result import AGENT
from loadtests.target.database.pool import Database, DatabaseUnavailable

if TYPE_CHECKING:
    from loadtests.target.agents.ledger import Run

__all__ = ["Archive", "Status"]

Status = str
_EVERY_S = 0.25
_BATCH = 2_000
_GATHER_LIMIT = 50_000
_LAST_WITHIN_S = 0.8
_STORE = """
WITH ended AS (
    SELECT * FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
                         $7::integer[], $8::text[], $9::bigint[])
        AS ended (run_id, user_id, thread_id, query, status, started_at, duration_ms, optimization, cents)
), stored AS (
    INSERT INTO agent_runs (run_id, user_id, thread_id, agent, query, status, started_at, duration_ms)
    SELECT run_id, user_id, thread_id, $10, query, status, started_at, duration_ms
    FROM ended JOIN users ON users.id = ended.user_id
    ON CONFLICT (run_id) DO NOTHING
    RETURNING id, run_id, user_id
), found AS (
    INSERT INTO savings (agent_run, user_id, optimization, cents)
    SELECT stored.id, stored.user_id, optimization, cents FROM stored JOIN ended USING (run_id)
    WHERE status = 'completed'
)
SELECT count(*) FROM stored
"""


class Archive:
    """Keeps ended runs until they are stored."""

    def __init__(self, database: Database) -> None:
        self.stored = self.lost = 0
        self._database = database
        self._gathered: list[tuple[object, ...]] = []
        self._writing: asyncio.Task[None] | None = None

    def add(self, run: "Run", status: Status) -> None:
        """A run has ended."""
        if len(self._gathered) >= _GATHER_LIMIT:
            self.lost += 1
            return
        question, savings = run.question, run.result.savings
        self._gathered.append(
            (
                run.result.run_id,
                question.user,
                question.thread_id,
                question.query,
                status,
                datetime.fromtimestamp(run.began_s, UTC),
                round(run.duration_ns / 1e6),
                savings.optimization,
                savings.cents,
            )
        )

    def open(self) -> None:
        """Begin to write."""
        self._writing = asyncio.get_running_loop().create_task(self._write_on())

    async def close(self) -> None:
        """Write what is left, if it can be done at once."""
        if self._writing is None:
            return
        self._writing.cancel()
        await asyncio.gather(self._writing, return_exceptions=True)
        with contextlib.suppress(TimeoutError, DatabaseUnavailable):
            async with asyncio.timeout(_LAST_WITHIN_S):
                while self._gathered:
                    await self._write()

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            with contextlib.suppress(DatabaseUnavailable):
                while self._gathered:
                    await self._write()

    async def _write(self) -> None:
        batch = self._gathered[:_BATCH]
        try:
            stored = await self._database.rows("insert", _STORE, *map(list, zip(*batch, strict=True)), AGENT)
        except asyncpg.PostgresError:
            self.lost += len(batch)
        else:
            self.stored += stored[0][0]
            self.lost += len(batch) - stored[0][0]
        del self._gathered[: len(batch)]
