"""Several statements on one session: transactions with their isolation and retries, and pgbench scripts."""

import pytest
from database_engine import Database, drive, rate, scenario, sql, transaction, users

from loadtests.plan.pgbench.builtin import builtin_script
from loadtests.plan.pgbench.script import parse_script
from loadtests.plan.protocol.database import DatabaseOperation, RowCheck, Statement
from loadtests.plan.sql import named_sql
from loadtests.result.window import OFFERED, OK, RETRIED, SERVICE_OK

MOVE = (
    "UPDATE accounts SET balance = balance - 1 WHERE id = 1",
    "UPDATE accounts SET balance = balance + 1 WHERE id = 2",
)


def script(text: str, **rest: object) -> DatabaseOperation:
    return DatabaseOperation("work", script=parse_script(text), **rest)  # type: ignore[arg-type]


def test_a_transaction_is_one_execution_and_all_or_nothing(database: Database) -> None:
    """Each statement's time is noted besides; what is moved is neither lost nor made."""
    driven = drive(scenario(rate(100, seconds=0.2), transaction(*MOVE)), database)
    work = driven["work"]
    assert work.count(OK) == 20
    assert work.histogram("1 UPDATE accounts SET").total == work.histogram("3 COMMIT").total == 20
    assert database.ask("SELECT id, balance FROM accounts WHERE id < 3 ORDER BY id") == [(1, -20), (2, 20)]


def test_a_failed_transaction_is_rolled_back_before_the_session_is_used_again(database: Database) -> None:
    """The first statement leaves no trace, and the next execution on the only connection is sound."""
    broken = transaction(MOVE[0], "INSERT INTO accounts VALUES (2, 0, '', 'twice')", name="broken")
    driven = drive(scenario(rate(100, seconds=0.2), broken, sql("SELECT 1", name="sound"), pool=1), database)
    assert set(driven["broken"].failures) == {"unique_violation"}
    assert not driven["sound"].failures
    assert database.ask("SELECT balance FROM accounts WHERE id = 1") == [(0,)]


def test_a_failed_check_rolls_back_too(database: Database) -> None:
    """What the answer should have been is asked within the transaction."""
    nobody = Statement(named_sql("UPDATE accounts SET balance = 1 WHERE id = 0"), RowCheck((1, 1)))
    operation = DatabaseOperation("work", statements=(Statement(named_sql(MOVE[0])), nobody))
    driven = drive(scenario(rate(50, seconds=0.2), operation), database)
    assert driven["work"].failures == {"check": 10}
    assert database.ask("SELECT balance FROM accounts WHERE id = 1") == [(0,)]


CLASH = ("SELECT sum(balance) FROM accounts", "UPDATE accounts SET balance = balance + 1 WHERE id = 1")


def test_serialization_failures_are_a_kind_of_their_own(database: Database) -> None:
    """At serializable four users who read and write the same row get in each other's way."""
    driven = drive(scenario(users(4), transaction(*CLASH, isolation="serializable")), database)
    assert driven["work"].failures.get("serialization_failure")
    assert set(driven["work"].failures) == {"serialization_failure"}


def test_a_retry_begins_anew_and_is_counted(database: Database) -> None:
    """With enough tries every one succeeds, and what was done is what succeeded."""
    driven = drive(scenario(users(4), transaction(*CLASH, isolation="serializable", retries=1000)), database)
    work = driven["work"]
    assert not work.failures
    assert work.count(RETRIED) > 0
    assert database.ask("SELECT balance FROM accounts WHERE id = 1") == [(work.count(OK),)]


def test_deadlocks_are_a_kind_and_one_of_the_two_goes_on(database: Database) -> None:
    """Two orders of the same two rows."""
    there = transaction(MOVE[0], "SELECT pg_sleep(0.02)", MOVE[1], name="there")
    back = transaction(MOVE[1], "SELECT pg_sleep(0.02)", MOVE[0], name="back")
    driven = drive(scenario(users(4, seconds=0.6), there, back), database)
    kinds = {*driven["there"].failures, *driven["back"].failures}
    assert kinds == {"deadlock_detected"}
    assert driven["there"].count(OK) + driven["back"].count(OK) > 0


def test_a_built_in_script_does_what_pgbench_does(database: Database) -> None:
    """TPC-B: accounts, tellers and branches come to the sum of the history, at the scale of the tables."""
    database.ask(
        """
        DO $$ BEGIN
        DROP TABLE IF EXISTS pgbench_branches, pgbench_tellers, pgbench_accounts, pgbench_history;
        CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int);
        CREATE TABLE pgbench_tellers (tid int PRIMARY KEY, tbalance int);
        CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, abalance int);
        CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp);
        INSERT INTO pgbench_branches SELECT n, 0 FROM generate_series(1, 2) n;
        INSERT INTO pgbench_tellers SELECT n, 0 FROM generate_series(1, 20) n;
        INSERT INTO pgbench_accounts SELECT n, 0 FROM generate_series(1, 200000) n;
        END $$
        """
    )
    operation = DatabaseOperation("work", script=builtin_script("tpcb-like"))
    driven = drive(scenario(users(4), operation), database)
    done = driven["work"].count(OK)
    assert done > 0
    sums = database.ask(
        "SELECT (SELECT count(*) FROM pgbench_history), (SELECT sum(delta) FROM pgbench_history),"
        " (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers),"
        " (SELECT sum(bbalance) FROM pgbench_branches), (SELECT max(bid) FROM pgbench_history)"
    )[0]
    assert sums[0] == done
    assert sums[1] == sums[2] == sums[3] == sums[4]
    assert sums[5] == 2


