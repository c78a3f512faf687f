"""The shape of a plan file, one pydantic model per mapping: what keys there are and how their values are written.

What depends on other parts of the file (forms of load, names, feeders) is read later. The published JSON Schema is
made from these models; those of each driver are in `shapes`.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, WithJsonSchema

from loadtests.plan.model import Arrivals, DriverName
from loadtests.plan.shapes.agent import AgentSettingsShape, AgentShape
from loadtests.plan.shapes.base import Later, Shape
from loadtests.plan.shapes.database import DatabaseSettingsShape, DatabaseShape
from loadtests.plan.shapes.http import HttpSettingsShape, HttpShape
from loadtests.plan.shapes.locust import LocustSettingsShape
from loadtests.plan.shapes.null import NullShape
from loadtests.plan.shapes.websocket import WebsocketSettingsShape, WebsocketShape
from loadtests.plan.values import (
    Count,
    Duration,
    Name,
    Numbers,
    Process,
    Rate,
    Seed,
    Texts,
    Think,
    Truth,
    Version,
    Wait,
    list_of,
    map_of,
    word,
)

__all__ = [
    "FeederShape",
    "LoadShape",
    "PlanShape",
    "ScenarioShape",
    "StageShape",
    "SuiteShape",
    "TargetShape",
    "TlsShape",
]


class TlsShape(Shape):
    """How the target's certificate is verified, and the client certificate shown to it."""

    ca: Name | None = None
    cert: Name | None = None
    key: Name | None = None
    verify: Truth = True


class TargetShape(Shape):
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
    tls: Annotated[Any, Later(TlsShape)] = None


class StageShape(Shape):
    """A linear move to the rate `over` a time, or a hold at it `for` a time."""

    rate: Rate
    over: Duration | None = None
    for_: Duration | None = Field(None, alias="for")


class LoadShape(Shape):
    """Open by rate, open by stages, closed by users, or either over connections that are held."""

    rate: Rate | None = None
    duration: Duration | None = None
    ramp: Wait | None = Field(None, description="time to climb from 0 to the rate, within the duration")
    stages: Annotated[Any, Later(StageShape, wrap=list_of)] = None
    arrivals: Annotated[str, *word(*get_args(Arrivals))] | None = None
    max_in_flight: Count | None = Field(None, description="arrivals beyond it are dropped, and counted")
    users: Count | None = None
    connections: Count | None = Field(None, description="connections that are opened at spawn_rate and held")
    senders: Seed | None = Field(None, description="how many of them send; all unless given")
    spawn_rate: Rate | None = None
    think: Think | None = None
    pacing: Duration | None = None


class FeederShape(Shape):
    """Where the values of a {{name}} come from: one of sequence, random, values and file."""

    sequence: Numbers | None = None
    random: Numbers | None = None
    values: Texts | None = None
    file: Name | None = None
    column: Name | None = None
    order: Annotated[Literal["sequence", "random"], *word("sequence", "random")] | None = None


_OPERATIONS = (HttpShape, WebsocketShape, DatabaseShape, AgentShape, NullShape)


class ScenarioShape(Shape):
    """One load profile against one protocol."""

    driver: Annotated[Any, WithJsonSchema({"enum": [*get_args(DriverName), None]})]
    load: Annotated[Any, Later(LoadShape)]
    warmup: Wait = 0
    timeout: Duration = 10 * 10**9
    seed: Seed = 0
    operations: Annotated[Any, Later(*_OPERATIONS, wrap=list_of)] = None
    data: Annotated[Any, Later(FeederShape, wrap=map_of)] = None
    thresholds: Annotated[Any, WithJsonSchema(list_of({"type": "string", "examples": ["p99 < 2s"]}))] = None
    http: Annotated[Any, Later(HttpSettingsShape)] = None
    websocket: Annotated[Any, Later(WebsocketSettingsShape)] = None
    database: Annotated[Any, Later(DatabaseSettingsShape)] = None
    agent: Annotated[Any, Later(AgentSettingsShape)] = None
    locust: Annotated[Any, Later(LocustSettingsShape)] = None
    allow_lost_workers: Seed = Field(0, description="machines of a distributed run that may be lost on the way")


class SuiteShape(Shape):
    """Scenarios that run one after the other."""

    scenarios: Texts
    duration: Duration | None = Field(None, description="longer scenarios are shortened to it, in proportion")


class PlanShape(Shape):
    """A plan: where load goes, which scenarios there are, and which belong together."""

    version: Version
    target: Annotated[Any, Later(TargetShape)] = None
    scenarios: Annotated[Any, Later(ScenarioShape, wrap=map_of)]
    suites: Annotated[Any, Later(SuiteShape, wrap=map_of)] = None
