"""The shape of a plan file, one pydantic model per mapping: what keys there are and how their values are written.

What depends on other parts of the file (forms of load, names, feeders) is read later. The published JSON Schema is
made from these models.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from loadtests.plan.model import Arrivals
from loadtests.plan.protocol.websocket import Expect
from loadtests.plan.values import (
    Count,
    Duration,
    Mapping,
    Name,
    Numbers,
    Pair,
    Pause,
    Process,
    Rate,
    Redirects,
    Seed,
    Size,
    Statuses,
    Text,
    TextMapping,
    Texts,
    Think,
    Truth,
    Version,
    Wait,
    Weight,
    list_of,
    map_of,
    or_word,
    word,
)

__all__ = [
    "AuthShape",
    "CheckShape",
    "ExtractShape",
    "FeederShape",
    "HttpSettingsShape",
    "HttpShape",
    "LoadShape",
    "MatchShape",
    "MessageShape",
    "NullShape",
    "OperationShape",
    "PlanShape",
    "PushesShape",
    "RequestShape",
    "ScenarioShape",
    "StageShape",
    "StepShape",
    "SuiteShape",
    "TargetShape",
    "TlsShape",
    "UntilShape",
]


class _Later:
    """A part read on its own later, by its own model: here anything goes, in the schema its shape stands."""

    def __init__(self, *models: type[BaseModel], wrap: Callable[[Any], dict[str, Any]] | None = None) -> None:
        self._models, self._wrap = models, wrap or (lambda schema: dict(schema))

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        return core_schema.any_schema()

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = [handler(model.__pydantic_core_schema__) for model in self._models]
        return self._wrap(found[0] if len(found) == 1 else {"anyOf": found})


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TlsShape(_Shape):
    """How the target's certificate is verified, and the client certificate shown to it."""

    ca: Name | None = None
    cert: Name | None = None
    key: Name | None = None
    verify: Truth = True


class TargetShape(_Shape):
    """Where load goes, and where the target's own figures come from."""

    http: Name | None = Field(None, description="base URL of the HTTP API")
    websocket: Name | None = Field(None, description="ws:// or wss:// URL")
    database: Name | None = Field(None, description="PostgreSQL DSN")
    metrics: Name | None = Field(None, description="URL of the target's Prometheus exposition")
    process: Process | None = Field(
        None, description="a local process to sample: its id, or a word of its command line"
    )
    allow: Texts = Field((), description="hosts besides loopback that load may be sent to")
    instances: Count = Field(1, description="instances behind the address; throughput and CPU are per instance")
    tls: Annotated[Any, _Later(TlsShape)] = None


class AuthShape(_Shape):
    """Who asks: one of basic and bearer."""

    basic: Pair | None = None
    bearer: Name | None = None


class CheckShape(_Shape):
    """What makes an answer good; without status, any below 400."""

    status: Statuses | None = None
    json_: Mapping | None = Field(None, alias="json", description="dotted path to the value it must equal")
    contains: Texts = ()
    headers: TextMapping | None = None
    max_bytes: Size | None = None


class ExtractShape(_Shape):
    """Where a value for later steps comes from: one of json, header and regex."""

    json_: Name | None = Field(None, alias="json", description="dotted path, such as data.0.id")
    header: Name | None = None
    regex: Name | None = None


class RequestShape(_Shape):
    """The parts of a request that operations and steps have in common."""

    request: Name | None = Field(None, description="METHOD /path, or METHOD and an absolute URL")
    headers: TextMapping | None = None
    json_: Any = Field(None, alias="json", description="a JSON body")
    form: TextMapping | None = Field(None, description="a form body")
    raw: Text | None = Field(None, description="a body as it stands")
    file: Name | None = Field(None, description="a body from a file beside the plan")
    auth: Annotated[Any, _Later(AuthShape)] = None
    check: Annotated[Any, _Later(CheckShape)] = None
    redirects: Redirects | None = Field(None, description="how many redirects are followed; 0 unless given")
    timeout: Duration | None = None


class StepShape(RequestShape):
    """One request of a journey."""

    name: Name
    extract: Annotated[Any, _Later(ExtractShape, wrap=map_of)] = None
    think: Think | None = None


class OperationShape(_Shape):
    """What every operation has, whatever its driver."""

    name: Name
    weight: Weight = 1.0
    timeout: Duration | None = None


class HttpShape(RequestShape):
    """An HTTP operation: a request, or steps, or a journey written in Python."""

    name: Name
    weight: Weight = 1.0
    steps: Annotated[Any, _Later(StepShape, wrap=list_of)] = None
    journey: Name | None = Field(None, description="module:function, an async function given a user")


class NullShape(OperationShape):
    """An operation of the null driver: answers by a law, sends nothing."""

    law: Name = Field(description="a latency law, such as 5ms 98%, 100ms 2%")
    fail_every: Count | None = None


