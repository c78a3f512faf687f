"""What ends a run before its load: addresses, passwords, pools, statements that the server does not take."""

import pytest
from database_engine import Database, drive, rate, scenario, sql, transaction
from database_tls import TlsFront

from loadtests.drive.drivers.database.address import Address
from loadtests.errors import HostNotAllowed, LoadtestsError, TargetUnreachable, UsageError
from loadtests.plan.model import Feeder, Tls
from loadtests.plan.pgbench.builtin import builtin_script
from loadtests.plan.protocol.database import DatabaseOperation, RowCheck
from loadtests.result.window import OK

LOAD = rate(10, seconds=0.1)
SOUND = sql("SELECT 1")


def refused(what: object, where: "Database | str", **rest: object) -> LoadtestsError:
    with pytest.raises(LoadtestsError) as caught:
        drive(what, where, **rest)  # type: ignore[arg-type]
    return caught.value


def test_nothing_listens(database: Database) -> None:
    """Said with the address, without the password."""
    error = refused(scenario(LOAD, SOUND), "postgresql://me:hush-hush@127.0.0.1:1/shop")
    assert isinstance(error, TargetUnreachable)
    assert "127.0.0.1:1 (database shop)" in str(error)
    assert "hush" not in str(error)


def test_a_wrong_password_is_the_plans_mistake_and_never_shown(database: Database) -> None:
    """Exit code 2, in PostgreSQL's own words."""
    dsn = database.dsn.replace(database.server.password, "hush-hush")
    error = refused(scenario(LOAD, SOUND), dsn)
    assert isinstance(error, UsageError)
    assert 'password authentication failed for user "postgres" (28P01)' in str(error)
    assert "hush" not in str(error)


def test_a_database_that_is_not_there(database: Database) -> None:
    error = refused(scenario(LOAD, SOUND), database.server.dsn("nowhere"))
    assert isinstance(error, UsageError)
    assert 'database "nowhere" does not exist' in str(error)


def test_load_goes_nowhere_it_is_not_allowed() -> None:
    """The host of the address decides, also when a parameter names another."""
    error = refused(scenario(LOAD, SOUND), "postgresql://192.0.2.1/shop?host=127.0.0.1")
    assert isinstance(error, HostNotAllowed)


def test_every_statement_that_is_refused_is_named_with_its_place(database: Database) -> None:
    """At once, by operation, at the character as it was written."""
    wrong = [
        sql("SELECT name FRM accounts WHERE id = 1", name="spelled"),
        sql("SELECT nome FROM accounts", name="column"),
        sql("SELECT 1 FROM acounts WHERE a = {{id}} AND b", name="table"),
        transaction("SELECT 1", "SELECT\n  1 +\n  nothing()", name="inner"),
    ]
    error = refused(scenario(LOAD, SOUND, *wrong, data={"id": Feeder((1,))}), database)
    assert isinstance(error, UsageError)
    text = str(error)
    assert 'spelled: syntax error at or near "accounts" (42601), at character 17: SELECT name FRM ▸accounts' in text
    assert 'column: column "nome" does not exist (42703); Perhaps you meant to reference the column' in text
    assert 'table: relation "acounts" does not exist (42P01), at character 15' in text
    assert "inner: function nothing() does not exist (42883)" in text
    assert "at line 3, character 3" in text
    assert "work" not in text


def test_missing_tables_of_pgbench_are_told_how_they_are_made(database: Database) -> None:
    database.ask("DROP TABLE IF EXISTS pgbench_branches, pgbench_tellers, pgbench_accounts, pgbench_history")
    error = refused(scenario(LOAD, DatabaseOperation("work", script=builtin_script("select-only"))), database)
    assert "make the tables of pgbench with pgbench --initialize" in str(error)


def test_a_check_of_a_column_that_is_not_given(database: Database) -> None:
    """It could never hold."""
    error = refused(scenario(LOAD, sql("SELECT id FROM accounts", check=RowCheck(values={"name": 1}))), database)
    assert "work: the check speaks of name, which the statement does not give; it gives id" in str(error)


def test_a_pool_larger_than_the_server_has_room_for(database: Database) -> None:
    """With what there is room for, and how that comes about."""
    error = refused(scenario(LOAD, SOUND, pool=101), database)
    assert isinstance(error, UsageError)
    assert "a pool of 101 connections is larger than" in str(error)
    assert "max_connections is 100" in str(error)


def test_a_pool_smaller_than_the_processes(database: Database) -> None:
    error = refused(scenario(LOAD, SOUND, pool=1), database, shard=0, shards=2)
    assert "too small for 2 processes" in str(error)


def test_the_pool_is_shared_out_among_the_processes(database: Database) -> None:
    """Five for two: three and two."""
    made = [drive(scenario(LOAD, SOUND, pool=5), database, shard=shard, shards=2) for shard in (0, 1)]
    assert [one.connections.count(OK) for one in made] == [3, 2]


def test_a_read_only_server_and_a_plan_that_writes(database: Database) -> None:
    """Named are the operations that write; one that only reads is welcome."""
    settings = {"default_transaction_read_only": "on"}
    writing = transaction("SELECT id FROM accounts WHERE id = 1 FOR UPDATE", name="locking")
    error = refused(scenario(LOAD, SOUND, writing, settings=settings), database)
    assert isinstance(error, UsageError)
    assert "takes no writes (default_transaction_read_only is on): locking would write" in str(error)
    assert drive(scenario(LOAD, SOUND, settings=settings), database)["work"].count(OK) == 1


def test_settings_hold_on_every_session(database: Database) -> None:
    """As the server sees them."""
    shown = sql("SHOW work_mem", check=RowCheck(values={"work_mem": "7MB"}))
    driven = drive(scenario(rate(50, seconds=0.2), shown, settings={"work_mem": "7MB"}, pool=4), database)
    assert driven["work"].count(OK) == 10


def test_a_session_is_handed_over_encrypted(secure: TlsFront) -> None:
    """The load loop's protocol works over TLS as without, the certificate verified for the name in the address."""
    dsn = f"{secure.dsn('localhost')}?sslmode=verify-full"
    driven = drive(scenario(rate(50, seconds=0.2), SOUND, pool=2), dsn, tls=Tls(ca=str(secure.authority)))
    assert driven["work"].count(OK) == 10, driven.samples
    assert secure.encrypted == 2


def test_tls_is_what_sslmode_says(secure: TlsFront) -> None:
    """`require` encrypts without looking at the certificate."""
    driven = drive(scenario(LOAD, SOUND, pool=1), f"{secure.dsn('127.0.0.1')}?sslmode=require")
    assert driven["work"].count(OK) == 1
    assert secure.encrypted == 1


def test_a_certificate_for_another_name_is_refused(secure: TlsFront) -> None:
    """The name in the address counts, not what it resolves to."""
    dsn = f"{secure.dsn('127.0.0.1')}?sslmode=verify-full"
    error = refused(scenario(LOAD, SOUND), dsn, tls=Tls(ca=str(secure.authority)))
    assert isinstance(error, TargetUnreachable)
    assert "certificate was refused" in str(error)


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://u:p@h:1/d", "h:1 (database d)"),
        ("postgres://h", "h:5432"),
        ("postgresql://u@/d?host=/run/postgresql&port=7", "/run/postgresql/.s.PGSQL.7 (database d)"),
        ("postgresql://[::1]/d", "::1:5432 (database d)"),
    ],
)
def test_an_address_is_shown_without_user_and_password(dsn: str, shown: str) -> None:
    assert str(Address.of(dsn)) == shown
