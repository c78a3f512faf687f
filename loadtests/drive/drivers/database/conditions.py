"""PostgreSQL's errors as failure kinds: each SQLSTATE by its condition name, and the sentence that goes with it."""

import re
from collections.abc import Mapping
from functools import cache

import asyncpg

from loadtests.drive.drivers.database.messages import fields
from loadtests.drive.drivers.failure import Failure

__all__ = ["RETRIABLE", "condition", "error_failure", "is_fatal", "refusal"]

RETRIABLE = frozenset({"40001", "40P01"})
"""What a client should answer by beginning anew: serialization failures and deadlocks."""

_NAMES = {
    "40001": "serialization_failure",
    "42601": "syntax_error",
    "28P01": "invalid_password",
    "3D000": "undefined_database",
}
"""Where asyncpg's class is not called what PostgreSQL's appendix A calls the condition."""

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def condition(sqlstate: str) -> str:
    """The condition's name, such as `deadlock_detected`; an unknown one is `sqlstate_` and its code."""
    return _conditions().get(sqlstate, f"sqlstate_{sqlstate.lower()}")


def error_failure(body: bytes) -> Failure:
    """The failure that an ErrorResponse means."""
    found = fields(body)
    return Failure(condition(found.get("C", "")), _sentence(found))


def refusal(error: asyncpg.PostgresError) -> Failure:
    """The failure that an error of connecting means."""
    sqlstate = error.sqlstate or ""
    return Failure(condition(sqlstate), f"{error} ({sqlstate})")


def is_fatal(body: bytes) -> bool:
    """Whether the session ends with this error."""
    return fields(body).get("V") in ("FATAL", "PANIC")


def _sentence(found: Mapping[str, str]) -> str:
    """`message (SQLSTATE): detail`."""
    text = f"{found.get('M', 'an error without a message')} ({found.get('C', '?')})"
    return f"{text}: {found['D']}" if "D" in found else text


@cache
def _conditions() -> dict[str, str]:
    """Names made from asyncpg's classes, which are made from PostgreSQL's own list of errors."""
    found: dict[str, str] = {}
    for name, kind in vars(asyncpg.exceptions).items():
        sqlstate = getattr(kind, "sqlstate", None)
        if isinstance(sqlstate, str):
            found.setdefault(sqlstate, "_".join(_WORDS.split(name.removesuffix("Error"))).lower())
    return found | _NAMES
