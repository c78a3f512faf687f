"""The database a target is given: one of its own, one that is already there, or none."""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg

from loadtests.errors import TargetUnreachable, UsageError
from loadtests.target.postgres.programs import NoPostgres
from loadtests.target.postgres.seed import fill, is_filled
from loadtests.target.postgres.server import Server, new_server
from loadtests.target.users import LAST_USER

__all__ = ["EMBEDDED", "NONE", "Attachment", "attached"]

EMBEDDED = "embedded"
NONE = "off"
_NAME = "netra"
"""Database and role of the load and of the backend: owns its tables, sees all sessions, is no superuser."""
_REACHED_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Attachment:
    """A database with its tables. `dsn` is for all, `admin` for who holds locks and ends sessions, both with their
    password; `server` is the target's own, None for one that was already there."""

    dsn: str
    admin: str
    server: Server | None

    @property
    def shown(self) -> str:
        """The address to print: with the password only if we made it."""
        return _without_password(self.dsn) if self.server is None else self.dsn


@contextlib.contextmanager
def attached(wish: str, *, users: int | None = None) -> Iterator[Attachment | None]:
    """For the length of the block, the database wished for: `off`, `embedded`, or the address of one.

    An embedded one has `users` users; where none can run, that is said and there is none. One that is there has its
    tables made and filled only when `users` is given.
    """
    with contextlib.ExitStack() as stack:
        if wish == NONE:
            yield None
        elif wish != EMBEDDED:
            yield asyncio.run(_prepare_given(wish, users))
        else:
            yield _embedded(stack, users)


def _embedded(stack: contextlib.ExitStack, users: int | None) -> Attachment | None:
    try:
        server = stack.enter_context(new_server())
    except NoPostgres as reason:
        print(f"loadtests: serving without a database: PostgreSQL cannot run here: {reason}", file=sys.stderr)
        return None
    asyncio.run(_prepare_own(server, LAST_USER if users is None else users))
    return Attachment(server.dsn(_NAME, _NAME), server.dsn(_NAME), server)


async def _prepare_own(server: Server, users: int) -> None:
    first = await asyncpg.connect(server.dsn("postgres"))
    try:
        await first.execute(f"CREATE ROLE {_NAME} LOGIN PASSWORD '{server.password}' IN ROLE pg_monitor")
        await first.execute(f"CREATE DATABASE {_NAME} OWNER {_NAME}")
    finally:
        await first.close()
    admin = await asyncpg.connect(server.dsn(_NAME))
    try:
        await admin.execute("CREATE EXTENSION pg_stat_statements")
        await admin.execute(f"GRANT EXECUTE ON FUNCTION pg_stat_statements_reset TO {_NAME}")
    finally:
        await admin.close()
    own = await asyncpg.connect(server.dsn(_NAME, _NAME))
    try:
        await fill(own, users)
    finally:
        await own.close()


async def _prepare_given(dsn: str, users: int | None) -> Attachment:
    try:
        connection = await asyncpg.connect(dsn, timeout=_REACHED_WITHIN_S)
    except (OSError, asyncpg.PostgresError, TimeoutError, ValueError) as error:
        raise TargetUnreachable(_without_password(dsn), str(error) or type(error).__name__) from error
    try:
        if not await is_filled(connection):
            if users is None:
                raise UsageError(
                    f"the database at {_without_password(dsn)} has no tables of the backend; "
                    "give --database-users 10000 to have them made and filled there"
                )
            await fill(connection, users)
    finally:
        await connection.close()
    return Attachment(dsn, dsn, None)


def _without_password(dsn: str) -> str:
    parts = urlsplit(dsn)
    return dsn if parts.password is None else dsn.replace(f":{parts.password}@", ":***@", 1)
