"""A real PostgreSQL for all tests of the driver, and a small table that is as new in each."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from database_engine import ACCOUNTS, Database
from database_tls import TlsFront

from loadtests.target.postgres.server import Server, new_server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server of this test process."""
    with new_server() as found:
        yield found


@pytest.fixture
def database(server: Server) -> Database:
    """Its database, with the table `accounts`: id 1 to 100, balance 0, a name, and an owner that is unique."""
    dsn = server.dsn("postgres")

    async def fill() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute(ACCOUNTS)
        await connection.close()

    asyncio.run(fill())
    return Database(dsn, server)


@pytest.fixture
def secure(server: Server, tmp_path: Path) -> Iterator[TlsFront]:
    """The server behind TLS."""
    with TlsFront(server, tmp_path).serving() as front:
        yield front
