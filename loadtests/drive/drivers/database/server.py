"""What the server says of itself before the load starts, as far as a plan can be at odds with it."""

from dataclasses import dataclass
from typing import Self

import asyncpg

__all__ = ["Server"]

_LIMITS = """
SELECT current_setting('max_connections')::int AS most,
       CASE WHEN (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN 0
            ELSE current_setting('superuser_reserved_connections')::int
                 + coalesce(current_setting('reserved_connections', true), '0')::int END AS reserved,
       (SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
        AND (backend_type IS NULL OR backend_type = 'client backend'))::int AS others,
       pg_is_in_recovery() AS standby,
       current_setting('transaction_read_only') = 'on' AS read_only,
       to_regclass('pgbench_branches') IS NOT NULL AS has_pgbench
"""


@dataclass(frozen=True, slots=True)
class Server:
    """`read_only` says why nothing can be written, if so. `scale` is that of pgbench's tables, 1 without them."""

    max_connections: int
    reserved: int
    others: int
    read_only: str | None
    scale: int

    @classmethod
    async def seen_by(cls, session: asyncpg.Connection) -> Self:
        """Ask over a session, which is counted as ours."""
        row = await session.fetchrow(_LIMITS)
        assert row is not None
        scale = await session.fetchval("SELECT count(*)::int FROM pgbench_branches") if row["has_pgbench"] else 1
        reason = None
        if row["standby"]:
            reason = "it is a standby"
        elif row["read_only"]:
            reason = "default_transaction_read_only is on"
        return cls(row["most"], row["reserved"], row["others"], reason, max(1, scale))

    @property
    def connections_for_us(self) -> int:
        """Sessions that it has room for besides those of others."""
        return self.max_connections - self.reserved - self.others

    @property
    def room_in_words(self) -> str:
        """How that comes about."""
        parts = [f"max_connections is {self.max_connections}"]
        parts += [f"{self.reserved} are reserved"] if self.reserved else []
        parts += [f"{self.others} are in use"] if self.others else []
        return ", ".join(parts)
