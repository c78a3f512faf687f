"""What a plan may ask of a database, and every mistake that can be seen without asking it."""

from textwrap import indent

import pytest

from loadtests.plan.loader import plan_from_document
from loadtests.plan.model import Plan
from loadtests.plan.protocol.database import CopyRows, DatabaseOperation, DatabaseSettings, RowCheck

HEAD = 'version: 1\ntarget: {database: "postgresql://u:hush-hush@127.0.0.1/shop"}\n'


def plan(operations: str, *, load: str = "{rate: 10/s, duration: 10s}", more: str = "") -> str:
    head = f"driver: database\nload: {load}\n{more}data: {{user: {{sequence: 1..9}}}}\n"
    body = f"{head}operations:\n{indent(operations, '  ')}\n"
    return f"{HEAD}scenarios:\n  db:\n{indent(body, '    ')}"


def only(found: Plan) -> DatabaseOperation:
    (operation,) = found.scenarios["db"].operations
    assert isinstance(operation, DatabaseOperation)
    return operation


def test_a_statement_with_its_check(folder) -> None:
    found = only(
        folder.load(
            plan("- {name: a, sql: 'SELECT x FROM t WHERE id = {{user}}', check: {rows: 1..5, values: {x: 7}}}")
        )
    )
    (statement,) = found.statements
    assert (statement.sql.text, statement.sql.parameters) == ("SELECT x FROM t WHERE id = $1", ("{{user}}",))
    assert statement.check == RowCheck((1, 5), {"x": 7})
    assert not found.is_transaction


@pytest.mark.parametrize(("written", "rows"), [("3", (3, 3)), ("'>= 2'", (2, None)), ("0", (0, 0)), ("2..4", (2, 4))])
def test_rows_are_a_number_a_range_or_a_floor(folder, written: str, rows: tuple[int, int | None]) -> None:
    found = only(folder.load(plan(f"- {{name: a, sql: SELECT 1, check: {{rows: {written}}}}}")))
    assert found.statements[0].check.rows == rows


def test_a_transaction_of_texts_and_statements(folder) -> None:
    """Read committed unless it says otherwise; each statement may have a check of its own."""
    text = """
- name: a
  transaction:
    - SELECT 1
    - {sql: "UPDATE t SET x = $1", parameters: ["n{{user}}"], check: {rows: 1}}
  retries: 2
"""
    found = only(folder.load(plan(text)))
    assert [statement.sql.text for statement in found.statements] == ["SELECT 1", "UPDATE t SET x = $1"]
    assert (found.isolation, found.retries, found.is_transaction) == ("read committed", 2, True)


def test_a_copy_with_rows_of_its_own(folder) -> None:
    found = only(folder.load(plan('- {name: a, sql: COPY t FROM STDIN, copy: {row: "{{row}}\\t{{user}}", rows: 9}}')))
    assert found.statements[0].copy == CopyRows("{{row}}\t{{user}}", 9)


def test_scripts_are_built_in_or_beside_the_plan_and_a_stored_plan_does_not_open_them(folder) -> None:
    """A run can be judged where its files no longer are."""
    folder.write("bank.sql", "\\set a random(1, :scale)\nSELECT :a;\n")
    whole = folder.load(plan("- {name: a, pgbench: tpcb-like, weight: 2}\n- {name: b, script: bank.sql}"))
    built_in, own = whole.scenarios["db"].operations
    assert isinstance(built_in, DatabaseOperation)
    assert isinstance(own, DatabaseOperation)
    assert built_in.script is not None
    assert built_in.script.builtin == "tpcb-like"
    assert own.script is not None
    assert own.script.statements[0].sql.parameters == ("a",)
    stored = plan_from_document(whole.document, source="run.json")
    assert [one.name for one in stored.scenarios["db"].operations] == ["a", "b"]


