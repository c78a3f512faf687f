"""What PostgreSQL says of itself while load runs, asked by the coordinator over one session of its own.

counters    sessions, and what its statistics have counted since the last look
locks       who waits for a lock, for how long, and for whom
statements  what pg_stat_statements has added up between the beginning and the end
watch       the session: looks, and makes samples of it
"""

from loadtests.drive.postgres.watch import DatabaseWatch

__all__ = ["DatabaseWatch"]
