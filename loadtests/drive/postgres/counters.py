"""Sessions and cumulative statistics of a server, as figures of one look and differences between two.

Sources by version: pg_stat_checkpointer is new in 17; before, its columns were pg_stat_bgwriter's. A standby writes no
WAL of its own. A counter that has gone back was reset (a crash does that): what it holds now is new.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Counters", "Look", "counters_sql"]

SESSION_STATES = ("active", "idle", "idle_in_transaction", "other")

_SESSIONS = """
SELECT count(*) FILTER (WHERE state = 'active')::float8 AS active,
       count(*) FILTER (WHERE state = 'idle')::float8 AS idle,
       count(*) FILTER (WHERE state LIKE 'idle in transaction%')::float8 AS idle_in_transaction,
       count(*) FILTER (WHERE state IS NULL OR state NOT IN ('active', 'idle')
                        AND state NOT LIKE 'idle in transaction%')::float8 AS other,
       current_setting('max_connections')::float8 AS most
FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_DATABASE = """
SELECT xact_commit::float8 AS commits, xact_rollback::float8 AS rollbacks,
       blks_hit::float8 AS blocks_hit, blks_read::float8 AS blocks_read,
       deadlocks::float8 AS deadlocks, temp_files::float8 AS temp_files, temp_bytes::float8 AS temp_bytes
FROM pg_stat_database WHERE datname = current_database()
"""
_WAL = """
SELECT CASE WHEN pg_is_in_recovery() THEN 0
            ELSE pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') END::float8 AS wal_bytes
"""
_CHECKPOINTS = """
SELECT num_timed::float8 AS checkpoints_timed, num_requested::float8 AS checkpoints_requested FROM pg_stat_checkpointer
"""
_CHECKPOINTS_BEFORE_17 = """
SELECT checkpoints_timed::float8, checkpoints_req::float8 AS checkpoints_requested FROM pg_stat_bgwriter
"""
_CHECKPOINTER_SINCE = 17


def counters_sql(version: int) -> str:
    """One statement that gives one row with all of it."""
    checkpoints = _CHECKPOINTS if version >= _CHECKPOINTER_SINCE else _CHECKPOINTS_BEFORE_17
    parts = {"s": _SESSIONS, "d": _DATABASE, "w": _WAL, "c": checkpoints}
    joined = ", ".join(f"({text.strip()}) {name}" for name, text in parts.items())
    return f"SELECT /* loadtests */ * FROM {joined}"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: `sessions` by state, the share of `max_connections` they take, cumulative `counts`."""

    sessions: Mapping[str, float]
    pool: float
    counts: Mapping[str, float]


class Counters:
    """Makes figures out of looks."""

    def __init__(self) -> None:
        self._last: Mapping[str, float] | None = None

    def look(self, row: Mapping[str, float]) -> Look:
        """The row of `counters_sql` as a look."""
        sessions = {state: row[state] for state in SESSION_STATES}
        counts = {name: value for name, value in row.items() if name not in (*SESSION_STATES, "most")}
        return Look(sessions, sum(sessions.values()) / row["most"], counts)

    def figures(self, look: Look) -> dict[str, float]:
        """Sessions as they are, and what was counted since the last look; the first counts nothing."""
        last, self._last = self._last, look.counts
        found = {f"sessions_{state}": value for state, value in look.sessions.items()}
        if last is not None:
            found |= {name: _grown(last[name], value) for name, value in look.counts.items()}
        return found


def _grown(before: float, now: float) -> float:
    return now - before if now >= before else now