def test_settings_of_the_pool(folder) -> None:
    """What is not said has a default."""
    more = "database: {pool: 7, statement_timeout: 2s, settings: {work_mem: 4MB}, reconnect: false}\n"
    found = folder.load(plan("- {name: a, sql: SELECT 1}", more=more)).scenarios["db"].database
    assert found == DatabaseSettings(7, 2 * 10**9, {"work_mem": "4MB"}, None)
    assert folder.load(plan("- {name: a, sql: SELECT 1}")).scenarios["db"].database == DatabaseSettings()


OPERATIONS = {
    "{name: a}": "expected exactly one of sql, transaction, pgbench, script",
    "{name: a, sql: SELECT 1, pgbench: select-only}": "expected exactly one of sql, transaction, pgbench, script",
    "{name: a, sql: 'SELECT 1; SELECT 2'}": "a.sql: expected one statement, got 2",
    "{name: a, sql: BEGIN}": "transactions begin and end by themselves",
    "{name: a, sql: \"SELECT '{{user}}'\"}": "does not stand where SQL takes a parameter",
    "{name: a, sql: 'SELECT {{usr}}'}": "{{usr}} is fed by nothing",
    "{name: a, sql: SELECT $1}": "give what fills it as parameters",
    "{name: a, sql: SELECT $1, parameters: [x, y]}": "there are 2 parameters",
    "{name: a, sql: SELECT $1, parameters: ['{{usr}}']}": "a.parameters: {{usr}} is fed by nothing",
    "{name: a, sql: COPY t FROM STDIN}": "a.copy: is required",
    "{name: a, sql: SELECT 1, copy: {row: x}}": "a.copy: belongs to a COPY … FROM STDIN",
    "{name: a, sql: COPY t FROM STDIN, copy: {row: '{{no}}'}}": "{{no}} is fed by nothing",
    "{name: a, sql: COPY t FROM STDIN, copy: {row: x, rows: 20000}}": "expected at most 10,000",
    "{name: a, sql: SELECT 1, check: {rows: many}}": "expected a number of rows: 1, 1..10 or >= 1",
    "{name: a, sql: SELECT 1, check: {rows: 5..1}}": "expected a number of rows: 1, 1..10 or >= 1",
    "{name: a, sql: SELECT 1, check: {values: {x: [1]}}}": "a.check.values.x: expected one value",
    "{name: a, transaction: []}": "a.transaction: expected at least one statement",
    "{name: a, transaction: [SELECT 1], check: {rows: 1}}": "stands with each statement of a transaction",
    "{name: a, transaction: [{check: {rows: 1}}]}": "sql: is required",
    "{name: a, transaction: [SELECT 1, COMMIT]}": "transactions begin and end by themselves",
    "{name: a, sql: SELECT 1, isolation: serialisable}": "did you mean serializable?",
    "{name: a, pgbench: tpcb}": "did you mean tpcb-like?",
    "{name: a, pgbench: select-only, isolation: serializable}": "a pgbench begins its own",
    "{name: a, script: missing.sql}": "there is no such file beside the plan",
    "{name: a, script: bad.sql}": "line 2: \\shell is not supported",
}


@pytest.mark.parametrize(("operation", "rule"), OPERATIONS.items(), ids=OPERATIONS)
def test_a_mistake_in_an_operation_is_named(folder, operation: str, rule: str) -> None:
    folder.write("bad.sql", "SELECT 1;\n\\shell date\n")
    found = folder.mistakes(plan(f"- {operation}"))
    assert len(found) == 1, found
    assert rule in found[0]


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ("{pool: 0}", "database.pool: expected a whole number from 1 up"),
        ("{settings: {statement_timeout: 1s}}", "give it as statement_timeout, beside settings"),
        ("{settings: {application_name: x}}", "the suite sets it itself"),
        ("{settings: {'a b': x}}", "expected the name of a setting"),
        ("{reconnect: true}", "expected false, or the time to wait"),
        ("{pol: 1}", "did you mean pool?"),
    ],
)
def test_a_mistake_in_the_settings_is_named(folder, settings: str, rule: str) -> None:
    (found,) = folder.mistakes(plan("- {name: a, sql: SELECT 1}", more=f"database: {settings}\n"))
    assert rule in found


