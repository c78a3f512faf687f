"""What goes wrong while the load runs: timeouts, lost sessions, a server that goes and comes back."""

import asyncio
from itertools import count

import asyncpg
import pytest
from database_engine import Database, drive, rate, restart, scenario, sql, users

from loadtests.drive.drivers.database.address import Address, Dialler, Session
from loadtests.drive.drivers.database.messages import cancel_request
from loadtests.plan.model import Tls
from loadtests.result.window import DROPPED, OFFERED, OK, RECONNECTED, RESPONSE_FAILED

QUICK = "SELECT 1"


async def _ask(dsn: str, sql_text: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(sql_text)
    await connection.close()


def test_a_timeout_cancels_the_statement_and_the_session_is_used_again(database: Database) -> None:
    """It counts at its full wait; nothing after it on the only connection is hit by the late cancel."""
    slow = sql("SELECT pg_sleep(10)", name="slow", timeout=0.05)
    driven = drive(scenario(users(1, seconds=0.5), slow, sql(QUICK, name="quick"), pool=1), database)
    assert set(driven["slow"].failures) == {"timeout"}
    assert driven["slow"].histogram(RESPONSE_FAILED).quantile_us(0.0) >= 50_000
    assert driven["quick"].count(OK) > 0
    assert not driven["quick"].failures
    assert not driven.connections.lost_connections


def test_a_statement_is_cancelled_at_the_address_that_answers(database: Database) -> None:
    """A name may have others, where nothing listens."""

    async def cancel() -> None:
        address = Address.of(database.dsn)
        dialler = Dialler(address, ["127.0.0.2", "127.0.0.1"], tls=Tls(), settings={})
        session = await dialler.dial(5.0)
        asleep = asyncio.ensure_future(session.execute("SELECT pg_sleep(9)"))
        await asyncio.sleep(0.1)
        process, secret = session.get_server_pid(), session._protocol.backend_secret
        await dialler.send(cancel_request(process, secret), 5.0)
        with pytest.raises(asyncpg.QueryCanceledError):
            await asleep
        await session.close()

    asyncio.run(cancel())


def test_nothing_is_left_at_work_when_the_run_is_over(database: Database) -> None:
    """What was cut off is cancelled, not left to the server."""
    driven = drive(scenario(rate(20, seconds=0.2), sql("SELECT pg_sleep(9)"), timeout=0.1, pool=2), database)
    assert driven["work"].failed == 4
    working = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(9)' AND state = 'active'"
    assert database.ask(working) == [(0,)]


def test_who_waits_for_a_connection_times_out_as_well(database: Database) -> None:
    """Behind statements that take all of the time on the only one."""
    slow, quick = sql("SELECT pg_sleep(0.3)", name="slow"), sql(QUICK, name="quick", timeout=0.1)
    driven = drive(scenario(rate(50, seconds=0.2), slow, quick, pool=1), database)
    assert set(driven["quick"].failures) == {"timeout"}
    assert "no free connection within 100 ms" in driven.messages("timeout")
    assert not driven["slow"].failures


def test_the_servers_own_time_limit_is_a_timeout(database: Database) -> None:
    """Whoever ends the statement, it took too long."""
    driven = drive(
        scenario(users(1, seconds=0.3), sql("SELECT pg_sleep(10)"), statement_timeout_ns=50_000_000), database
    )
    assert set(driven["work"].failures) == {"timeout"}
    assert "statement_timeout of 50 ms" in driven.messages("timeout")[0]


def test_a_statement_that_somebody_cancels_is_no_timeout(database: Database) -> None:
    """Its kind says what happened."""

    async def cancel(dsn: str) -> None:
        await asyncio.sleep(0.1)
        await _ask(dsn, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(0.3)%'")

    driven = drive(scenario(users(1, seconds=0.1), sql("SELECT pg_sleep(0.3)")), database, beside=cancel)
    assert driven["work"].failures == {"query_canceled": 1}


def test_arrivals_beyond_the_room_are_dropped(database: Database) -> None:
    """Counted, never delayed."""
    driven = drive(scenario(rate(100, seconds=0.3, max_in_flight=2), sql("SELECT pg_sleep(0.2)"), pool=1), database)
    work = driven["work"]
    assert work.count(DROPPED) > 20
    assert work.count(OK) + work.count(DROPPED) + work.count("cut_off") + work.failed == work.count(OFFERED)


def test_ended_sessions_are_lost_by_cause_and_made_anew(database: Database) -> None:
    """Each with the server's word, also where it crossed with the next query; then all is well."""

    async def end(dsn: str) -> None:
        await asyncio.sleep(0.15)
        await _ask(
            dsn,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'loadtests'",
        )

    operation = sql("SELECT pg_sleep(0.01)")
    driven = drive(scenario(users(3, seconds=0.8), operation, reconnect_ns=20_000_000), database, beside=end)
    causes = driven.connections.lost_connections
    assert causes == {"admin_shutdown": 3}
    assert driven.connections.count(RECONNECTED) == 3
    assert driven.connections.count(OK) == 6
    assert set(driven["work"].failures) <= {"admin_shutdown"}
    assert driven["work"].count(OK) > 50


def test_a_session_that_can_no_longer_prepare_is_refused_and_tried_again(database: Database) -> None:
    """A table is renamed while it is away; once that is undone the session comes back."""

    async def rename(dsn: str) -> None:
        await asyncio.sleep(0.1)
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'loadtests'"
        await _ask(dsn, f"ALTER TABLE accounts RENAME TO gone; {end}")
        await asyncio.sleep(0.3)
        await _ask(dsn, "ALTER TABLE gone RENAME TO accounts")

    operation = sql("SELECT id FROM accounts WHERE id = 1", timeout=0.2)
    what = scenario(users(1, seconds=1.0, pacing=0.01), operation, reconnect_ns=30_000_000)
    driven = drive(what, database, beside=rename)
    assert driven.connections.failures["prepare"] > 0
    assert driven.connections.count(RECONNECTED) == 1
    assert "accounts" in driven.messages("prepare")[0]


def test_a_lost_session_stays_lost_where_the_plan_says_so(database: Database) -> None:
    """Then the others have to do."""

    async def end(dsn: str) -> None:
        await asyncio.sleep(0.1)
        await _ask(
            dsn,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'loadtests' LIMIT 1",
        )

    driven = drive(scenario(users(2, seconds=0.4), sql(QUICK), reconnect_ns=None), database, beside=end)
    assert sum(driven.connections.lost_connections.values()) == 1
    assert driven.connections.count(OK) == 2


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InternalClientError("got result for unknown protocol state 3"),
        asyncpg.InterfaceError("connection is closed"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_session_that_the_client_library_gives_up_is_refused_and_tried_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """asyncpg's own errors, as when a server goes away in the middle of the handshake, are refusals and no crash."""
    dial, dialled = Dialler.dial, count(1)

    async def dial_badly(self: Dialler, timeout_s: float) -> Session:
        session = await dial(self, timeout_s)
        if next(dialled) == 2:
            session.terminate()
            raise error
        return session

    async def end(dsn: str) -> None:
        await asyncio.sleep(0.1)
        await _ask(dsn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'loadtests'")

    monkeypatch.setattr(Dialler, "dial", dial_badly)
    driven = drive(scenario(users(1, seconds=0.6), sql(QUICK), reconnect_ns=20_000_000), database, beside=end)
    assert driven.connections.failures == {"protocol": 1}
    assert driven.messages("protocol") == [str(error)]
    assert driven.connections.count(RECONNECTED) == 1
    assert driven["work"].count(OK) > 20


def test_a_restart_of_the_server_is_failures_by_kind_and_then_over(database: Database) -> None:
    """Sessions are refused while it is away; once it is back there are as many as before."""

    async def away(_dsn: str) -> None:
        await asyncio.sleep(0.2)
        await restart(database.server, away_s=0.2)

    load = users(2, seconds=2.5, pacing=0.01)
    driven = drive(scenario(load, sql(QUICK), timeout=0.5, reconnect_ns=30_000_000), database, beside=away)
    made = driven.connections
    assert sum(made.lost_connections.values()) == 2
    assert made.count(RECONNECTED) == 2
    assert made.failed > 0
    assert set(made.failures) <= {"connect", "cannot_connect_now", "reset", "timeout"}
    assert driven["work"].count(OK) > 50
    assert set(driven["work"].failures) <= {"admin_shutdown", "reset", "timeout"}
