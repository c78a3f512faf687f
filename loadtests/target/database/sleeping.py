"""Statements that sleep by a law, whoever sends them: a row-level policy that sleeps before it lets rows through.

The policy's condition stands in a sub-select, so the server evaluates it once per table, not per row; the time of the
statement, kept in the session, makes that once per statement, whatever it joins, reads and writes. Draws come from a
sequence that no rollback takes back: they follow the law exactly, and its value is their count.
"""

from collections.abc import Sequence

import asyncpg

from loadtests.law import Component, Law

__all__ = ["slept", "start_sleeping", "stop_sleeping"]

_POLICY = "loadtests_sleep"
_FUNCTION = "loadtests_sleep()"
_DRAWS = "loadtests_draws"
_SETTING = "loadtests.slept"
_ASLEEP = "SELECT polrelid::regclass::text AS name FROM pg_policy WHERE polname = $1"
_GOLDEN = "0.6180339887498949"
"""As `loadtests.law.spread` draws."""
_SLEEPS = "((SELECT loadtests_sleep()))"
_KINDS = {
    "": f"FOR SELECT USING {_SLEEPS}",
    "_update": f"FOR UPDATE USING {_SLEEPS} WITH CHECK (true)",
    "_delete": f"FOR DELETE USING {_SLEEPS}",
    "_insert": f"FOR INSERT WITH CHECK {_SLEEPS}",
}
"""What a policy says, by the end of its name."""


async def start_sleeping(connection: asyncpg.Connection, law: Law, tables: Sequence[str]) -> None:
    """Have statements on the tables sleep from now on; raises what the server says of a table that is not there."""
    async with connection.transaction():
        await connection.execute(f"CREATE SEQUENCE {_DRAWS} MINVALUE 0")
        await connection.execute(_function(law))
        for table in tables:
            policies = "".join(f"CREATE POLICY {_POLICY}{kind} ON {table} {says};" for kind, says in _KINDS.items())
            await connection.execute(
                f"{policies} ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
            )


async def stop_sleeping(connection: asyncpg.Connection) -> None:
    """Take it back; does nothing where nothing sleeps."""
    asleep = await connection.fetch(_ASLEEP, _POLICY)
    async with connection.transaction():
        for table in (row["name"] for row in asleep):
            drops = "".join(f"DROP POLICY {_POLICY}{kind} ON {table};" for kind in _KINDS)
            await connection.execute(
                f"{drops} ALTER TABLE {table} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY"
            )
        await connection.execute(f"DROP FUNCTION IF EXISTS {_FUNCTION}; DROP SEQUENCE IF EXISTS {_DRAWS}")


async def slept(connection: asyncpg.Connection) -> int:
    """How many statements slept since it started."""
    count: int = await connection.fetchval(f"SELECT last_value + is_called::integer FROM {_DRAWS}")
    return count


def _function(law: Law) -> str:
    branches, before = [], 0.0
    for component in law.components:
        branches.append(f"WHEN u < {before + component.share!r} THEN {_seconds(component, before)}")
        before += component.share
    return f"""
CREATE FUNCTION {_FUNCTION} RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
DECLARE
    statement text := statement_timestamp()::text;
    u double precision;
BEGIN
    IF statement IS DISTINCT FROM current_setting('{_SETTING}', true) THEN
        PERFORM set_config('{_SETTING}', statement, false);
        u := nextval('{_DRAWS}') * {_GOLDEN}::double precision;
        u := u - floor(u);
        PERFORM pg_sleep(CASE {" ".join(branches)} ELSE 0 END);
    END IF;
    RETURN true;
END $$"""


def _seconds(component: Component, before: float) -> str:
    u = f"((u - {before!r}) / {component.share!r})"
    low, span = component.low_ns / 1e9, (component.high_ns - component.low_ns) / 1e9
    return f"-{low!r} * ln(1 - {u})" if component.shape == "exp" else f"{low!r} + {span!r} * {u}"
