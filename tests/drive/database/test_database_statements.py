"""Single statements: what is sent, what is recorded, what makes an answer good."""

import pytest
from database_engine import Database, drive, rate, scenario, sql, users

from loadtests.plan.model import Feeder
from loadtests.plan.protocol.database import CopyRows, DatabaseOperation, RowCheck, Statement
from loadtests.plan.sql import numbered_sql
from loadtests.result.window import OFFERED, OK, POOL_BUSY, POOL_OPEN, RESPONSE_OK, SERVICE_OK

BY_KEY = "SELECT id, name FROM accounts WHERE id = {{id}}"
IDS = {"id": Feeder(range(1, 101))}


def test_every_execution_that_was_due_is_answered_and_timed_twice(database: Database) -> None:
    """Offered, OK and both histograms agree; each connection of the pool is an attempt that succeeded."""
    driven = drive(scenario(rate(400), sql(BY_KEY, check=RowCheck((1, 1))), pool=3, data=IDS), database)
    work = driven["work"]
    assert work.count(OFFERED) == work.count(OK) == 160
    assert work.histogram(RESPONSE_OK).total == work.histogram(SERVICE_OK).total == 160
    assert driven.connections.count(OK) == driven.connections.histogram("connect").total == 3


def test_a_closed_load_has_a_connection_for_each_user(database: Database) -> None:
    """Without a pool size nobody waits."""
    driven = drive(scenario(users(4), sql(BY_KEY), data=IDS), database)
    assert driven.connections.count(OK) == 4
    assert not driven["work"].histogram("wait for a connection").total
    assert driven["work"].count(OK) > 4


def test_parameters_are_the_feeders_values_and_each_place_is_one(database: Database) -> None:
    """One name stands for a number and for a text; quoting is PostgreSQL's affair."""
    odd = Feeder(("it's", 'a "b"', "c\\d", "é\n{}"))
    text = "INSERT INTO accounts VALUES ({{id}}, {{id}}, {{odd}}, 'new ' || {{id}})"
    data = {"id": Feeder(range(1001, 1005)), "odd": odd}
    driven = drive(scenario(rate(10), sql(text, check=RowCheck((1, 1))), data=data), database)
    assert driven["work"].count(OK) == 4
    found = database.ask("SELECT id, balance, name, owner FROM accounts WHERE id > 1000 ORDER BY id")
    assert found == [(id_, id_, odd.values[id_ - 1001], f"new {id_}") for id_ in range(1001, 1005)]


def test_numbered_parameters_are_filled_by_templates(database: Database) -> None:
    """What cannot stand in the statement, because it is part of a text, is given beside it."""
    statement = Statement(numbered_sql("SELECT id FROM accounts WHERE owner = $1", ("owner {{id}}",)), RowCheck((1, 1)))
    driven = drive(scenario(rate(50), DatabaseOperation("work", statements=(statement,)), data=IDS), database)
    assert driven["work"].count(OK) == 20


FAULTS = {
    "too few rows": (BY_KEY, RowCheck((2, 2)), "1 row, expected 2"),
    "too many rows": ("SELECT id FROM accounts", RowCheck((1, 10)), "100 rows, expected 1 to 10"),
    "nothing changed": (
        "UPDATE accounts SET balance = 1 WHERE id = 0",
        RowCheck((1, None)),
        "0 rows, expected at least 1",
    ),
    "another value": (BY_KEY, RowCheck(values={"name": "nobody"}), "expected 'nobody'"),
    "a value that should be null": (BY_KEY, RowCheck(values={"name": None}), "expected null"),
    "the second row": (
        "SELECT id FROM accounts WHERE id < 3 ORDER BY id",
        RowCheck(values={"id": 1}),
        "row 2: id is '2', expected '1'",
    ),
    "no row to look at": ("SELECT id FROM accounts WHERE id = 0", RowCheck(values={"id": 1}), "no row"),
}


