"""The dial of the database's faults: its grammar, and what really happens in a PostgreSQL."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import pytest

from loadtests.law import parse_law, spread
from loadtests.target.backend import Backend, new_backend, turn_dial
from loadtests.target.database.faults import Moments, parse_database_faults
from loadtests.target.database.sleeping import slept, start_sleeping, stop_sleeping
from loadtests.target.faults import NO_FAULTS, parse_faults
from loadtests.target.postgres.attached import EMBEDDED, Attachment, attached

MS = 1_000_000
S = 1_000 * MS


@pytest.mark.parametrize(
    ("text", "name", "when"),
    [
        pytest.param("lock users 3s at 30s", "lock", Moments(30 * S, None), id="once"),
        pytest.param("lock users 3s at 30s every 1m", "lock", Moments(30 * S, 60 * S), id="from then on"),
        pytest.param("terminate 10% every 20s", "terminate", Moments(20 * S, 20 * S), id="first after one period"),
        pytest.param("restart 2s at 0s", "restart", Moments(0, None), id="at once"),
        pytest.param("full 10s at 30s", "full", Moments(30 * S, None), id="full"),
    ],
)
def test_when_is_read_as_written(text: str, name: str, when: Moments) -> None:
    """`at`, `every`, or both; counted from the turn."""
    assert getattr(parse_database_faults(text), name).when == when


def test_moments_are_the_first_and_each_period_after() -> None:
    """Without a period there is one."""
    assert [Moments(S, 2 * S).at(index) for index in range(3)] == [S, 3 * S, 5 * S]
    assert [Moments(S, None).at(index) for index in range(2)] == [S, None]


def test_setting_can_be_put_back_as_it_is_shown() -> None:
    """Text and object mean the same; the law of a sleep may have several parts."""
    text = "sleep 5ms 98%, 100ms 2% on users; lock threads 3s every 1m; terminate 1% at 5s"
    faults = parse_database_faults(text)
    assert faults.sleep is not None
    assert (faults.sleep.law, faults.sleep.table) == (parse_law("5ms 98%, 100ms 2%"), "users")
    assert parse_database_faults(faults.document()) == faults


@pytest.mark.parametrize(
    ("dialled", "sentence"),
    [
        pytest.param("locks users 3s at 1s", "'locks': expected one of sleep, lock, terminate", id="unknown name"),
        pytest.param("lock users 3s", "expected when it happens: at 30s, every 1m", id="never"),
        pytest.param("lock users at 3s", "expected a table and a time, such as users 3s at 30s", id="no length"),
        pytest.param("lock 3s at 3s", "expected a table and a time, such as users 3s at 30s", id="no table"),
        pytest.param("lock users;drop 3s at 1s", "'drop': expected one of", id="no way into the statement"),
        pytest.param("lock Users 3s at 1s", "expected a table and a time", id="only plain names"),
        pytest.param("lock users 3s every 2s", "shorter than its period", id="never let go"),
        pytest.param("restart 0s at 2s", "longer than nothing", id="no length at all"),
        pytest.param("terminate all every 2s", "expected a share such as 1%", id="no share"),
        pytest.param("terminate 5% every 0s", "expected a period longer than nothing", id="all the time"),
        pytest.param("sleep often", "expected a duration", id="no law"),
        pytest.param("full 2s at 1s; full 2s at 5s", "full is there twice", id="twice"),
        pytest.param(5, 'expected an object such as {"lock"', id="a number"),
        pytest.param({"lock": 5}, "expected text such as users 3s at 30s", id="a number inside"),
    ],
)
def test_wrong_setting_is_a_sentence(dialled: object, sentence: str) -> None:
    """What was expected, under the name it has in the whole dial."""
    with pytest.raises(ValueError) as caught:
        parse_faults({"database": dialled})
    assert str(caught.value).startswith("database: ")
    assert sentence in str(caught.value)


def test_target_without_a_database_refuses_its_faults(ask: Callable[..., Any], backend: Backend) -> None:
    """422 with what to do; the dial stays as it was."""
    reply = ask("PUT", "/api/admin/faults", json={"law": "5ms", "database": "lock users 1s at 1s"})
    assert reply.status_code == 422
    assert reply.json()["error"].endswith("the target has no database; start it with --database")
    assert backend.dial.faults is NO_FAULTS


@pytest.fixture(scope="module")
def database() -> Iterator[Attachment]:
    """A database of the target's own, with few users."""
    with attached(EMBEDDED, users=100) as found:
        assert found is not None
        yield found


def play(database: Attachment, act: Callable[[Backend], Awaitable[None]]) -> None:
    """Let `act` use a backend with the database, whose dial is off again afterwards."""

    async def whole() -> None:
        backend = new_backend(attached=database)
        assert backend.database is not None
        await backend.database.open()
        try:
            async with asyncio.timeout(30):
                await act(backend)
                await turn_dial(backend, NO_FAULTS)
        finally:
            await backend.database.close()

    asyncio.run(whole())


