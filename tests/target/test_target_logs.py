"""Every line of the log has the guide's fields, in their form, in one of five categories."""

import io
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import jsonschema
import pytest

from loadtests.errors import UsageError
from loadtests.target.backend import new_backend
from loadtests.target.faults import parse_faults
from loadtests.target.logs import Category, Log, ServerErrors, open_log, trace_id_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        *("timestamp", "level", "service", "component", "trace_id"),
        *("user_id", "thread_id", "message", "duration_ms", "metadata"),
    ],
    "properties": {
        "timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"},
        "level": {"enum": ["DEBUG", "INFO", "WARNING", "ERROR"]},
        "service": {"const": "netra-backend"},
        "component": {"type": "string", "minLength": 1},
        "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "user_id": {"type": ["string", "null"]},
        "thread_id": {"type": ["string", "null"]},
        "message": {"type": "string", "minLength": 1},
        "duration_ms": {"type": ["number", "null"], "minimum": 0},
        "metadata": {
            "type": "object",
            "required": ["category"],
            "properties": {"category": {"enum": ["business", "system", "security", "performance", "error"]}},
        },
    },
}


class Kept(io.BytesIO):
    """A log file that can be read after it was closed."""

    text = b""

    def close(self) -> None:
        self.text = self.getvalue()
        super().close()


def lines(sink: Kept) -> list[dict[str, object]]:
    return [json.loads(line) for line in sink.text.splitlines()]


Logged = Callable[..., list[dict[str, object]]]


@pytest.fixture
def logged(ask_of: Callable[..., Callable[..., object]]) -> Logged:
    """The log of a target with that dial that was asked these requests."""

    def logged(dialled: dict[str, object], *requests: tuple[str, str, dict[str, object]]) -> list[dict[str, object]]:
        sink = Kept()
        log = Log(sink)
        ask = ask_of(new_backend(parse_faults(dialled), log=log))
        for method, path, rest in requests:
            ask(method, path, **rest)
        log.close()
        return lines(sink)

    return logged


def test_every_category_is_written_in_the_guides_form(logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    """One request for each of the five kinds of events; each line fits the schema."""
    monkeypatch.setattr("loadtests.target.app._SLOW_SECONDS", 0.05)
    execution = {"json": {"query": "cost", "user_id": 42, "thread_id": "thread_42_1"}}
    events = logged(
        {"law": "60ms", "only": "/health"},
        ("POST", "/api/agent/execute", execution),
        ("GET", "/health", {}),
        ("DELETE", "/api/admin/faults", {}),
        ("GET", "/api/threads", {}),
        ("POST", "/api/agent/execute", {"json": {}}),
    )
    for event in events:
        jsonschema.validate(event, SCHEMA)
    categories = [event["metadata"]["category"] for event in events]
    assert categories == ["business", "performance", "system", "security", "error"]


def test_business_event_tells_whose_savings_and_in_which_trace(logged: Logged) -> None:
    """The fields of the guide's example."""
    body = {"query": "cost", "user_id": 42, "thread_id": "thread_42_1"}
    (event,) = logged({}, ("POST", "/api/agent/execute", {"json": body, "headers": {"traceparent": PARENT}}))
    assert (event["trace_id"], event["user_id"], event["thread_id"]) == (TRACE, "user_42", "thread_42_1")
    assert (event["component"], event["level"]) == ("agent_service", "INFO")
    assert event["metadata"]["agent_name"] == "TriageSubAgent"
    assert event["metadata"]["optimization_type"] == "cost_reduction"
    assert event["metadata"]["savings_amount"] == 8.52


def test_failed_request_is_an_error_with_its_route_and_reason(logged: Logged) -> None:
    """A dialled 503 is logged as the failure it is."""
    (event,) = logged({"errors": "100% 503"}, ("GET", "/api/threads/thread_1_1", {"headers": {"traceparent": PARENT}}))
    assert (event["level"], event["trace_id"]) == ("ERROR", TRACE)
    assert event["metadata"] == {
        "category": "error",
        "method": "GET",
        "endpoint": "/api/threads/{id}",
        "status": 503,
        "reason": "the fault dial failed this request",
    }


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param(TRACE, id="no fields"),
        pytest.param(f"00-{TRACE.upper()}-00f067aa0ba902b7-01", id="upper case"),
        pytest.param(f"00-{'0' * 32}-00f067aa0ba902b7-01", id="a trace of zeros"),
        pytest.param(f"00-{TRACE}-{'0' * 16}-01", id="a parent of zeros"),
        pytest.param(f"ff-{TRACE}-00f067aa0ba902b7-01", id="the forbidden version"),
        pytest.param(f"00-{TRACE}-00f067aa0ba902b7", id="no flags"),
    ],
)
def test_malformed_traceparent_starts_a_new_trace(header: str | None) -> None:
    """As the W3C standard asks: a new id of the right form, another each time."""
    first, second = trace_id_of(header), trace_id_of(header)
    assert first != second
    assert TRACE not in (first, second)
    assert all(len(trace) == 32 and set(trace) <= set("0123456789abcdef") for trace in (first, second))


