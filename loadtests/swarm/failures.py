"""Why a request of a locustfile failed, by the suite's failure kinds.

Locust gives an exception, or whatever a user class fires as one; what it means is read from its type, the ones it came
from, and the response beside it.
"""

import re
from collections.abc import Iterator
from ssl import SSLError
from typing import Any

from gevent import Timeout
from geventhttpclient.response import HTTPConnectionClosed
from locust.exception import CatchResponseError, ResponseError
from requests import exceptions as http

from loadtests.errors import HostNotAllowed

__all__ = ["failure_kind"]

_LONGEST = 40

_KINDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((HostNotAllowed,), "not_allowed"),
    ((CatchResponseError, ResponseError, AssertionError), "check"),
    ((Timeout, TimeoutError, http.Timeout), "timeout"),
    ((ConnectionResetError, BrokenPipeError, HTTPConnectionClosed), "reset"),
    ((ConnectionRefusedError, SSLError, http.SSLError), "connect"),
)
"""The first that any of the exceptions is, or came from, decides."""

_WORDS = (
    (re.compile(r"timed? ?out", re.IGNORECASE), "timeout"),
    (re.compile(r"reset by peer|closed connection|connection aborted|broken pipe", re.IGNORECASE), "reset"),
)


def failure_kind(exception: object, response: object = None) -> str:
    """`timeout`, `connect`, `reset`, `status_5xx`, `check`, …; of an unknown exception, its name in small letters."""
    chain = list(_chain(exception))
    for types, kind in _KINDS[:2]:
        if any(isinstance(one, types) for one in chain):
            return kind
    status = _status(exception, response)
    if status >= 400:
        return f"status_{status // 100}xx"
    if not isinstance(exception, BaseException):
        return "check"
    for types, kind in _KINDS[2:]:
        if any(isinstance(one, types) for one in chain):
            return kind
    for pattern, kind in _WORDS:
        if pattern.search(str(exception)):
            return kind
    if any(isinstance(one, OSError) for one in chain):
        return "connect"
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(exception).__name__).lower()[:_LONGEST]


def _chain(exception: object) -> Iterator[BaseException]:
    """The exception and all it came from, also those that libraries keep in `args` and `reason`."""
    seen: set[int] = set()
    waiting: list[Any] = [exception]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _status(exception: object, response: object) -> int:
    for place in (getattr(exception, "response", None), response):
        status = getattr(place, "status_code", None)
        if isinstance(status, int):
            return status
    return 0
