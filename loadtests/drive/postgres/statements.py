"""What pg_stat_statements has added up between two looks: the statements that took the most time."""

from collections.abc import Mapping, Sequence
from typing import Any

from loadtests.result.database import StatementUse

__all__ = ["STATEMENTS_SQL", "used_between"]

_MOST = 10
_SHOWN = 300

STATEMENTS_SQL = """
SELECT /* loadtests */ userid::text || ' ' || queryid::text AS key, query, calls::float8 AS calls,
       total_exec_time::float8 / 1000 AS total_s, max_exec_time::float8 / 1000 AS max_s, rows::float8 AS rows,
       shared_blks_hit::float8 AS hit, shared_blks_read::float8 AS read
FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND queryid IS NOT NULL AND query NOT LIKE '%/* loadtests */%'
"""
"""Columns are those of PostgreSQL 13 and later."""

Rows = Sequence[Mapping[str, Any]]


def used_between(before: Rows, after: Rows) -> tuple[StatementUse, ...]:
    """The ten statements that took the most time in between, that first. The longest single time is since the last
    reset of the statistics, not of this run alone."""
    earlier = {row["key"]: row for row in before}
    found = []
    for row in after:
        old = earlier.get(row["key"])
        fresh = old is None or old["calls"] > row["calls"]  # reset meanwhile
        calls, total_s, rows, hit, read = (
            row[name] - (0.0 if fresh or old is None else old[name])
            for name in ("calls", "total_s", "rows", "hit", "read")
        )
        if calls > 0:
            query = " ".join(str(row["query"]).split())[:_SHOWN]
            found.append(StatementUse(query, int(calls), total_s, float(row["max_s"]), int(rows), int(hit), int(read)))
    found.sort(key=lambda use: use.total_s, reverse=True)
    return tuple(found[:_MOST])