async def turned(backend: Backend, text: str) -> None:
    await turn_dial(backend, parse_faults({"database": text}))


async def counted(backend: Backend) -> dict[str, Any]:
    assert backend.database is not None
    return await backend.database.dial.document()


async def count_until(backend: Backend, name: str, least: int = 1) -> dict[str, Any]:
    while (told := await counted(backend))[name] < least:
        await asyncio.sleep(0.02)
    return told


STATEMENTS = [
    pytest.param("SELECT * FROM users WHERE id = 42", id="a row"),
    pytest.param("SELECT * FROM users WHERE id = 4200", id="no row"),
    pytest.param("SELECT count(*) FROM users", id="all rows"),
    pytest.param("UPDATE users SET email = 'x' WHERE id = 7 RETURNING *", id="read, written and read again"),
    pytest.param("DELETE FROM savings WHERE agent_run = 3", id="a deletion"),
    pytest.param("INSERT INTO agent_runs VALUES (DEFAULT, 'r', 1, NULL, 'a', 'q', 'queued')", id="an insertion"),
    pytest.param("SELECT * FROM users JOIN threads ON user_id = users.id WHERE users.id = 3", id="two tables"),
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_each_statement_sleeps_once_whatever_it_does(database: Attachment, statement: str) -> None:
    """Counted by the database; the time is the law's, and gone when the dial is off."""

    async def act(backend: Backend) -> None:
        await turned(backend, "sleep 30ms")
        load = await asyncpg.connect(database.dsn)
        transaction = load.transaction()
        await transaction.start()
        began = time.perf_counter()
        await load.execute(statement)
        assert time.perf_counter() - began >= 0.03
        await transaction.rollback()
        assert (await counted(backend))["sleep"] == 1
        await turn_dial(backend, NO_FAULTS)
        await load.execute(statement)
        await load.close()

    play(database, act)
    left = asyncio.run(
        one(
            database.admin,
            "SELECT (SELECT count(*) FROM pg_policy) + count(*) FROM pg_class"
            " WHERE relrowsecurity OR relforcerowsecurity OR relname = 'loadtests_draws'",
        )
    )
    assert left == 0


async def one(dsn: str, statement: str, *arguments: object) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement, *arguments)
    finally:
        await connection.close()


@pytest.mark.parametrize("text", ["5ms 90%, 20ms 10%", "1ms..9ms", "exp 5ms", "3ms"])
def test_draws_of_a_sleep_are_the_laws(database: Attachment, text: str) -> None:
    """The i-th statement sleeps what the law gives at the i-th draw: never less, and all are counted."""

    async def act() -> list[float]:
        admin, load = await asyncpg.connect(database.admin), await asyncpg.connect(database.dsn)
        await start_sleeping(admin, parse_law(text), ("threads",))
        lasted = []
        for _ in range(30):
            began = time.perf_counter()
            await load.fetchval("SELECT count(*) FROM threads WHERE id = 'thread_1_1'")
            lasted.append(time.perf_counter() - began)
        assert await slept(admin) == 30
        await stop_sleeping(admin)
        await admin.close()
        await load.close()
        return lasted

    law = parse_law(text)
    for index, lasted in enumerate(asyncio.run(act())):
        assert lasted >= law.at(spread(index)) / 1e9 - 0.0005, f"draw {index}"


LOCKED = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


async def until(dsn: str, statement: str) -> None:
    while not await one(dsn, statement):
        await asyncio.sleep(0.01)


async def lock_wait(backend: Backend) -> float:
    """The gauge, as a scrape sees it."""
    assert backend.database is not None
    await backend.database.look()
    page, _ = backend.metrics.exposition("")
    (line,) = (line for line in page.decode().splitlines() if line.startswith("netra_database_lock_wait_seconds{"))
    return float(line.split()[1])


def test_locked_table_holds_its_readers_up_and_no_others_until_the_dial_is_turned(database: Attachment) -> None:
    """A minute's lock: the other table is read, the reader of this one waits, and is let through at the turn."""

    async def act(backend: Backend) -> None:
        await turned(backend, "lock users 1m at 0s")
        await until(database.admin, LOCKED)
        await one(database.dsn, "SELECT count(*) FROM threads")
        reader = asyncio.create_task(one(database.dsn, "SELECT count(*) FROM users"))
        await until(database.admin, WAITING)
        assert not reader.done()
        assert await lock_wait(backend) > 0, "and it is told while it lasts"
        await turn_dial(backend, NO_FAULTS)
        assert await reader == 100
        assert await lock_wait(backend) == 0

    play(database, act)


def test_lock_lasts_as_dialled_and_its_time_is_told(database: Attachment) -> None:
    """Twice; never shorter, and as long as its reader saw."""

    async def act(backend: Backend) -> None:
        await turned(backend, "lock users 200ms at 50ms every 400ms")
        await until(database.admin, LOCKED)
        began = time.perf_counter()
        await one(database.dsn, "SELECT count(*) FROM users")
        waited_ms = (time.perf_counter() - began) * 1e3
        told = await count_until(backend, "lock", 2)
        assert (told["lock"], len(told["lock_ms"])) == (2, 2)
        assert min(told["lock_ms"]) >= 200
        assert waited_ms < told["lock_ms"][0] + 1000

    play(database, act)


