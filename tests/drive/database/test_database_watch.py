"""What the database says of itself while load runs: waits and who caused them, counters, statements."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from database_engine import Database, restart

from loadtests.drive.postgres import DatabaseWatch
from loadtests.drive.postgres.counters import Counters
from loadtests.drive.postgres.locks import LockWaits, Waiter
from loadtests.drive.postgres.statements import used_between
from loadtests.plan.model import Target
from loadtests.result.database import DatabaseNotes
from loadtests.result.run import ResourceSample

Act = Callable[[str], Awaitable[None]]


def watched(dsn: str, act: Act) -> tuple[list[ResourceSample], DatabaseNotes]:
    """What a watch says of the time in which `act` runs."""
    samples: list[ResourceSample] = []
    notes: list[DatabaseNotes] = []

    async def whole() -> None:
        watch = DatabaseWatch(Target(database=dsn), "load", samples.append, note=notes.append)
        await watch.open()
        task = asyncio.ensure_future(watch.run(time.monotonic_ns()))
        await asyncio.sleep(0.02)
        await act(dsn)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(whole())
    return samples, notes[0]


def total(samples: list[ResourceSample], name: str) -> float:
    return sum(sample.values.get(name, 0.0) for sample in samples if sample.source == "database")


async def _held(dsn: str, held_s: float) -> tuple[float, asyncpg.Connection, asyncpg.Connection]:
    """A lock that one session holds and another waits for; gives how long it waited."""
    holder = await asyncpg.connect(dsn, server_settings={"application_name": "maintenance"})
    waiter = await asyncpg.connect(dsn)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")
    began = time.monotonic()
    waiting = asyncio.ensure_future(waiter.execute("UPDATE accounts SET balance = 1 WHERE id = 1"))
    await asyncio.sleep(held_s)
    await transaction.rollback()
    await waiting
    return time.monotonic() - began, holder, waiter


def test_a_wait_for_a_lock_is_timed_by_mode_and_who_held_it_is_told(database: Database) -> None:
    """To within what lies between two looks, and what a busy machine adds."""
    waited: list[float] = []

    async def act(dsn: str) -> None:
        lasted, *sessions = await _held(dsn, 0.6)
        waited.append(lasted)
        for session in sessions:
            await session.close()

    samples, notes = watched(database.dsn, act)
    assert total(samples, "lock_waits") == total(samples, "lock_waits.RowExclusiveLock") == 1
    assert total(samples, "lock_wait_total_s") == pytest.approx(waited[0], abs=0.1)
    (blocker,) = notes.blockers
    assert (blocker.mode, blocker.what, blocker.application) == ("RowExclusiveLock", "accounts", "maintenance")
    assert blocker.state == "idle in transaction"
    assert "LOCK TABLE accounts" in blocker.query


def test_counters_are_what_was_added_and_sessions_as_they_are(database: Database) -> None:
    """Commits, rollbacks and WAL of the time in between; sessions over max_connections, the watch's own not counted."""

    async def act(dsn: str) -> None:
        sessions = [await asyncpg.connect(dsn) for _ in range(5)]
        for number in range(20):
            await sessions[0].execute(f"UPDATE accounts SET balance = {number} WHERE id = 2")
        await asyncio.sleep(1.3)
        for session in sessions:
            await session.close()

    samples, _ = watched(database.dsn, act)
    assert total(samples, "commits") >= 20
    assert total(samples, "wal_bytes") > 0
    assert total(samples, "deadlocks") == 0
    pool = [sample.values["pool"] for sample in samples if sample.source == "target"]
    assert max(pool) >= 0.05
    assert max(sample.values.get("sessions_idle", 0) for sample in samples) >= 5


def test_a_deadlock_is_counted_though_it_is_told_late(database: Database) -> None:
    """A look after the end finds it."""

    async def act(dsn: str) -> None:
        one, other = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
        for session in (one, other):
            await session.execute("BEGIN")
        await one.execute("UPDATE accounts SET balance = 1 WHERE id = 1")
        await other.execute("UPDATE accounts SET balance = 1 WHERE id = 2")
        crossed = (("1", other), ("2", one))
        await asyncio.gather(
            *(session.execute(f"UPDATE accounts SET balance = 2 WHERE id = {row}") for row, session in crossed),
            return_exceptions=True,
        )
        for session in (one, other):
            await session.close()

    samples, _ = watched(database.dsn, act)
    assert total(samples, "deadlocks") == 1


