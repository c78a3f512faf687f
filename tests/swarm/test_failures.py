"""What Locust calls an exception becomes one of the suite's failure kinds."""

from types import SimpleNamespace

import pytest
import requests
import urllib3
from geventhttpclient.useragent import ConnectionError as FastConnectionError
from locust.contrib.fasthttp import LocustBadStatusCode
from locust.exception import CatchResponseError

from loadtests.swarm.failures import failure_kind


class RpcError(Exception):
    """Of some other library."""


def of_requests(error: Exception) -> requests.ConnectionError:
    """As `requests` wraps what urllib3 has wrapped."""
    return requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", error))


@pytest.mark.parametrize(
    ("exception", "status", "kind"),
    [
        (requests.HTTPError("503 Server Error"), 503, "status_5xx"),
        (LocustBadStatusCode("http://a/", code=404), 404, "status_4xx"),
        (CatchResponseError("wrong body"), 200, "check"),
        (CatchResponseError("wrong status"), 500, "check"),
        (AssertionError("no savings"), 200, "check"),
        ("a text that a user class fired", 0, "check"),
        (requests.ReadTimeout("read timed out"), 0, "timeout"),
        (FastConnectionError("http://a/", error=TimeoutError("timed out")), 0, "timeout"),
        (TimeoutError("timed out"), 0, "timeout"),
        (of_requests(ConnectionResetError(104, "Connection reset by peer")), 0, "reset"),
        (ConnectionRefusedError(111, "Connection refused"), 0, "connect"),
        (OSError(113, "No route to host"), 0, "connect"),
        (RpcError("unavailable"), 0, "rpc_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_exception_has_a_kind(exception: object, status: int, kind: str) -> None:
    """By its type, by what it came from, by the response beside it, by its words, in this order."""
    assert failure_kind(exception, SimpleNamespace(status_code=status)) == kind