@pytest.mark.parametrize(("text", "check", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_result_that_is_not_as_expected_is_a_failed_check(
    database: Database, text: str, check: RowCheck, fault: str
) -> None:
    """Of every answer, also those like the last one."""
    driven = drive(scenario(rate(50), sql(text, check=check), data=IDS), database)
    assert driven["work"].failures == {"check": 20}
    assert fault in driven.messages("check")[0]


@pytest.mark.parametrize(
    ("expression", "value"),
    [("id", "{{id}}"), ("id::text || '.0'", "{{id}}"), ("true", True), ("null::int", None), ("1.50::numeric", 1.5)],
)
def test_values_are_compared_as_what_they_are(database: Database, expression: str, value: object) -> None:
    """Numbers by their amount, booleans and null by name, templates by the execution's own value."""
    text = f"SELECT {expression} AS found FROM accounts WHERE id = {{{{id}}}}"
    driven = drive(scenario(rate(50), sql(text, check=RowCheck((1, 1), {"found": value})), data=IDS), database)
    assert driven["work"].count(OK) == 20, driven.samples


def test_errors_are_kinds_by_their_condition_and_the_session_goes_on(database: Database) -> None:
    """A sample says what the server said; the pool loses nothing."""
    twice = sql("INSERT INTO accounts VALUES (1, 0, '', 'again')", name="twice")
    parted = sql("SELECT 1 / (id - 1) FROM accounts WHERE id = 1", name="parted")
    driven = drive(scenario(rate(100), twice, parted, pool=1), database)
    assert set(driven["twice"].failures) == {"unique_violation"}
    assert set(driven["parted"].failures) == {"division_by_zero"}
    assert "(23505): Key (id)=(1) already exists." in driven.messages("unique_violation")[0]
    assert not driven.connections.lost_connections


def test_waiting_for_a_connection_is_part_of_the_response_time(database: Database) -> None:
    """Two at once over one connection: the second answer takes twice as long, its service does not."""
    driven = drive(scenario(users(2, seconds=0.5), sql("SELECT pg_sleep(0.05)"), pool=1), database)
    work = driven["work"]
    assert work.histogram("wait for a connection").total >= work.count(OK) - 1
    assert (work.histogram(RESPONSE_OK).quantile_us(0.5) or 0) >= 90_000
    assert (work.histogram(SERVICE_OK).quantile_us(0.1) or 0) < 90_000


def test_the_use_of_the_pool_is_its_busy_time(database: Database) -> None:
    """One of four sleeps all the time: a quarter is in use."""
    driven = drive(scenario(users(1, seconds=1.0), sql("SELECT pg_sleep(0.2)"), pool=4), database)
    use = driven.generator.count(POOL_BUSY) / driven.generator.count(POOL_OPEN)
    assert use == pytest.approx(0.25, abs=0.02)


def test_rows_are_copied_in_with_their_own_numbers(database: Database) -> None:
    """As many as the plan says, each with a number of its own, special characters as they are."""
    copy = CopyRows("{{row}}\t7\t{{odd}}\t\\N", 50)
    operation = sql("COPY accounts FROM STDIN", copy=copy, check=RowCheck((50, 50)))
    data = {"odd": Feeder(("a\tb\\c\nd",))}
    database.ask("TRUNCATE accounts")
    driven = drive(scenario(rate(20, seconds=0.2), operation, data=data), database)
    assert driven["work"].count(OK) == 4
    assert database.ask("SELECT count(*), min(id), max(id), min(name) FROM accounts") == [(200, 0, 199, "a\tb\\c\nd")]


def test_a_refused_copy_fails_and_leaves_the_session_usable(database: Database) -> None:
    """A row that does not fit, and then a good statement on the only connection."""
    bad = sql("COPY accounts FROM STDIN", name="bad", copy=CopyRows("not a number\t1\ta\tb", 3))
    driven = drive(scenario(rate(100), bad, sql(BY_KEY, name="good"), pool=1, data=IDS), database)
    assert set(driven["bad"].failures) == {"invalid_text_representation"}
    assert driven["good"].count(OK) == driven["good"].count(OFFERED)


def test_rows_are_copied_out_and_counted(database: Database) -> None:
    """Also when there are more than fit into one piece."""
    wide = "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 1000)) TO STDOUT"
    driven = drive(scenario(rate(50, seconds=0.2), sql(wide, check=RowCheck((1000, 1000)))), database)
    assert driven["work"].count(OK) == 10
    assert driven.generator.count("bytes_received") > 10_000_000


def test_large_rows_are_looked_at_whole(database: Database) -> None:
    """A value of a megabyte comes in many pieces."""
    text = "SELECT repeat('x', 1000000) AS big, 1 AS small"
    driven = drive(scenario(rate(50, seconds=0.2), sql(text, check=RowCheck((1, 1), {"small": 1}))), database)
    assert driven["work"].count(OK) == 10
    plain = drive(scenario(rate(50, seconds=0.2), sql(text, check=RowCheck((1, 1)))), database)
    assert plain["work"].count(OK) == 10
