"""The shape of what is asked of PostgreSQL."""

from typing import Annotated, Any, get_args

from pydantic import Field

from loadtests.plan.pgbench.builtin import BUILTIN
from loadtests.plan.protocol.database import Isolation
from loadtests.plan.shapes.base import Later, OperationShape, Shape
from loadtests.plan.values import (
    Count,
    Duration,
    Mapping,
    Name,
    Pause,
    Rows,
    Seed,
    Text,
    TextMapping,
    Texts,
    list_of,
    word,
)

__all__ = ["CopyShape", "DatabaseSettingsShape", "DatabaseShape", "RowCheckShape", "StatementShape"]


class RowCheckShape(Shape):
    """What makes a result good."""

    rows: Rows | None = Field(None, description="rows returned or changed: 1, 1..10 or >= 1")
    values: Mapping | None = Field(None, description="column to the value it must have in every row")


class CopyShape(Shape):
    """What a COPY … FROM STDIN is given."""

    row: Text = Field(description="one row in COPY's text format; {{row}} is its number")
    rows: Count = 1


class StatementShape(Shape):
    """One SQL statement."""

    sql: Name | None = Field(None, description="a statement; {{name}} in it is a parameter")
    parameters: Texts | None = Field(None, description="what fills $1, $2, … instead of {{name}} in the statement")
    copy_: Annotated[Any, Later(CopyShape)] = Field(None, alias="copy")
    check: Annotated[Any, Later(RowCheckShape)] = None


def _text_or(schema: Any) -> dict[str, Any]:
    return list_of({"anyOf": [{"type": "string"}, schema]})


class DatabaseShape(OperationShape, StatementShape):
    """A database operation: one of sql, transaction, pgbench and script."""

    transaction: Annotated[Any, Later(StatementShape, wrap=_text_or)] = None
    isolation: Annotated[str, *word(*get_args(Isolation))] | None = None
    retries: Seed = Field(0, description="how often it is begun anew after a serialization failure or a deadlock")
    pgbench: Annotated[str, *word(*BUILTIN)] | None = Field(None, description="a script that is built into pgbench")
    script: Name | None = Field(None, description="a pgbench script beside the plan")


class DatabaseSettingsShape(Shape):
    """The pool of connections of a scenario."""

    pool: Count | None = Field(None, description="connections of all processes together; 20, or one per user")
    statement_timeout: Duration | None = Field(None, description="the server's own time limit")
    settings: TextMapping | None = Field(None, description="settings of each session, such as search_path")
    reconnect: Pause = Field(100_000_000, description="time to wait before a lost connection is made anew, or false")
