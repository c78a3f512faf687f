"""The server the database tools are put before: PostgreSQL on one core, with pgbench's tables, and its own count.

What was executed is what pg_stat_statements says: it is there at once, where the statistics of a database come late.
"""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from benchmarks.peers.ours import Work
from loadtests.errors import GeneratorFault
from loadtests.target.postgres.programs import NoPostgres
from loadtests.target.postgres.server import Server, new_server

__all__ = ["SELECT_ONLY", "TPCB", "Postgres", "Script", "serving_postgres"]

_SCALE = 16
"""As many branches as there are clients, or the clients of TPC-B only wait for each other."""
_ACCOUNTS_PER_SCALE = 100_000
_DATABASE = "postgres"


@dataclass(frozen=True, slots=True)
class Script:
    """A script built into pgbench. `marker` begins the statement of which each execution has exactly one."""

    name: str
    marker: str


SELECT_ONLY = Script("select-only", "SELECT abalance FROM pgbench_accounts")
TPCB = Script("tpcb-like", "INSERT INTO pgbench_history")


class Postgres:
    """A running server. `script` says what is counted."""

    def __init__(self, server: Server, runner: asyncio.Runner, *, scale: int) -> None:
        self.accounts = scale * _ACCOUNTS_PER_SCALE
        self._server, self._runner = server, runner
        self._line = runner.run(_connect(server))
        self.script = SELECT_ONLY

    @property
    def dsn(self) -> str:
        """Where the tables are."""
        return self._server.dsn(_DATABASE)

    def version(self) -> str:
        """The version of pgbench, which is the server's."""
        return self._server.programs.run("pgbench", "--version").stdout.split()[-1]

    def pgbench(self, clients: int, seconds: float, *, rate: float | None = None) -> list[str]:
        """The command that has pgbench run the script, prepared, on one thread."""
        options = ["-n", "-M", "prepared", "-j", "1", "-c", str(clients), "-T", str(math.ceil(seconds))]
        options += [] if rate is None else ["-R", f"{rate:g}"]
        return [str(self._server.programs.root / "bin" / "pgbench"), "-b", self.script.name, *options, self.dsn]

    def requests(self) -> int:
        """Executions of the script so far, by the server's own count."""
        count: int = self._ask(
            "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements WHERE starts_with(query, $1)",
            self.script.marker,
        )
        return count

    def work(self, *, pool: int | None = None) -> Work:
        """The script as our plan has it; the open model takes a pool of that many connections."""
        scenario: dict[str, Any] = {"driver": "database", "operations": [{"name": "work", "pgbench": self.script.name}]}
        return Work({"database": self.dsn}, scenario if pool is None else {**scenario, "database": {"pool": pool}})

    def tidy(self) -> None:
        """As pgbench does before a run of its own: what was written before slows nobody down."""
        for statement in (
            "VACUUM pgbench_branches",
            "VACUUM pgbench_tellers",
            "TRUNCATE pgbench_history",
            "CHECKPOINT",
        ):
            self._ask(statement)

    def close(self) -> None:
        """End the session of the count."""
        self._runner.run(self._line.close())

    def _ask(self, statement: str, *arguments: object) -> int:
        found: int = self._runner.run(self._line.fetchval(statement, *arguments))
        return found


@contextmanager
def serving_postgres(scale: int = _SCALE) -> Iterator[Postgres]:
    """A server with pgbench's tables, on the cores this process may use, for the length of the block."""
    try:
        with new_server() as server, asyncio.Runner() as runner:
            made = server.programs.run("pgbench", "-i", "-q", "-s", str(scale), server.dsn(_DATABASE))
            if made.returncode != 0:
                raise GeneratorFault(f"pgbench made no tables: {made.stdout}")
            postgres = Postgres(server, runner, scale=scale)
            try:
                yield postgres
            finally:
                postgres.close()
    except NoPostgres as reason:
        raise GeneratorFault(f"PostgreSQL cannot run here: {reason}") from reason


async def _connect(server: Server) -> Any:
    line = await asyncpg.connect(server.dsn(_DATABASE))
    await line.execute("CREATE EXTENSION pg_stat_statements")
    return line
