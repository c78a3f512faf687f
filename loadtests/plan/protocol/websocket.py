"""What a plan asks over WebSockets: connections that are held, and messages with their replies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from loadtests.plan.protocol.http import Check

__all__ = ["Expect", "Match", "Message", "Sequenced", "WebsocketOperation", "WebsocketSettings"]

Expect = Literal["reply", "events", "broadcast", "nothing"]
"""What a message is answered with: one reply; events until one that says it is the last; a copy on every connection
that listens; nothing at all (sent is done)."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a template; strings in it may hold `{{name}}`, among them `{{message}}`, its own unique number.

    `value` is a JSON document, a text, or for `binary` the bytes (a template-free constant).
    """

    kind: Literal["json", "text", "binary"]
    value: Any


@dataclass(frozen=True, slots=True)
class Match:
    """How a reply is told from the others of its connection: by order, or by `{{message}}` coming back in it.

    `json`: at this dotted path; `regex`: in group 1 of the first match, or all of it without a group (over the bytes,
    so for binary messages as well).
    Only the latter two can tell a lost message from a late one, and see duplicates and changes of order.
    """

    source: Literal["order", "json", "regex"] = "order"
    expression: str = ""


@dataclass(frozen=True, slots=True)
class WebsocketOperation:
    """One message and what must come back. `until` (dotted path to value) marks the last of `events`.

    Broadcasts are matched like replies; `check` holds for the reply, the last event, or each copy.
    """

    name: str
    send: Message
    weight: float = 1.0
    expect: Expect = "reply"
    until: Mapping[str, Any] = field(default_factory=dict)
    check: Check = Check()
    timeout_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Sequenced:
    """Dotted paths in what the server pushes unasked: its running `number` per connection, its `sent` time (Unix s)."""

    number: str | None = None
    sent: str | None = None


@dataclass(frozen=True, slots=True)
class WebsocketSettings:
    """How the connections of a scenario are made and kept.

    `path` follows the target's address; header values, `bearer` and the messages sent `on_open` may hold `{{name}}`
    (fed by the connection's number). Without `ping_ns` no pings are sent. A connection lost before its time is made
    anew after `reconnect_ns`, or not at all.
    """

    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    bearer: str | None = None
    subprotocols: tuple[str, ...] = ()
    compression: bool = False
    on_open: tuple[Message, ...] = ()
    match: Match = Match()
    pushes: Sequenced = Sequenced()
    ping_ns: int | None = None
    ping_timeout_ns: int = 10 * 10**9
    reconnect_ns: int | None = None
    max_message_bytes: int = 1_000_000