def test_share_of_sessions_is_ended_exactly_and_the_backends_own_are_not(database: Attachment) -> None:
    """Half of four sessions, twice: two, then one of the two that are left; each learns it from the server."""

    async def act(backend: Backend) -> None:
        assert backend.database is not None
        load = [await asyncpg.connect(database.dsn) for _ in range(4)]
        await backend.database.rows("select", "SELECT 1")
        await turned(backend, "terminate 50% at 50ms every 300ms")
        assert (await count_until(backend, "terminate", 2))["terminate"] == 2
        await count_until(backend, "terminate", 3)
        lost = 0
        for connection in load:
            try:
                await connection.fetchval("SELECT 1")
                await connection.close()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                lost += 1
        assert lost == 3
        assert (await backend.database.rows("select", "SELECT 1"))[0][0] == 1

    play(database, act)


def test_restart_takes_its_time_and_the_server_comes_back_as_it_was(database: Attachment) -> None:
    """Refused while it lasts; same address, same rows; the pool of the backend comes back by itself."""

    async def act(backend: Backend) -> None:
        assert backend.database is not None
        users = await one(database.dsn, "SELECT count(*) FROM users")
        await turned(backend, "restart 300ms at 0s")
        refused = 0
        while (await counted(backend))["restart"] == 0:
            try:
                await one(database.dsn, "SELECT 1")
            except (OSError, asyncpg.PostgresError, asyncpg.InternalClientError):
                refused += 1
            await asyncio.sleep(0.01)
        told = await counted(backend)
        assert refused
        assert 300 <= told["restart_ms"][0] < 10_000
        assert await one(database.dsn, "SELECT count(*) FROM users") == users
        assert (await backend.database.status())["status"] == "healthy"

    play(database, act)


def test_dial_turned_during_a_restart_brings_the_server_back(database: Attachment) -> None:
    """A minute without a server ends with its setting."""

    async def act(backend: Backend) -> None:
        assert database.server is not None
        await turned(backend, "restart 1m at 0s")
        while database.server.running():
            await asyncio.sleep(0.01)
        await turn_dial(backend, NO_FAULTS)
        while not database.server.ready():
            await asyncio.sleep(0.01)

    play(database, act)


def test_full_server_refuses_new_sessions_and_keeps_the_old(database: Attachment) -> None:
    """The real refusal, too many connections; at the end all are free again."""

    async def act(backend: Backend) -> None:
        load = await asyncpg.connect(database.dsn)
        await turned(backend, "full 300ms at 0s")
        while (await counted(backend))["full"] == 0:
            try:
                await one(database.dsn, "SELECT 1")
            except asyncpg.TooManyConnectionsError:
                break
        assert await load.fetchval("SELECT 1") == 1
        told = await count_until(backend, "full")
        assert told["full_ms"][0] >= 300
        assert await one(database.dsn, "SELECT 1") == 1
        await load.close()

    play(database, act)


def test_fault_whose_database_is_away_is_counted_as_missed(database: Attachment) -> None:
    """A lock that falls into a restart does not end the dial: the next one is held."""

    async def act(backend: Backend) -> None:
        await turned(backend, "restart 400ms at 0s; lock users 10ms at 200ms every 700ms")
        assert (await count_until(backend, "lock"))["missed"] >= 1

    play(database, act)


@pytest.mark.parametrize("text", ["lock user 1s at 1s", "sleep 5ms on pgbench_accounts"])
def test_table_that_is_not_there_is_told_when_the_dial_is_turned(database: Attachment, text: str) -> None:
    """Not when the fault is due, in the middle of a run."""

    async def act(backend: Backend) -> None:
        with pytest.raises(ValueError, match="expected a table that is there, such as users, threads"):
            await turned(backend, text)

    play(database, act)


def test_database_of_somebody_else_is_not_restarted(database: Attachment) -> None:
    """What it did not start, the target does not stop."""
    other = Attachment(database.dsn, database.dsn, None)

    async def act(backend: Backend) -> None:
        with pytest.raises(ValueError, match="restart: expected a database of the target's own"):
            await turned(backend, "restart 1s at 1s")
        await turned(backend, "lock users 10ms at 0s")
        await count_until(backend, "lock")

    play(other, act)


def test_faults_are_in_the_exposition(database: Attachment) -> None:
    """Alerts can be drilled against what was really injected."""

    async def act(backend: Backend) -> None:
        await turned(backend, "lock users 10ms at 0s")
        await count_until(backend, "lock")
        await asyncio.sleep(0)
        page, _ = backend.metrics.exposition("")
        assert b'netra_faults_injected_total{fault="database_lock"} 1.0' in page

    play(database, act)
