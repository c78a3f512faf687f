"""The rows of the tables: arithmetic on the users' numbers, so that every client can know the right answer.

Users, their tiers, spend and threads are those of `loadtests.target.users` and `savings`. Each user has had five agent
runs; of a hundred runs 96 completed, three failed and one timed out, and each completed one found its savings.
"""

import asyncpg

from loadtests.target.postgres.schema import KEYS, NAMES, TABLES

__all__ = ["RUNS_PER_USER", "fill", "is_filled"]

RUNS_PER_USER = 5

_USERS = """
INSERT INTO users (id, email, tier, monthly_spend_cents, created_at)
SELECT user_id, 'user_' || user_id || '@example.com', tier, base * (100 + user_id % 50) / 100,
       timestamptz '2025-01-01 00:00Z' + user_id * interval '37 minutes'
FROM (SELECT user_id, CASE WHEN user_id % 20 < 10 THEN 'free' WHEN user_id % 20 < 16 THEN 'early'
                           WHEN user_id % 20 < 19 THEN 'mid' ELSE 'enterprise' END AS tier
      FROM generate_series(1, $1::integer) AS user_id) AS numbered
JOIN (VALUES ('free', 5000), ('early', 50000), ('mid', 500000), ('enterprise', 5000000)) AS prices (tier, base)
USING (tier)
ORDER BY user_id
"""
_THREADS = """
INSERT INTO threads (user_id, place, id, title, messages, updated_at)
SELECT user_id, place, 'thread_' || user_id || '_' || place,
       'review of ' || topics[1 + (user_id + place) % 6] || ', part ' || place, 2 + (user_id * place) % 40,
       timestamptz '2026-01-01 00:00Z' + (user_id * 11 + place) * interval '1 minute'
FROM generate_series(1, $1::integer) AS user_id,
     generate_series(1, 3 + user_id % 8) AS place,
     (VALUES (ARRAY['compute spend', 'storage growth', 'model usage', 'idle capacity', 'network egress',
                    'licence overlap'])) AS named (topics)
"""
_RUNS = """
INSERT INTO agent_runs (id, run_id, user_id, thread_id, agent, query, status, started_at, duration_ms)
SELECT run, 'run_seed_' || run, user_id, 'thread_' || user_id || '_' || (1 + run % 3), 'TriageSubAgent',
       queries[1 + run % 3],
       CASE WHEN run % 100 < 96 THEN 'completed' WHEN run % 100 < 99 THEN 'failed' ELSE 'timeout' END,
       timestamptz '2026-01-01 00:00Z' + run * interval '1 minute', 500 + (run * 7919) % 9500
FROM (SELECT run, 1 + (run - 1) % $1::integer AS user_id
      FROM generate_series(1, $1::integer * {runs}) AS run) AS numbered,
     (VALUES (ARRAY['reduce cost', 'why is it slow', 'review'])) AS named (queries)
ORDER BY run
"""
_SAVINGS = """
INSERT INTO savings (agent_run, user_id, optimization, cents)
SELECT agent_runs.id, user_id, optimization, (monthly_spend_cents * per_mille + 500) / 1000
FROM agent_runs
JOIN users ON users.id = user_id
JOIN (VALUES ('reduce cost', 'cost_reduction', 120), ('why is it slow', 'latency_reduction', 60),
             ('review', 'general_review', 30)) AS rates (query, optimization, per_mille)
USING (query)
WHERE status = 'completed'
ORDER BY agent_runs.id
"""
_NEXT_RUN = "SELECT setval(pg_get_serial_sequence('agent_runs', 'id'), $1::integer * {runs})"


async def is_filled(connection: asyncpg.Connection) -> bool:
    """Whether the tables are there."""
    return bool(await connection.fetchval("SELECT to_regclass('savings') IS NOT NULL"))


async def fill(connection: asyncpg.Connection, users: int) -> None:
    """Make the tables with the rows of so many users, all or nothing."""
    async with connection.transaction():
        await connection.execute(TABLES)
        for statement in (_USERS, _THREADS, _RUNS.format(runs=RUNS_PER_USER)):
            await connection.execute(statement, users)
        await connection.execute(_SAVINGS)
        await connection.execute(_NEXT_RUN.format(runs=RUNS_PER_USER), users)
        await connection.execute(KEYS)
    await connection.execute(f"VACUUM (ANALYZE) {', '.join(NAMES)}")
