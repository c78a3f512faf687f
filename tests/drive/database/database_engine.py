"""One scenario of a second or less, driven by the real engine against a real PostgreSQL."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import uvloop

from loadtests.clock import LoopClock
from loadtests.drive.drivers.base import Surroundings
from loadtests.drive.drivers.database import DatabaseDriver
from loadtests.drive.engine import Engine
from loadtests.drive.process import guarded
from loadtests.drive.recorder import Recorder
from loadtests.plan.model import ClosedLoad, Feeder, OpenLoad, Scenario, Stage, Target, Tls
from loadtests.plan.protocol.database import CopyRows, DatabaseOperation, DatabaseSettings, RowCheck, Statement
from loadtests.plan.sql import named_sql
from loadtests.result.run import FailureSample
from loadtests.result.window import CONNECTIONS, Tally, Window
from loadtests.target.postgres.server import Server

ACCOUNTS = """
DROP TABLE IF EXISTS accounts;
CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL, name text, owner text UNIQUE);
INSERT INTO accounts SELECT n, 0, 'name ' || n, 'owner ' || n FROM generate_series(1, 100) n;
"""


@dataclass(frozen=True)
class Database:
    """Where the tests' server is, and a way to ask it beside the load."""

    dsn: str
    server: Server

    def ask(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        async def exchange() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(self.dsn)
            try:
                return [tuple(row) for row in await connection.fetch(sql, *arguments)]
            finally:
                await connection.close()

        return asyncio.run(exchange())


async def restart(server: Server, *, away_s: float) -> None:
    """Stop the server and start it again, from the main thread: it ends with the thread that started it."""
    server.end()
    while server.running():
        await asyncio.sleep(0.01)
    await asyncio.sleep(away_s)
    server.begin()
    while not server.ready():
        await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Driven:
    """What the engine recorded, all seconds together."""

    tallies: dict[str, Tally]
    samples: Sequence[FailureSample]
    generator: Tally
    seen: dict[str, Any] = field(default_factory=dict)

    @property
    def connections(self) -> Tally:
        return self[CONNECTIONS]

    def __getitem__(self, name: str) -> Tally:
        return self.tallies.get(name, Tally())

    def messages(self, kind: str) -> list[str]:
        return [sample.message for sample in self.samples if sample.kind == kind]


def sql(
    text: str,
    *,
    name: str = "work",
    check: RowCheck = RowCheck(),
    copy: CopyRows | None = None,
    timeout: float | None = None,
    **rest: Any,
) -> DatabaseOperation:
    """An operation of one statement."""
    timeout_ns = None if timeout is None else round(timeout * 1e9)
    return DatabaseOperation(name, statements=(Statement(named_sql(text), check, copy),), timeout_ns=timeout_ns, **rest)


def transaction(*texts: str, name: str = "work", isolation: Any = "read committed", **rest: Any) -> DatabaseOperation:
    """An operation of several."""
    return DatabaseOperation(
        name, statements=tuple(Statement(named_sql(text)) for text in texts), isolation=isolation, **rest
    )


def users(count: int = 2, *, seconds: float = 0.3, pacing: float | None = None) -> ClosedLoad:
    pacing_ns = None if pacing is None else round(pacing * 1e9)
    return ClosedLoad(count, round(seconds * 1e9), pacing_ns=pacing_ns)


def rate(per_second: float, *, seconds: float = 0.4, max_in_flight: int = 1000) -> OpenLoad:
    return OpenLoad((Stage(per_second, round(seconds * 1e9), ramp=False),), max_in_flight=max_in_flight)


def scenario(
    load: OpenLoad | ClosedLoad,
    *operations: DatabaseOperation,
    pool: int | None = None,
    timeout: float = 5.0,
    data: dict[str, Feeder] | None = None,
    **settings: Any,
) -> Scenario:
    return Scenario(
        "load",
        "database",
        load,
        operations,
        timeout_ns=round(timeout * 1e9),
        data=data or {},
        database=DatabaseSettings(pool=pool, **settings),
    )


class Bench:
    """A driver with all that it needs, and what it has recorded."""

    def __init__(self, what: Scenario, target: Target, *, shard: int = 0, shards: int = 1) -> None:
        self.windows: list[Window] = []
        self.samples: list[FailureSample] = []
        self.recorder = Recorder(what.name, "0", emit=self.windows.append, sample=self.samples.append)
        self.clock = LoopClock(asyncio.get_running_loop())
        around = Surroundings(what, target, self.recorder, self.clock, (), shard, shards)
        self.driver = DatabaseDriver(around)

    @property
    def driven(self) -> Driven:
        names = {name for window in self.windows for name in window.operations}
        tallies = {
            name: Tally.merge(w.operations[name] for w in self.windows if name in w.operations) for name in names
        }
        return Driven(tallies, self.samples, Tally.merge(window.generator for window in self.windows))


def drive(
    what: Scenario,
    where: "Database | str",
    *,
    beside: Any = None,
    tls: Tls | None = None,
    shard: int = 0,
    shards: int = 1,
) -> Driven:
    """Run it to its end on uvloop, as engines do; `beside` is a coroutine function that runs with the load."""
    dsn = where if isinstance(where, str) else where.dsn

    async def whole() -> Driven:
        bench = Bench(what, Target(database=dsn, tls=tls or Tls()), shard=shard, shards=shards)
        try:
            await bench.driver.open()
            other = None if beside is None else asyncio.ensure_future(beside(dsn))
            await guarded(Engine(what, bench.driver, shard=shard, shards=shards).run(time.monotonic_ns()))
            if other is not None:
                await other
        finally:
            bench.clock.close()
        return bench.driven

    return uvloop.run(whole())