def test_a_script_branches_takes_values_and_sleeps(database: Database) -> None:
    """What a statement gave decides what is sent next; the pause is in the time."""
    text = """
        SELECT count(*) AS many, true AS yes FROM accounts \\gset found_
        \\if :found_many = 100 and :found_yes
        \\sleep 20 ms
        INSERT INTO accounts VALUES (:found_many + 1000 + :client_id, :scale, 'here', NULL) ON CONFLICT DO NOTHING;
        \\else
        SELECT 1 / 0;
        \\endif
    """
    driven = drive(scenario(users(1, seconds=0.1), script(text)), database)
    work = driven["work"]
    assert set(work.failures) <= {"division_by_zero"}
    assert database.ask("SELECT name FROM accounts WHERE id = 1100") == [("here",)]
    assert (work.histogram(SERVICE_OK).max_us or 0) >= 20_000


def test_numbers_drawn_are_those_of_the_execution_whatever_process_runs_it(database: Database) -> None:
    """Two shards draw what one process would, and a script that does more what one of a single statement does."""
    single = "\\set n random(1, 1000000 * :scale)\nINSERT INTO accounts VALUES (:n, 0, '', NULL);\n"

    def drawn(*shards: tuple[int, int], text: str = single) -> list[tuple[int, ...]]:
        database.ask("TRUNCATE accounts")
        for shard, of in shards:
            drive(scenario(rate(100, seconds=0.2), script(text), pool=2), database, shard=shard, shards=of)
        return database.ask("SELECT id FROM accounts ORDER BY id")

    whole = drawn((0, 1))
    assert len(whole) == 20
    assert drawn((0, 2), (1, 2)) == whole
    assert drawn((0, 1), text=f"{single}\\set more 1\n") == whole


def test_an_expression_without_a_value_fails_the_execution_and_no_more(database: Database) -> None:
    """Divided by nothing within a transaction: rolled back, and the session goes on."""
    text = "BEGIN;\nUPDATE accounts SET balance = 5 WHERE id = 1;\n\\set n 1 / :client_id\nEND;\n"
    driven = drive(scenario(rate(50, seconds=0.2), script(text), pool=1), database)
    assert driven["work"].failures == {"script": 10}
    assert driven.messages("script")[0] == "division by zero"
    assert database.ask("SELECT balance FROM accounts WHERE id = 1") == [(0,)]


@pytest.mark.parametrize("nothing", [":client_id", "(:scale - :scale)"])
def test_hundreds_that_wait_and_fail_at_once_fail_one_after_the_other(database: Database, nothing: str) -> None:
    """Behind one slow statement on the only connection; nothing nests."""
    broken = script(f"\\set n 1 / {nothing}\nSELECT :n;\n", weight=200.0)
    slow = sql("SELECT pg_sleep(0.3)", name="slow")
    driven = drive(scenario(rate(2500, seconds=0.4, max_in_flight=5000), slow, broken, pool=1), database)
    assert set(driven["work"].failures) == {"script"}
    assert driven["work"].failed == driven["work"].count(OFFERED)
    assert driven["slow"].count(OK) >= 1


def test_a_script_is_retried_from_where_its_transaction_began(database: Database) -> None:
    """What was committed before is not done twice, and the numbers drawn stay."""
    text = """
        \\set n random(1000, 1000000000)
        INSERT INTO accounts VALUES (:n, 7, 'log', NULL);
        BEGIN ISOLATION LEVEL SERIALIZABLE;
        SELECT sum(balance) FROM accounts WHERE id < 10;
        UPDATE accounts SET balance = balance + 1 WHERE id = 1;
        UPDATE accounts SET balance = balance + 1 WHERE id = :n;
        END;
    """
    driven = drive(scenario(users(3), script(text, retries=1000)), database)
    work = driven["work"]
    assert not work.failures
    assert work.count(RETRIED) > 0
    assert database.ask("SELECT count(*), min(balance), max(balance) FROM accounts WHERE name = 'log'") == [
        (work.count(OK), 8, 8)
    ]


@pytest.mark.parametrize("level", ["read committed", "repeatable read", "serializable"])
def test_the_isolation_is_the_one_that_was_chosen(database: Database, level: str) -> None:
    """As the server itself sees it."""
    seen = Statement(named_sql("SHOW transaction_isolation"), RowCheck(values={"transaction_isolation": level}))
    operation = DatabaseOperation("work", statements=(seen,), isolation=level)  # type: ignore[arg-type]
    driven = drive(scenario(rate(50, seconds=0.1), operation), database)
    assert driven["work"].count(OK) == 5, driven.samples
