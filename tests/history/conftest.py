"""Histories on both databases. PostgreSQL is a real one, started once for all tests that ask for it."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from loadtests.history.address import Address, address_of


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """Gives the URL of a new, empty database at every call."""
    from loadtests.target.postgres.server import new_server

    with new_server() as server:
        numbers = itertools.count()

        def made() -> str:
            name = f"history{next(numbers)}"
            with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            return server.dsn(name)

        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    """An empty place for a history, on each database in turn."""
    if request.param == "sqlite":
        return address_of(str(tmp_path / "reports" / "history.db"), {})
    return address_of(request.getfixturevalue("postgres")(), {})


@pytest.fixture
def file(tmp_path: Path) -> Address:
    """An empty place for a history in a file."""
    return address_of(str(tmp_path / "history.db"), {})