@pytest.mark.parametrize(
    "header", [PARENT, f"01-{TRACE}-00f067aa0ba902b7-01-later"], ids=["today's", "a later version's"]
)
def test_traceparent_is_continued(header: str) -> None:
    """The caller's trace id is ours."""
    assert trace_id_of(header) == TRACE


def test_timestamp_is_utc_to_the_millisecond() -> None:
    """Cut, not rounded, with a Z."""
    sink = Kept()
    log = Log(sink, now=lambda: datetime(2024, 1, 20, 15, 30, 45, 123_999, tzinfo=UTC))
    log.event(Category.SYSTEM, "x", component="y")
    log.close()
    assert lines(sink)[0]["timestamp"] == "2024-01-20T15:30:45.123Z"


def test_lines_gather_and_errors_go_out_at_once() -> None:
    """Ordinary events wait for company; an error takes them along."""
    sink = Kept()
    log = Log(sink)
    log.event(Category.SYSTEM, "first", component="test")
    assert sink.getvalue() == b""
    log.event(Category.ERROR, "second", component="test", level="ERROR")
    assert sink.getvalue().count(b"\n") == 2


def test_log_that_is_off_says_nothing_but_what_broke(capfd: pytest.CaptureFixture[str]) -> None:
    """Events of clients are dropped; an exception inside the target still reaches stderr, with its traceback."""
    log = Log(None)
    assert not log.on
    log.event(Category.ERROR, "validation failed", component="http", level="WARNING")
    logger = logging.Logger("server")
    logger.addHandler(ServerErrors(log))
    logger.warning("a client sent nonsense")
    try:
        raise ZeroDivisionError("a bug")
    except ZeroDivisionError:
        logger.exception("it broke")
    (line,) = capfd.readouterr().err.splitlines()
    event = json.loads(line)
    jsonschema.validate(event, SCHEMA)
    assert event["message"] == "it broke"
    assert "ZeroDivisionError: a bug" in event["metadata"]["traceback"]


class FullDisk(io.RawIOBase):
    """A file on a disk without space."""

    def write(self, _text: object) -> int:
        raise OSError(28, "No space left on device")


def test_full_disk_ends_the_log_not_the_target(
    ask_of: Callable[..., Callable[..., httpx.Response]], capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on stderr, then silence; requests are answered on."""
    log = Log(FullDisk())
    ask = ask_of(new_backend(parse_faults({"errors": "100%"}), log=log))
    assert [ask("GET", "/health").status_code for _ in range(3)] == [500] * 3
    assert capsys.readouterr().err.count("No space left on device") == 1
    assert not log.on


def test_log_that_cannot_be_opened_is_a_usage_error(tmp_path: object) -> None:
    """A directory that is not there: said before anything is served."""
    with pytest.raises(UsageError, match=r"cannot write the log to .*: No such file or directory; give --log"):
        open_log(f"{tmp_path}/missing/log")
