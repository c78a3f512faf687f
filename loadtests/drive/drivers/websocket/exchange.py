"""Messages in flight and what answers them: by order, or by the number that comes back."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from loadtests.drive.drivers.failure import Failure
from loadtests.drive.drivers.http.check import Judge, PathMissing, at_path
from loadtests.drive.drivers.websocket.frames import BINARY, TEXT
from loadtests.plan.protocol.websocket import Match, Message
from loadtests.plan.template import Template, json_text

if TYPE_CHECKING:
    from loadtests.drive.drivers.websocket.connection import Connection
    from loadtests.drive.drivers.websocket.operation import SendOperation

__all__ = ["NUMBER", "Outgoing", "Sent", "key_reader", "last_event", "payload_fault"]

NUMBER = "message"
"""The variable that is a message's own number: the index of its execution."""

_NO_DOCUMENT = object()


class Sent:
    """One message in flight. `order` is its place among those sent on its connection.

    `copies` are the connections that a broadcast has not reached yet, `wrong` the first of its copies to fail its
    check; `seen` whether a first event has come; `lost` whether it was given up.
    """

    __slots__ = (
        "connection",
        "copies",
        "index",
        "intended_ns",
        "key",
        "lost",
        "operation",
        "order",
        "seen",
        "sent_ns",
        "user",
        "wrong",
    )

    def __init__(self, operation: "SendOperation", connection: "Connection", index: int, user: int) -> None:
        self.operation, self.connection, self.index, self.user = operation, connection, index, user
        self.intended_ns = self.sent_ns = self.order = 0
        self.seen = self.lost = False
        self.key: object = index
        self.copies: set[Connection] | None = None
        self.wrong: tuple[Failure, bytes] | None = None


class Outgoing:
    """A plan's message, compiled."""

    def __init__(self, message: Message) -> None:
        self.opcode = BINARY if message.kind == "binary" else TEXT
        self._bytes: bytes | None = None
        self._escape: Callable[[str], str] | None = None
        self._template = Template.of("")
        if message.kind == "binary":
            self._bytes = bytes(message.value)
        elif message.kind == "json":
            self._template, self._escape = Template.of(orjson.dumps(message.value).decode()), json_text
        else:
            self._template = Template.of(str(message.value))
        self.names = [name for name in dict.fromkeys(self._template.names) if name != NUMBER]
        literals = self._template.literals
        self._around = (literals[0].encode(), literals[1].encode()) if self._template.names == (NUMBER,) else None
        if not self._template.names and self._bytes is None:
            self._bytes = self._template.render_bytes({})

    def payload(self, index: int, values: Mapping[str, str]) -> bytes:
        """The payload of message `index`."""
        if self._around is not None:  # the common case: its number, once
            return b"%b%d%b" % (self._around[0], index, self._around[1])
        if self._bytes is not None:
            return self._bytes
        if not self.names:  # digits need no escape
            return self._template.render_bytes({NUMBER: str(index)})
        return self._template.render_bytes({**values, NUMBER: str(index)}, escape=self._escape)


def key_reader(match: Match) -> Callable[[bytes], str | None] | None:
    """How a payload names the message that it answers; `None` where order alone tells."""
    if match.source == "json":
        return _json_key(match.expression)
    if match.source == "regex":
        find = re.compile(match.expression.encode()).search

        def by_regex(payload: bytes) -> str | None:
            found = find(payload)
            return None if found is None else found[found.re.groups and 1].decode("utf-8", "replace")

        return by_regex
    return None


def _json_key(path: str) -> Callable[[bytes], str | None]:
    loads = orjson.loads
    if re.fullmatch(r"[^.\[\]$\d][^.\[\]$]*", path):

        def at_top(payload: bytes) -> str | None:
            try:
                found = loads(payload)[path]
            except (ValueError, KeyError, TypeError, IndexError):
                return None
            return found if found is None or isinstance(found, str) else str(found)

        return at_top

    def deeper(payload: bytes) -> str | None:
        try:
            found = at_path(loads(payload), path)
        except (ValueError, PathMissing):
            return None
        return None if found is None else str(found)

    return deeper


def last_event(until: Mapping[str, Any]) -> Callable[[bytes], bool]:
    """Whether a payload is the last of a series: JSON with these values at these paths."""

    def is_last(payload: bytes) -> bool:
        document = _document(payload)
        if document is _NO_DOCUMENT:
            return False
        try:
            return all(at_path(document, path) == value for path, value in until.items())
        except PathMissing:
            return False

    return is_last


def payload_fault(judge: Judge, payload: bytes, values: Mapping[str, str]) -> Failure | None:
    """What a check finds wrong with a message."""
    if judge.max_bytes is not None and len(payload) > judge.max_bytes:
        return Failure("check", f"the message is larger than {judge.max_bytes} bytes")
    return judge.body_fault(payload, values)


def _document(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except ValueError:
        return _NO_DOCUMENT