class MessageShape(_Shape):
    """What is sent: one of json, text and binary."""

    json_: Any = Field(None, alias="json", description="a JSON document")
    text: Text | None = None
    binary: Name | None = Field(None, description="bytes in base64")


class UntilShape(_Shape):
    """What the last event of a series says."""

    json_: Mapping = Field(alias="json", description="dotted path to the value it must equal")


class WebsocketShape(OperationShape):
    """A WebSocket operation: a message, and what must come back."""

    send: Annotated[Any, _Later(MessageShape)]
    expect: Annotated[str, *word(*get_args(Expect))] = "reply"
    until: Annotated[Any, _Later(UntilShape)] = None
    check: Annotated[Any, _Later(CheckShape)] = None


class MatchShape(_Shape):
    """Where a reply names the message it answers: one of json and regex."""

    json_: Name | None = Field(None, alias="json", description="dotted path")
    regex: Name | None = None


class PushesShape(_Shape):
    """Where the server's own messages carry their running number and the time they were sent at."""

    number: Name | None = None
    sent: Name | None = None


class WebsocketSettingsShape(_Shape):
    """How the connections of a scenario are made and kept."""

    path: Text = Field("", description="what follows the target's address: /path or ?query")
    headers: TextMapping | None = None
    bearer: Name | None = None
    subprotocols: Texts = ()
    compression: Truth = False
    on_open: Annotated[Any, _Later(MessageShape, wrap=list_of)] = None
    match: Annotated[Any, _Later(MatchShape, wrap=or_word("order"))] = None
    pushes: Annotated[Any, _Later(PushesShape)] = None
    ping: Duration | None = Field(None, description="time from one ping to the next; none are sent without it")
    ping_timeout: Duration = 10 * 10**9
    reconnect: Pause | None = Field(None, description="time to wait before a lost connection is made anew, or false")
    max_message: Size = 1_000_000


class StageShape(_Shape):
    """A linear move to the rate `over` a time, or a hold at it `for` a time."""

    rate: Rate
    over: Duration | None = None
    for_: Duration | None = Field(None, alias="for")


class LoadShape(_Shape):
    """Open by rate, open by stages, closed by users, or either over connections that are held."""

    rate: Rate | None = None
    duration: Duration | None = None
    ramp: Wait | None = Field(None, description="time to climb from 0 to the rate, within the duration")
    stages: Annotated[Any, _Later(StageShape, wrap=list_of)] = None
    arrivals: Annotated[str, *word(*get_args(Arrivals))] | None = None
    max_in_flight: Count | None = Field(None, description="arrivals beyond it are dropped, and counted")
    users: Count | None = None
    connections: Count | None = Field(None, description="connections that are opened at spawn_rate and held")
    senders: Seed | None = Field(None, description="how many of them send; all unless given")
    spawn_rate: Rate | None = None
    think: Think | None = None
    pacing: Duration | None = None


class FeederShape(_Shape):
    """Where the values of a {{name}} come from: one of sequence, random, values and file."""

    sequence: Numbers | None = None
    random: Numbers | None = None
    values: Texts | None = None
    file: Name | None = None
    column: Name | None = None
    order: Annotated[Literal["sequence", "random"], *word("sequence", "random")] | None = None


class HttpSettingsShape(_Shape):
    """HTTP behaviour of a scenario."""

    keep_alive: Truth = True
    cookies: Truth | None = None


class ScenarioShape(_Shape):
    """One load profile against one protocol."""

    driver: Annotated[Any, WithJsonSchema({"enum": ["http", "websocket", "null", None]})]
    load: Annotated[Any, _Later(LoadShape)]
    warmup: Wait = 0
    timeout: Duration = 10 * 10**9
    seed: Seed = 0
    operations: Annotated[Any, _Later(HttpShape, WebsocketShape, NullShape, wrap=list_of)] = None
    data: Annotated[Any, _Later(FeederShape, wrap=map_of)] = None
    thresholds: Annotated[Any, WithJsonSchema(list_of({"type": "string", "examples": ["p99 < 2s"]}))] = None
    http: Annotated[Any, _Later(HttpSettingsShape)] = None
    websocket: Annotated[Any, _Later(WebsocketSettingsShape)] = None


class SuiteShape(_Shape):
    """Scenarios that run one after the other."""

    scenarios: Texts
    duration: Duration | None = Field(None, description="longer scenarios are shortened to it, in proportion")


class PlanShape(_Shape):
    """A plan: where load goes, which scenarios there are, and which belong together."""

    version: Version
    target: Annotated[Any, _Later(TargetShape)] = None
    scenarios: Annotated[Any, _Later(ScenarioShape, wrap=map_of)]
    suites: Annotated[Any, _Later(SuiteShape, wrap=map_of)] = None
