"""Reading what is asked of PostgreSQL: statements, transactions, copies, scripts, and the pool."""

import re
from collections.abc import Sequence
from typing import Any

from loadtests.plan.model import Operation, Threshold
from loadtests.plan.pgbench.builtin import builtin_script
from loadtests.plan.pgbench.script import Script, ScriptError, parse_script
from loadtests.plan.protocol.database import CopyRows, DatabaseOperation, DatabaseSettings, RowCheck, Statement
from loadtests.plan.reading.base import Claimed, Context, DriverReader
from loadtests.plan.reading.requests import note_unfed
from loadtests.plan.shapes.database import (
    CopyShape,
    DatabaseSettingsShape,
    DatabaseShape,
    RowCheckShape,
    StatementShape,
)
from loadtests.plan.sql import Sql, SqlError, named_sql, numbered_sql
from loadtests.plan.yamlfile import Place

__all__ = ["READER"]

_KINDS = ("sql", "transaction", "pgbench", "script")
_OF_SQL = ("parameters", "copy", "check")
_COPY_IN = re.compile(r"\s*copy\b.*\bfrom\s+stdin\b", re.IGNORECASE | re.DOTALL)
_CONTROL = re.compile(r"\s*(begin|start|commit|end|rollback|abort|savepoint|release|prepare\s+transaction)\b", re.I)
_SETTING = re.compile(r"[A-Za-z_][\w.]*")
_OWN_SETTINGS = ("application_name", "client_encoding", "statement_timeout")
_ROW = "row"
_MOST_COPIED = 10_000


def _operation(context: Context, entry: Any, place: Place) -> DatabaseOperation | None:
    findings = context.findings
    shape = findings.shape(DatabaseShape, entry, place)
    if shape is None:
        return None
    given = [kind for kind in _KINDS if getattr(shape, kind) is not None]
    if len(given) != 1:
        if not findings.damaged(place):
            findings.note(place, f"expected exactly one of {', '.join(_KINDS)}", quote=False)
        return None
    kind = given[0]
    _note_strangers(context, shape, place, kind=kind)
    script, statements = None, []
    if kind == "sql":
        statements = [_statement(context, shape, place)]
    elif kind == "transaction":
        statements = _transaction(context, shape.transaction, (*place, "transaction"))
    else:
        script = _script(context, shape, (*place, kind))
    whole = tuple(statement for statement in statements if statement is not None)
    if (script is None and not whole) or len(whole) < len(statements):
        return None
    return DatabaseOperation(
        shape.name,
        shape.weight,
        statements=whole,
        isolation=shape.isolation or ("read committed" if kind == "transaction" else None),  # type: ignore[arg-type]
        script=script,
        retries=shape.retries,
        timeout_ns=shape.timeout,
    )


def _note_strangers(context: Context, shape: DatabaseShape, place: Place, *, kind: str) -> None:
    """Parts that belong to another kind of operation."""
    for key, attribute in zip(_OF_SQL, ("parameters", "copy_", "check"), strict=True):
        if kind != "sql" and getattr(shape, attribute) is not None:
            rule = f"belongs to sql, not to {kind}"
            rule = "stands with each statement of a transaction" if kind == "transaction" else rule
            context.findings.note((*place, key), rule, quote=False)
    if shape.isolation is not None and kind in ("pgbench", "script"):
        context.findings.note((*place, "isolation"), f"belongs to sql and transaction: a {kind} begins its own")


def _transaction(context: Context, value: Any, place: Place) -> list[Statement | None]:
    entries = context.findings.sequence(value, place, of="statements")
    if not entries and not context.findings.damaged(place):
        context.findings.note(place, "expected at least one statement", quote=False)
    found = []
    for position, entry in enumerate(entries):
        here = (*place, position)
        shape = context.findings.shape(StatementShape, {"sql": entry} if isinstance(entry, str) else entry, here)
        found.append(None if shape is None else _statement(context, shape, here, spelled=isinstance(entry, str)))
    return found


def _statement(context: Context, shape: StatementShape, place: Place, *, spelled: bool = False) -> Statement | None:
    """One statement; `spelled` when the entry is the text itself."""
    findings = context.findings
    where = place if spelled else (*place, "sql")
    if shape.sql is None:
        findings.note(where, "is required", quote=False)
        return None
    if isinstance(shape, StatementShape) and _CONTROL.match(shape.sql):
        rule = "transactions begin and end by themselves: give the statements between as transaction, with an isolation"
        findings.note(where, rule)
        return None
    sql = _sql(context, shape, where, place)
    copy = _copy(context, shape, place)
    check = _check(context, shape.check, (*place, "check"))
    return None if sql is None else Statement(sql, check, copy)


