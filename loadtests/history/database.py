"""Connections to a history, and one clear error for whatever a database says.

SQLite: write-ahead log, so that readers and the one writer never wait for each other; writers wait up to 30 s for one
another; a transaction that writes takes its lock at the start, so none fails half way because another came first.
"""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from loadtests.errors import HistoryUnusable
from loadtests.history.address import Address

__all__ = ["compact", "connected", "engine_of"]

_BUSY_TIMEOUT_MS = 30_000
_LOOK_AGAIN_S = 0.01
_CONNECT_TIMEOUT_S = 10
_WRITES = "loadtests_writes"


def engine_of(address: Address) -> Engine:
    """An engine that holds no connection between uses; nothing is opened yet."""
    if address.file is not None:
        engine = create_engine(URL.create("sqlite", database=str(address.file)), poolclass=NullPool)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        return create_engine(
            make_url(address.url or ""),
            poolclass=NullPool,
            connect_args={"connect_timeout": _CONNECT_TIMEOUT_S, "application_name": "loadtests"},
        )
    except (ArgumentError, ValueError) as error:
        raise HistoryUnusable(str(address), _masked("it is no address: " + str(error), address)) from error


@contextmanager
def connected(engine: Engine, address: Address, *, writes: bool) -> Iterator[Connection]:
    """A transaction, committed at the end; whatever the database objects to is `HistoryUnusable`."""
    with _said_clearly(address), engine.execution_options(**{_WRITES: writes}).begin() as connection:
        yield connection


def compact(engine: Engine, address: Address) -> None:
    """Give the room of deleted rows back to the disk; PostgreSQL does so by itself."""
    if address.file is not None:
        with _said_clearly(address), engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")  # a vacuum is no part of a transaction
            connection.exec_driver_sql("VACUUM")


@contextmanager
def _said_clearly(address: Address) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise HistoryUnusable(str(address), _masked(_reason(error), address)) from error


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
    _use_write_ahead_log(connection)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Once for a file. SQLite does not wait for others with this, so that is done here."""
    give_up = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
        time.sleep(_LOOK_AGAIN_S)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _reason(error: Exception) -> str:
    said = " ".join(str(getattr(error, "orig", None) or error).split())
    lower = said.lower()
    if "not a database" in lower or "malformed" in lower:
        return f"it is damaged, or no database ({said}); nothing was changed: {_WAY_OUT}"
    if "locked" in lower:
        return f"another process has kept it locked for {_BUSY_TIMEOUT_MS // 1000} s ({said}); nothing was changed"
    if re.search("no such (table|column)", lower) or re.search("(relation|column) .* does not exist", lower):
        return f"its tables are not those of a history ({said})"
    return said


_WAY_OUT = "move it away, and make a new one from the runs that are still there with `loadtests history add RUN…`"


def _masked(text: str, address: Address) -> str:
    for secret in address.secrets:
        text = text.replace(secret, "***")
    return text
