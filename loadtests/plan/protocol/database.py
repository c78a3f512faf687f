"""What a plan asks of PostgreSQL: statements, transactions, copies, pgbench scripts, and what makes an answer good."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from loadtests.plan.pgbench.script import Script
from loadtests.plan.sql import Sql

__all__ = ["CopyRows", "DatabaseOperation", "DatabaseSettings", "Isolation", "RowCheck", "Statement"]

_POOL = 20

Isolation = Literal["read committed", "repeatable read", "serializable"]


@dataclass(frozen=True, slots=True)
class RowCheck:
    """What makes a result good. `rows` is (fewest, most), of rows returned or changed; no most is `None`.

    `values` maps a column to the value that it must have in every row, of which there must be one at least; texts may
    hold `{{name}}`.
    """

    rows: tuple[int, int | None] | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CopyRows:
    """What a COPY … FROM STDIN is given: `count` rows of one template, in which `{{row}}` is the row's own number."""

    row: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement, with the rows that go with it when it is a COPY … FROM STDIN."""

    sql: Sql
    check: RowCheck = RowCheck()
    copy: CopyRows | None = None


@dataclass(frozen=True, slots=True)
class DatabaseOperation:
    """Statements or a script. Several statements, or any with an `isolation`, are one transaction.

    After a serialization failure or a deadlock it is begun anew, at most `retries` times.
    """

    name: str
    weight: float = 1.0
    statements: tuple[Statement, ...] = ()
    isolation: Isolation | None = None
    script: Script | None = None
    retries: int = 0
    timeout_ns: int | None = None

    @property
    def is_transaction(self) -> bool:
        """Whether the statements stand between a BEGIN and a COMMIT."""
        return len(self.statements) > 1 or self.isolation is not None


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """The pool of connections that all operations of a scenario share.

    Without `pool` there are as many as the closed load has users, or 20. `settings` are set on each session. A lost
    connection is made anew after `reconnect_ns`, and again until it succeeds; `None`: never.
    """

    pool: int | None = None
    statement_timeout_ns: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    reconnect_ns: int | None = 100_000_000

    def connections(self, users: int | None) -> int:
        """How many there are, for a closed load of so many users or an open one."""
        return self.pool or users or _POOL