def _sql(context: Context, shape: StatementShape, where: Place, place: Place) -> Sql | None:
    text = str(shape.sql)
    try:
        sql = named_sql(text) if shape.parameters is None else numbered_sql(text, shape.parameters)
    except SqlError as error:
        context.findings.note(where, str(error), quote=False)
        return None
    if shape.parameters is None:
        note_unfed(context.findings, text, where, fed=context.fed)
    else:
        note_unfed(context.findings, list(shape.parameters), (*place, "parameters"), fed=context.fed)
    return sql


def _copy(context: Context, shape: StatementShape, place: Place) -> CopyRows | None:
    findings, here = context.findings, (*place, "copy")
    copies = _COPY_IN.match(str(shape.sql)) is not None
    if shape.copy_ is None:
        if copies:
            findings.note(here, "is required: a COPY … FROM STDIN is given rows", quote=False)
        return None
    if not copies:
        findings.note(here, "belongs to a COPY … FROM STDIN", quote=False)
        return None
    found = findings.shape(CopyShape, shape.copy_, here)
    if found is None:
        return None
    note_unfed(findings, found.row, (*here, "row"), fed=(*context.fed, _ROW))
    if found.rows > _MOST_COPIED:
        findings.note((*here, "rows"), f"expected at most {_MOST_COPIED:,}: they are made in the load loop")
    return CopyRows(found.row, found.rows)


def _check(context: Context, value: Any, place: Place) -> RowCheck:
    shape = None if value is None else context.findings.shape(RowCheckShape, value, place)
    if shape is None:
        return RowCheck()
    values = shape.values or {}
    for column, wanted in values.items():
        if isinstance(wanted, dict | list):
            context.findings.note((*place, "values", column), "expected one value")
    note_unfed(context.findings, values, (*place, "values"), fed=context.fed)
    return RowCheck(shape.rows, values)


def _script(context: Context, shape: DatabaseShape, place: Place) -> Script | None:
    if shape.pgbench is not None:
        return builtin_script(shape.pgbench)
    if context.base is None:  # a stored plan, read only to be judged
        return Script((), "")
    try:
        return parse_script((context.base / str(shape.script)).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        context.findings.note(place, "there is no such file beside the plan")
    except (OSError, UnicodeDecodeError):
        context.findings.note(place, "the file cannot be read as UTF-8 text")
    except ScriptError as error:
        context.findings.note(place, str(error))
    return None


def _settings(context: Context, value: Any, place: Place, _operations: Sequence[Operation]) -> DatabaseSettings:
    shape = None if value is None else context.findings.shape(DatabaseSettingsShape, value, place)
    if shape is None:
        return DatabaseSettings()
    for name in shape.settings or {}:
        here = (*place, "settings", name)
        if not _SETTING.fullmatch(name):
            context.findings.note(here, "expected the name of a setting, such as search_path", quote=False)
        elif name.lower() in _OWN_SETTINGS:
            timeout = name.lower() == "statement_timeout"
            rule = "give it as statement_timeout, beside settings" if timeout else "the suite sets it itself"
            context.findings.note(here, rule, quote=False)
    return DatabaseSettings(shape.pool, shape.statement_timeout, shape.settings or {}, shape.reconnect)


def _objection(threshold: Threshold, claimed: Claimed) -> str | None:
    if threshold.metric in ("target cpu", "target memory") and claimed.target and claimed.target.process is None:
        return f"nothing measures {threshold.metric} of a database: give target.process"
    if threshold.metric == "first byte":
        return "a database scenario measures whole answers, no first bytes"
    if threshold.metric == "connect" and threshold.operation is not None:
        return "connect is measured for the whole scenario, not for one operation"
    if threshold.sliding_ns is not None and threshold.metric in ("connect", "connect failures", "connection drops"):
        return "connections are judged over the whole run: take the for away"
    if threshold.sliding_ns is not None and threshold.metric in ("deadlocks", "target lock wait"):
        return f"{threshold.metric} is judged over the whole run: take the for away"
    return None


READER = DriverReader(
    _operation,
    settings=_settings,
    objection=_objection,
    addresses=lambda _: {"database": "connects to it"},
    gauges=frozenset({"target pool", "target lock wait"}),
)
