"""What a loop of one's own reaches: asyncpg's prepared statements on uvloop, nothing measured, nothing checked.

python -m benchmarks.peers.asyncpg_loop DSN CLIENTS SECONDS ACCOUNTS
"""

import asyncio
import random
import sys
import time

import asyncpg
import uvloop

_SELECT = "SELECT abalance FROM pgbench_accounts WHERE aid = $1"


async def _client(dsn: str, until_s: float, accounts: int) -> None:
    connection = await asyncpg.connect(dsn)
    statement = await connection.prepare(_SELECT)
    while time.monotonic() < until_s:
        await statement.fetchval(random.randint(1, accounts))
    await connection.close()


async def _load(dsn: str, clients: int, seconds: float, accounts: int) -> None:
    until_s = time.monotonic() + seconds
    await asyncio.gather(*(_client(dsn, until_s, accounts) for _ in range(clients)))


if __name__ == "__main__":
    uvloop.run(_load(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
