"""The shape of what is asked over WebSockets."""

from typing import Annotated, Any, get_args

from pydantic import Field

from loadtests.plan.protocol.websocket import Expect
from loadtests.plan.shapes.base import CheckShape, Later, OperationShape, Shape
from loadtests.plan.values import (
    Capacity,
    Duration,
    Mapping,
    Name,
    Pause,
    Text,
    TextMapping,
    Texts,
    Truth,
    list_of,
    or_word,
    word,
)

__all__ = ["MatchShape", "MessageShape", "PushesShape", "UntilShape", "WebsocketSettingsShape", "WebsocketShape"]


class MessageShape(Shape):
    """What is sent: one of json, text and binary."""

    json_: Any = Field(None, alias="json", description="a JSON document")
    text: Text | None = None
    binary: Name | None = Field(None, description="bytes in base64")


class UntilShape(Shape):
    """What the last event of a series says."""

    json_: Mapping = Field(alias="json", description="dotted path to the value it must equal")


class WebsocketShape(OperationShape):
    """A WebSocket operation: a message, and what must come back."""

    send: Annotated[Any, Later(MessageShape)]
    expect: Annotated[str, *word(*get_args(Expect))] = "reply"
    until: Annotated[Any, Later(UntilShape)] = None
    check: Annotated[Any, Later(CheckShape)] = None


class MatchShape(Shape):
    """Where a reply names the message it answers: one of json and regex."""

    json_: Name | None = Field(None, alias="json", description="dotted path")
    regex: Name | None = None


class PushesShape(Shape):
    """Where the server's own messages carry their running number and the time they were sent at."""

    number: Name | None = None
    sent: Name | None = None


class WebsocketSettingsShape(Shape):
    """How the connections of a scenario are made and kept."""

    path: Text = Field("", description="what follows the target's address: /path or ?query")
    headers: TextMapping | None = None
    bearer: Name | None = None
    subprotocols: Texts = ()
    compression: Truth = False
    on_open: Annotated[Any, Later(MessageShape, wrap=list_of)] = None
    match: Annotated[Any, Later(MatchShape, wrap=or_word("order"))] = None
    pushes: Annotated[Any, Later(PushesShape)] = None
    ping: Duration | None = Field(None, description="time from one ping to the next; none are sent without it")
    ping_timeout: Duration = 10 * 10**9
    reconnect: Pause | None = Field(None, description="time to wait before a lost connection is made anew, or false")
    max_message: Capacity = 1_000_000