THRESHOLDS = {
    "first byte p95 < 1s": "measures whole answers, no first bytes",
    "'a: connect p95 < 1s'": "connect is measured for the whole scenario",
    "'a: pool < 80%'": "pool is measured for the whole scenario",
    "deadlocks < 5 for 5s": "deadlocks is judged over the whole run: take the for away",
    "target lock wait < 50ms for 5s": "target lock wait is judged over the whole run",
    "target cpu < 70%": "nothing measures target cpu of a database: give target.process",
    "lost < 1%": "only a websocket scenario measures lost",
}


@pytest.mark.parametrize(("threshold", "rule"), THRESHOLDS.items(), ids=THRESHOLDS)
def test_a_threshold_that_nothing_here_could_hold(folder, threshold: str, rule: str) -> None:
    (found,) = folder.mistakes(plan("- {name: a, sql: SELECT 1}", more=f"thresholds: [{threshold}]\n"))
    assert rule in found


def test_thresholds_of_databases_need_nothing_else(folder) -> None:
    """The server is asked; no metrics endpoint is."""
    texts = (
        "[pool < 80%, target pool < 80%, target lock wait < 50ms, deadlocks <= 0, connection drops < 1%, drops < 1%]"
    )
    found = folder.load(plan("- {name: a, sql: SELECT 1}", more=f"thresholds: {texts}\n"))
    assert [one.metric for one in found.scenarios["db"].thresholds] == [
        *("pool", "target pool", "target lock wait", "deadlocks", "connection drops", "drops"),
    ]


def test_words_of_databases_belong_to_databases(folder) -> None:
    """Named where another driver uses them."""
    text = """
scenarios:
  api:
    driver: http
    load: {rate: 1/s, duration: 1m}
    database: {pool: 3}
    operations: [{name: a, request: GET /}]
    thresholds: [pool < 80%, deadlocks <= 0]
"""
    found = folder.mistakes(text)
    assert any("database: does not belong to the http driver" in one for one in found)
    assert sum("only a database scenario measures" in one for one in found) == 2


@pytest.mark.parametrize(
    ("dsn", "rule"),
    [
        ("postgresql://u@127.0.0.1:5432/d", None),
        ("postgres://h", None),
        ("postgresql://u@/d?host=/run/postgresql", None),
        ("postgresql://[::1]:5432/d", None),
        ("postgresql:///d", "expected an address such as postgresql://user@127.0.0.1:5432/name"),
        ("postgresql:///d?host=elsewhere", "expected an address such as"),
        ("mysql://h/d", "expected an address such as"),
        ("postgresql://h:port/d", "expected an address such as"),
        ("postgresql://one,two/d", "expected one server"),
        ("postgresql://u:p@ss@h/d", "an @ in a user or password is written %40"),
    ],
)
def test_an_address_is_of_one_server(folder, dsn: str, rule: str | None) -> None:
    """By its host or its socket; what is wrong is said without the password."""
    text = plan("- {name: a, sql: SELECT 1}").replace("postgresql://u:hush-hush@127.0.0.1/shop", dsn)
    if rule is None:
        assert folder.load(text).target.database == dsn
    else:
        (found,) = folder.mistakes(text)
        assert rule in found


def test_the_password_is_in_no_stored_plan(folder) -> None:
    """Nor is it in what is said of a mistake."""
    found = folder.load(plan("- {name: a, sql: SELECT 1}"))
    assert "hush" not in str(found.document)
    assert found.target.database == "postgresql://u:hush-hush@127.0.0.1/shop"
    assert not any("hush" in one for one in folder.mistakes(plan("- {name: a, sql: BEGIN}")))