def test_statements_are_those_of_the_time_in_between(database: Database) -> None:
    """What ran before is not counted; the watch's own looks neither."""
    database.ask("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    asked = "SELECT name FROM accounts WHERE id = $1"
    database.ask(asked, 1)

    async def act(dsn: str) -> None:
        session = await asyncpg.connect(dsn)
        for number in range(7):
            await session.fetchval(asked, number)
        await session.close()

    _, notes = watched(database.dsn, act)
    assert [use.calls for use in notes.statements if use.query == asked] == [7]
    assert not [use for use in notes.statements if "pg_locks" in use.query or "pg_stat" in use.query]


def test_a_database_that_goes_is_looked_at_again_when_it_is_back(database: Database) -> None:
    """Meanwhile nothing is said, and nothing raised."""

    async def act(_dsn: str) -> None:
        await restart(database.server, away_s=0.1)
        await asyncio.sleep(1.5)

    samples, _ = watched(database.dsn, act)
    assert samples


def test_without_a_server_there_is_nothing_to_say() -> None:
    """Notes come all the same, empty."""

    async def act(_dsn: str) -> None:
        await asyncio.sleep(0.05)

    assert watched("postgresql://nobody@127.0.0.1:1/nowhere", act) == ([], DatabaseNotes())


def test_waits_end_between_the_look_that_saw_them_last_and_the_next() -> None:
    """In the middle; they stand in the second in which they began, those that never ended until the end."""
    waits = LockWaits()
    waits.look([Waiter(1, 50.0, 0.3, "ShareLock", "a"), Waiter(2, 51.0, 0.1, "ExclusiveLock", "b")], 2.2)
    waits.look([Waiter(2, 51.0, 0.3, "ExclusiveLock", "b")], 2.4)
    assert waits.waiting == 1
    assert waits.peaks() == (2, pytest.approx(0.3))
    assert waits.peaks() == (0, 0.0)
    assert waits.take() == {
        1: {
            "lock_waits": 1.0,
            "lock_wait_total_s": pytest.approx(0.4),
            "lock_wait_max_s": pytest.approx(0.4),
            "lock_waits.ShareLock": 1.0,
            "lock_wait_total_s.ShareLock": pytest.approx(0.4),
            "lock_wait_max_s.ShareLock": pytest.approx(0.4),
        }
    }
    waits.end_all(5.1)
    assert waits.take()[2]["lock_wait_max_s"] == pytest.approx(3.0)


def test_one_is_asked_for_all_who_wait_for_the_same() -> None:
    """After 0.2 s, once for each thing that is waited for."""
    waits = LockWaits()
    waits.look([Waiter(1, 1.0, 0.1, "A", "x"), Waiter(2, 1.0, 0.3, "A", "x"), Waiter(3, 1.0, 0.3, "A", "y")], 1.0)
    assert {waits.worth_asking(1.0), waits.worth_asking(1.0), waits.worth_asking(1.0)} == {2, 3, None}


def test_a_counter_that_went_back_was_reset() -> None:
    """What it holds now is new: a crash loses statistics."""
    counters = Counters()
    base = {"active": 1.0, "idle": 2.0, "idle_in_transaction": 0.0, "other": 0.0, "most": 10.0}
    first = counters.look({**base, "commits": 100.0})
    assert first.pool == pytest.approx(0.3)
    assert "commits" not in counters.figures(first)
    assert counters.figures(counters.look({**base, "commits": 130.0}))["commits"] == 30.0
    assert counters.figures(counters.look({**base, "commits": 4.0}))["commits"] == 4.0


def test_the_costliest_statements_come_first() -> None:
    """By what they took in between; those that did not run are left out, those reset meanwhile are new."""

    def rows(**calls: tuple[float, float]) -> list[dict[str, object]]:
        return [
            {"key": name, "query": name, "calls": n, "total_s": s, "max_s": s, "rows": n, "hit": 0.0, "read": 0.0}
            for name, (n, s) in calls.items()
        ]

    before = rows(old=(5.0, 1.0), idle=(2.0, 9.0), reset=(90.0, 50.0))
    used = used_between(before, rows(old=(8.0, 1.5), idle=(2.0, 9.0), reset=(3.0, 0.7), new=(1.0, 2.0)))
    assert [(use.query, use.calls, round(use.total_s, 3)) for use in used] == [
        ("new", 1, 2.0),
        ("reset", 3, 0.7),
        ("old", 3, 0.5),
    ]
