"""What is asked of an agent, read from a request's document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from loadtests.target.call import Refused
from loadtests.target.users import parse_user

__all__ = ["Complexity", "Question", "read_question"]

Complexity = Literal["simple", "complex"]

_QUERY_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Question:
    """A query of one user; `written` is the user_id as sent, `complexity` None when it was left open."""

    query: str
    user: int
    written: object
    thread_id: str | None = None
    complexity: Complexity | None = None
    stream: bool = False


def read_question(asked: Mapping[str, Any], *, stream: bool = False) -> Question:
    """{query, user_id, thread_id?, complexity?, stream?}; raises `Refused` (422) for what cannot be executed."""
    query, user = _query(asked.get("query")), _user(asked.get("user_id"))
    thread_id, complexity = _thread_id(asked.get("thread_id")), _complexity(asked.get("complexity"))
    streamed = asked.get("stream", False)
    if not isinstance(streamed, bool):
        raise Refused(422, "stream: expected true or false")
    return Question(query, user, asked["user_id"], thread_id, complexity, stream or streamed)


def _query(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _QUERY_LIMIT:
        raise Refused(422, f"query: expected text of 1 to {_QUERY_LIMIT:,} characters")
    return value


def _user(value: object) -> int:
    try:
        return parse_user(value)
    except ValueError as mistake:
        raise Refused(422, f"user_id: {mistake}") from mistake


def _thread_id(value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and 0 < len(value) <= 100):
        raise Refused(422, "thread_id: expected text of 1 to 100 characters")
    return value


def _complexity(value: object) -> Complexity | None:
    if value is None or value == "simple" or value == "complex":
        return value
    raise Refused(422, "complexity: expected simple or complex")
