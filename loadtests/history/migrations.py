"""Bringing the tables of an older version to this one, when a history is opened.

A kept way of our own rather than a migration tool's: a history is opened by a command that must answer at once, by
several processes at the same time, on two kinds of database, and only ever goes forward. So a step is a function of an
open transaction, all steps that are missing run in one transaction under a lock, and the version is one row.
A new database gets the present tables at once.

To change the tables: change `tables`, raise `FORMAT`, and add the step that leads there to `STEPS`.
"""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, insert, inspect, select, text, update

from loadtests.errors import HistoryUnusable
from loadtests.history.tables import FORMAT, FormatRow, Table

__all__ = ["STEPS", "bring_up_to_date", "format_of"]

Step = Callable[[Connection], None]

STEPS: Mapping[int, Step] = {}
"""By the version it leads to: what must be done to tables of the version before."""

_LOCK = 0x6C6F6164  # "load": any number that no other application locks


def format_of(connection: Connection) -> int | None:
    """The version of the tables in this database; `None` when it holds no history."""
    if not inspect(connection).has_table(FormatRow.__tablename__):
        return None
    return connection.scalar(select(FormatRow.version))


def bring_up_to_date(
    connection: Connection, shown: str, *, steps: Mapping[int, Step] = STEPS, newest: int = FORMAT
) -> None:
    """Make the tables, or bring them to the newest version; the transaction is the caller's.

    Raises `HistoryUnusable` for a version that is newer than this program, and for a file that holds other things.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    found = format_of(connection)
    if found == newest:
        return
    if found is None:
        _begin(connection, shown, newest)
        return
    if found > newest:
        raise HistoryUnusable(
            shown,
            f"it has format {found}, and this version of loadtests reads up to {newest}; nothing was changed: "
            "use a newer version, or another history",
        )
    for version in range(found + 1, newest + 1):
        steps[version](connection)
    connection.execute(update(FormatRow).values(version=newest))


def _begin(connection: Connection, shown: str, newest: int) -> None:
    if connection.dialect.name == "sqlite" and (others := inspect(connection).get_table_names()):
        raise HistoryUnusable(shown, f"it is a database of something else (it holds a table {others[0]!r})")
    Table.metadata.create_all(connection)
    connection.execute(insert(FormatRow).values(version=newest))
