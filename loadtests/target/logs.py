"""The target's structured log: one JSON object a line, the fields the guide names, none sampled away.

    timestamp   ISO 8601, UTC, milliseconds, Z          user_id, thread_id   text or null
    level       DEBUG INFO WARNING ERROR                message              a sentence
    service     netra-backend                           duration_ms          number or null
    component   who speaks, e.g. agent_service          metadata             object; `category` is one of the five
    trace_id    32 lower hex digits (W3C)

Lines gather in memory and go out 64 KiB at a time, four times a second, and at once after an error: about 10 µs a line.
When the log is off, faults of the target itself still reach stderr. A log that cannot be written (full disk) is
given up with one line on stderr; the target keeps serving.
"""

import logging
import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import BinaryIO

import orjson

from loadtests.errors import UsageError

__all__ = ["SERVICE", "Category", "Log", "ServerErrors", "open_log", "trace_id_of"]

SERVICE = "netra-backend"
_FLUSH_BYTES = 65_536
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_NO_TRACE = "0" * 32


class Category(Enum):
    """The guide's five kinds of events."""

    BUSINESS = "business"
    SYSTEM = "system"
    SECURITY = "security"
    PERFORMANCE = "performance"
    ERROR = "error"


def trace_id_of(traceparent: str | None) -> str:
    """The trace a W3C `traceparent` header names; a new one when it is missing or malformed, as the standard asks."""
    found = None if traceparent is None else _TRACEPARENT.fullmatch(traceparent)
    if found is None or found[1] == _NO_TRACE:
        return secrets.token_hex(16)
    return found[1]


class Log:
    """Writes events to `sink`, an unbuffered binary file; None is off."""

    def __init__(self, sink: BinaryIO | None, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._sink = sink
        self._now = now
        self._lines: list[bytes] = []
        self._size = 0

    @property
    def on(self) -> bool:
        """Whether events are kept; callers on the hot path need not build what nobody reads."""
        return self._sink is not None

    def event(
        self,
        category: Category,
        message: str,
        *,
        component: str,
        level: str = "INFO",
        trace_id: str | None = None,
        user_id: str | None = None,
        thread_id: str | None = None,
        duration_ms: float | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Write one event; without a trace of its own it starts one."""
        if self._sink is None and not (category is Category.ERROR and component == "server"):
            return
        line = {
            "timestamp": f"{self._now().isoformat(timespec='milliseconds')[:23]}Z",
            "level": level,
            "service": SERVICE,
            "component": component,
            "trace_id": trace_id or secrets.token_hex(16),
            "user_id": user_id,
            "thread_id": thread_id,
            "message": message,
            "duration_ms": duration_ms,
            "metadata": {"category": category.value, **(metadata or {})},
        }
        self._write(orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE))
        if level == "ERROR" or self._size >= _FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand what has gathered to the operating system."""
        lines, self._lines, self._size = self._lines, [], 0
        if not lines:
            return
        try:
            _write_whole(self._sink or sys.stderr.buffer, b"".join(lines))
        except OSError as error:
            self._sink = None
            print(f"loadtests target: the log cannot be written and is off now: {error}", file=sys.stderr)

    def close(self) -> None:
        """Flush, and let go of the file; the log is off afterwards."""
        self.flush()
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()

    def _write(self, line: bytes) -> None:
        self._lines.append(line)
        self._size += len(line)


def open_log(where: str) -> Log:
    """The log for `off`, `-` (stdout) or a file to append to; raises `UsageError` when it cannot be opened."""
    if where == "off":
        return Log(None)
    try:
        return Log(os.fdopen(os.dup(1), "wb", buffering=0) if where == "-" else Path(where).open("ab", buffering=0))
    except OSError as error:
        raise UsageError(f"cannot write the log to {where}: {error.strerror}; give --log a writable file") from error


def _write_whole(sink: BinaryIO, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        rest = rest[sink.write(rest) :]


class ServerErrors(logging.Handler):
    """Turns what the HTTP server reports through `logging` into events, exceptions with their traceback."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """One event per record: an error of the target's own, or a warning about what a client sent."""
        fault = record.levelno >= logging.ERROR
        traceback = (
            {} if record.exc_info is None else {"traceback": logging.Formatter().formatException(record.exc_info)}
        )
        self._log.event(
            Category.ERROR if fault else Category.SECURITY,
            record.getMessage().strip(),
            component="server",
            level="ERROR" if fault else "WARNING",
            metadata=traceback,
        )
