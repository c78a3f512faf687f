"""What the dial does to a database, one function a fault, each for as long as it lasts."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import asyncpg

from loadtests.target.postgres.attached import Attachment
from loadtests.target.share import Share

__all__ = ["BACKEND", "end_sessions", "lock_table", "restart_server", "session", "take_all_connections"]

BACKEND = "netra-backend"
"""The name the backend's own sessions go by in pg_stat_activity; these are never ended."""
_OWN_APPLICATION = "netra-faults"
_CONNECT_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.01
_REFILL_EVERY_S = 0.05
_OTHERS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND application_name <> ALL ($1::text[])
ORDER BY backend_start, pid
"""


@contextlib.asynccontextmanager
async def session(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A session of the dial's own, ended at the end of the block whatever it was doing."""
    connection = await asyncpg.connect(
        dsn, timeout=_CONNECT_WITHIN_S, server_settings={"application_name": _OWN_APPLICATION}
    )
    try:
        yield connection
    finally:
        connection.terminate()


async def lock_table(attached: Attachment, table: str, length_ns: int) -> int:
    """Hold the table against everybody; how long it was held, in ns."""
    async with session(attached.admin) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic_ns()
        await asyncio.sleep(length_ns / 1e9)
        await transaction.commit()
        return time.monotonic_ns() - began


async def end_sessions(attached: Attachment, share: Share, met: int) -> tuple[int, int]:
    """End a share of the sessions of others, counted on from `met` met before; how many ended, of how many met."""
    async with session(attached.admin) as connection:
        others = await connection.fetch(_OTHERS, [BACKEND, _OWN_APPLICATION])
        chosen = [row["pid"] for index, row in enumerate(others, met) if share.takes(index)]
        ended: int = await connection.fetchval(
            "SELECT count(*) FROM unnest($1::integer[]) AS pid WHERE pg_terminate_backend(pid)", chosen
        )
        return ended, len(others)


async def restart_server(attached: Attachment, length_ns: int) -> int:
    """Stop the server and start it again; from the stop until it answered again, in ns."""
    server = attached.server
    assert server is not None
    began = time.monotonic_ns()
    try:
        server.end()
        while server.running():
            await asyncio.sleep(_LOOK_EVERY_S)
        await asyncio.sleep((began + length_ns - time.monotonic_ns()) / 1e9)
    finally:
        if not server.running():
            server.begin()
    while not server.ready():
        await asyncio.sleep(_LOOK_EVERY_S)
    return time.monotonic_ns() - began


async def take_all_connections(attached: Attachment, length_ns: int) -> int:
    """Take every connection that is free or becomes free; from when the first was refused to the end, in ns."""
    async with contextlib.AsyncExitStack() as held:
        full_ns: int | None = None
        while full_ns is None or time.monotonic_ns() - full_ns < length_ns:
            try:
                await held.enter_async_context(session(attached.dsn))
            except asyncpg.TooManyConnectionsError:
                full_ns = time.monotonic_ns() if full_ns is None else full_ns
                await asyncio.sleep(min(_REFILL_EVERY_S, (full_ns + length_ns - time.monotonic_ns()) / 1e9))
        return time.monotonic_ns() - full_ns
